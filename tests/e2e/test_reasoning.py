"""Reasoning jobs through the whole stack."""

import asyncio
import json
import time
import urllib.request
from typing import Any

from shared.bootstrap import connect
from shared.config import Settings
from tests.e2e.conftest import System


def body(**fields: Any) -> bytes:
    return json.dumps({"task": "Which of these say that something was late?", **fields}).encode()


async def test_a_job_goes_through_its_steps_and_ends_once(system: System, unique: str) -> None:
    inputs = [{"id": "a", "text": f"The parcel {unique} was late."}, {"id": "b", "text": "Lovely colours."}]
    schema = {"type": "object", "properties": {"late": {"type": "array", "items": {"type": "string"}}}}
    system.send({f"r-{unique}": body(inputs=inputs, response_schema=schema)}, queue="reasoning-in")
    outcome = (await system.outcomes([f"r-{unique}"], "reasoning"))[f"r-{unique}"]
    assert outcome["status"] == "succeeded"
    result = outcome["result"]
    assert isinstance(result["answer"].get("late", []), list)
    assert {step["name"] for step in result["steps"]} >= {"plan", "solve", "verify"}
    assert 0 <= result["confidence"] <= 1
    assert outcome["usage"] == result["usage"]


async def test_a_planted_wrong_answer_brings_about_exactly_one_revision(system: System, unique: str) -> None:
    inputs = [{"id": "a", "text": f"The parcel {unique} was late."}]
    refusal = json.dumps({"check": "Looked up.", "verdict": "wrong", "problems": ["It isn't in the inputs."]})
    planted = {"kind": "answer", "text": refusal, "match": {"contains": "and compare. The verdict is"}}
    system.control("POST", "faults", planted)
    system.send({f"w-{unique}": body(inputs=inputs)}, queue="reasoning-in")
    outcome = (await system.outcomes([f"w-{unique}"], "reasoning"))[f"w-{unique}"]
    names = [step["name"] for step in outcome["result"]["steps"]]
    assert names.count("revise") == 1, outcome
    assert names.count("verify-2") == 1


async def test_bad_requests_end_as_failures_that_name_the_field(system: System, unique: str) -> None:
    bad = {
        f"task-{unique}": (b'{"task": " "}', "task"),
        f"schema-{unique}": (body(response_schema={"$ref": "https://example.com/x.json"}), "response_schema"),
        f"inputs-{unique}": (body(inputs=[{"id": "a", "blob_url": "https://evil.example/x/y"}]), "inputs"),
        f"json-{unique}": (b"{", None),
    }
    system.send({job_id: raw for job_id, (raw, _) in bad.items()}, queue="reasoning-in")
    outcomes = await system.outcomes(list(bad), "reasoning")
    for job_id, (_, field) in bad.items():
        error = outcomes[job_id]["error"]
        assert error["code"] == "invalid_message", error
        assert field is None or error["field"].startswith(field), error


async def test_a_failed_job_is_replayed_from_where_it_stopped(system: System, unique: str) -> None:
    """The answers to `solve` are spoilt until the job fails; its replay has the plan already."""
    job_id = f"again-{unique}"
    fault = {"kind": "invalid_json", "match": {"contains": f"{unique} candidate"}, "count": None}
    fault_id = system.control("POST", "faults", fault)["ids"][0]
    system.send({job_id: body(task=f"Explain {unique} candidate.")}, queue="reasoning-in")
    assert (await system.outcomes([job_id], "reasoning"))[job_id]["status"] == "failed"
    system.control("DELETE", f"faults/{fault_id}")
    done = await asyncio.to_thread(system.sluice, "errors", "retry", job_id, "--kind", "reasoning")
    assert done.returncode == 0, done.stderr
    await asyncio.to_thread(_until_succeeded, system, job_id)


async def test_progress_is_told_while_a_job_runs(system: System, unique: str) -> None:
    delay = {"kind": "delay", "delay_ms": 1500, "match": {"contains": unique}, "count": None}
    fault_id = system.control("POST", "faults", delay)["ids"][0]
    system.send({f"slow-{unique}": body(task=f"What is {unique}?")}, queue="reasoning-in")
    seen = await asyncio.to_thread(_progress, system, f"slow-{unique}")
    assert 1 <= seen["step"] <= seen["of"]
    assert 0 <= seen["percent"] < 100
    assert unique not in seen["doing"]
    system.control("DELETE", f"faults/{fault_id}")
    assert (await system.outcomes([f"slow-{unique}"], "reasoning"))[f"slow-{unique}"]["status"] == "succeeded"


async def test_a_job_that_is_forgotten_leaves_nothing(system: System, unique: str) -> None:
    job_id = f"gone-{unique}"
    system.send({job_id: body(task=f"Forget {unique}.")}, queue="reasoning-in")
    await system.outcomes([job_id], "reasoning")
    done = await asyncio.to_thread(system.sluice, "forget", job_id, "--kind", "reasoning", "--yes")
    assert done.returncode == 0, done.stderr
    backend = await connect(Settings.from_env(system.env))
    try:
        assert await backend.store.get("reasoning", job_id) is None
        assert (await backend.own_blobs.find(f"reasoning/{job_id}/"))[0] == []
    finally:
        await backend.close()


def _progress(system: System, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{system.env['SLUICE_URL']}/api/progress/reasoning") as answer:  # noqa: S310
            jobs = json.load(answer)["jobs"]
        found = [job for job in jobs if job["job_id"] == job_id and "step" in job]
        if found:
            return dict(found[0])
        time.sleep(0.1)
    raise AssertionError("no progress was told")


def _until_succeeded(system: System, job_id: str) -> None:
    async def state() -> str:
        backend = await connect(Settings.from_env(system.env))
        try:
            record = await backend.store.get("reasoning", job_id)
            return str(record and record.state)
        finally:
            await backend.close()

    deadline = time.monotonic() + 60
    while asyncio.run(state()) != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.3)
