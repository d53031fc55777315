"""Feedback through the whole stack: good and bad messages, and everything that the model can do wrong."""

import hashlib
import json
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from shared.bootstrap import CLAIM_CHECK_CONTAINER, connect
from shared.config import Settings
from tests.e2e.conftest import MAX_ATTEMPTS, System

SECRET = "the customer's own words"


def _body(text: str, **fields: Any) -> bytes:
    return json.dumps({"text": text, **fields}).encode()


async def test_every_message_gets_exactly_one_outcome(system: System, unique: str) -> None:
    good = {f"{unique}-good-{i}": _body(f"{SECRET} {i}", feedback_id=f"f{i}", metadata={"order": i}) for i in range(20)}
    bad = {
        f"{unique}-empty": b"",
        f"{unique}-text": b"just words",
        f"{unique}-bytes": b"\xff\xfe\x00",
        f"{unique}-field": _body("x", colour="red"),
        f"{unique}-blank": _body(" "),
        f"{unique}-huge": _body("x" * 20_001),
        f"{unique}/odd?id#\\ é": b"[]",
    }
    system.send(good | bad)
    system.send(good | bad)  # duplicates change nothing
    outcomes = await system.outcomes([*good, *bad])
    assert all(outcomes[i]["status"] == "succeeded" for i in good)
    first = outcomes[f"{unique}-good-0"]["result"]
    assert (first["feedback_id"], first["metadata"]) == ("f0", {"order": 0})
    assert set(first) >= {"sentiment", "category", "hashtags", "summary", "suggested_action", "urgency", "language"}
    assert {outcomes[i]["error"]["code"] for i in bad} == {"invalid_message"}
    assert outcomes[f"{unique}-field"]["error"]["field"] == "colour"


async def test_originals_of_bad_messages_are_kept_byte_for_byte(system: System, unique: str) -> None:
    body = b'{"text": "\xc3\x28"} \x00'
    system.send({unique: body})
    await system.outcomes([unique])
    backend = await connect(Settings.from_env(system.env))
    try:
        record = await backend.store.get("feedback", unique)
        assert record is not None
        assert await backend.failed_jobs.body(record) == body
    finally:
        await backend.close()


async def test_each_outcome_has_the_correlation_id_of_its_own_message(system: System, unique: str) -> None:
    system.send({f"{unique}-{i}": _body("x") for i in range(0, 10, 2)}, correlation_id=f"{unique}-shared")
    system.send({f"{unique}-{i}": _body("x") for i in range(1, 10, 2)})
    ids = [f"{unique}-{i}" for i in range(10)]
    await system.outcomes(ids)
    found = {m: c for m, c in system.published() if m.startswith(unique)}
    assert found == {f"{i}:0": i if int(i[-1]) % 2 else f"{unique}-shared" for i in ids}


FAULTS: dict[str, tuple[dict[str, Any], str, int]] = {
    # name: the fault, how the job ends (code of its error), after how many attempts
    "unavailable-once": ({"kind": "status", "status": 503}, "", 2),
    "throttled-once": ({"kind": "status", "status": 429, "headers": {"retry-after": "1"}}, "", 1),
    "throttled-oddly": ({"kind": "status", "status": 429, "headers": {"retry-after": "-1"}}, "", 1),
    "timeout-once": ({"kind": "delay", "delay_ms": 5000}, "", 2),
    "request-timeout-once": ({"kind": "status", "status": 408}, "", 2),
    "dropped-once": ({"kind": "drop", "at": "mid_body"}, "", 2),
    "garbled-once": ({"kind": "invalid_json"}, "", 2),
    "not-json-once": ({"kind": "invalid_content"}, "", 1),
    "wrong-schema-once": ({"kind": "schema_violation"}, "", 1),
    "always-unavailable": ({"kind": "status", "status": 500, "count": None}, "model_unavailable", MAX_ATTEMPTS),
    "always-wrong-schema": ({"kind": "schema_violation", "count": None}, "invalid_output", 1),
    "always-cut-off": ({"kind": "truncate", "count": None}, "invalid_output", 1),
    "prompt-filtered": ({"kind": "content_filter", "on": "prompt", "count": None}, "content_filtered", 1),
    "answer-filtered": ({"kind": "content_filter", "on": "completion", "count": None}, "content_filtered", 1),
    "rejected": ({"kind": "status", "status": 400, "count": None}, "model_request_rejected", 1),
    "not-found": ({"kind": "status", "status": 404, "count": None}, "model_request_rejected", 1),
}


async def test_faults_of_the_model_end_as_they_should(system: System, unique: str) -> None:
    system.control("POST", "reset")
    faults = [{**fault, "match": {"contains": f"{unique}-{name}-"}} for name, (fault, _, _) in FAULTS.items()]
    system.control("POST", "faults", faults)
    ids = {name: f"{unique}-{name}" for name in FAULTS}
    system.send({job_id: _body(f"{SECRET} {job_id}- end") for job_id in ids.values()})
    outcomes = await system.outcomes(list(ids.values()))
    system.control("POST", "reset")
    ended = {name: (outcomes[i].get("error", {}).get("code", ""), outcomes[i]["attempts"]) for name, i in ids.items()}
    assert ended == {name: (code, attempts) for name, (_, code, attempts) in FAULTS.items()}


async def test_large_bodies_come_by_claim_check(system: System, unique: str) -> None:
    body = _body("a long story", metadata={"attachment": "x" * 400_000})
    blobs = BlobServiceClient.from_connection_string(system.env["AzureWebJobsStorage"])
    with blobs, blobs.get_container_client(CLAIM_CHECK_CONTAINER) as container:
        if not container.exists():
            container.create_container()
        container.upload_blob(f"{unique}.json", body)
    digest = hashlib.sha256(body).hexdigest()
    system.send({unique: b""}, properties={"claim_check": f"{unique}.json", "claim_check_sha256": digest})
    outcomes = await system.outcomes([unique])
    assert outcomes[unique]["result"]["metadata"] == {"attachment": "x" * 400_000}


async def test_foreign_message_on_the_run_queue_becomes_a_failed_job(system: System, unique: str) -> None:
    system.send({unique: b"who am I"}, queue="feedback-run")
    outcomes = await system.outcomes([unique])
    assert outcomes[unique]["error"]["code"] == "abandoned"
    assert "MaxDeliveryCountExceeded" in outcomes[unique]["error"]["message"]


@pytest.mark.parametrize("part", ["host", "model", "service_bus", "azurite"])
async def test_logs_never_show_what_customers_wrote(system: System, unique: str, part: str) -> None:
    system.send({f"{unique}-{i}": body for i, body in enumerate((_body(SECRET), SECRET.encode()))})
    await system.outcomes([f"{unique}-0", f"{unique}-1"])
    log = (system.logs / f"{part}.log").read_text(errors="replace")
    assert SECRET not in log
    assert system.env["AzureWebJobsStorage"].split("AccountKey=")[1].split(";")[0] not in log
    if part == "host":
        assert f"job_id={unique}-0" in log
