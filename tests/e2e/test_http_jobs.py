"""Jobs over HTTP through the whole stack: submitted, followed, failed, run again, cancelled, counted."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.e2e.conftest import WEBHOOK_PORT, System
from tests.e2e.test_audio import SPEECH, upload

type Answer = tuple[int, Any, Mapping[str, str]]


class Api:
    """Asks the app as any program would."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(method, f"/api/{path}", data=data, headers=sent) as response:
            text = await response.read()
            return response.status, json.loads(text) if text else None, response.headers

    async def ended(self, link: str) -> dict[str, Any]:
        """A job when it has ended, by long-polling."""
        for _ in range(6):
            status, job, _ = await self("GET", f"{link.removeprefix('/api/')}&wait=20")
            assert status == 200, job
            if job["status"] not in ("pending", "running"):
                found: dict[str, Any] = job
                return found
        raise AssertionError(job)


@pytest.fixture
async def api(system: System) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(system.env["SLUICE_URL"]) as session:
        yield Api(session)


async def test_jobs_of_each_kind_from_submission_to_result(system: System, api: Api, unique: str) -> None:
    audio = await asyncio.to_thread(upload, system, f"{unique}.flac", SPEECH.read_bytes())
    bodies = {
        "feedback": {"text": f"The parcel {unique} came late."},
        "reasoning": {"task": f"Explain {unique}."},
        "audio": {"audio": audio},
    }
    links = {}
    for kind, body in bodies.items():
        status, job, headers = await api("POST", f"jobs/{kind}?run={unique}", body, X_Correlation_Id=unique)
        assert status == 202, job
        assert headers["Location"] == job["links"]["self"]
        assert (job["kind"], job["status"], job["correlation_id"]) == (kind, "pending", unique)
        links[kind] = job["links"]
    for kind, link in links.items():
        job = await api.ended(link["self"])
        assert job["status"] == "succeeded", job
        status, outcome, _ = await api("GET", link["result"].removeprefix("/api/"))
        assert (status, outcome["status"], outcome["kind"]) == (200, "succeeded", kind)
        assert outcome["result"]


async def test_sent_again_it_is_the_same_job(system: System, api: Api, unique: str) -> None:
    body = {"text": f"Sent twice {unique}"}
    first, again = [await api("POST", "jobs/feedback", body, Idempotency_Key=unique) for _ in range(2)]
    assert (first[0], again[0], first[1]["id"]) == (202, 202, again[1]["id"])
    status, problem, headers = await api("POST", "jobs/feedback", {"text": "Other"}, Idempotency_Key=unique)
    assert (status, problem["code"], headers["Content-Type"]) == (409, "id_taken", "application/problem+json")
    await api.ended(first[1]["links"]["self"])
    ids = [job_id for job_id, _ in await asyncio.to_thread(system.published)]
    assert sum(job_id.startswith(first[1]["id"]) for job_id in ids) == 1


async def test_a_job_that_has_not_changed_is_not_sent(api: Api, unique: str) -> None:
    _, job, _ = await api("POST", "jobs/feedback", {"text": unique})
    await api.ended(job["links"]["self"])
    path = f"jobs/{job['id']}?kind=feedback"
    deadline = time.monotonic() + 30
    while "published_at" not in (await api("GET", path))[1]:  # the last that changes
        assert time.monotonic() < deadline
    _, _, headers = await api("GET", path)
    status, nothing, again = await api("GET", path, If_None_Match=headers["ETag"])
    assert (status, nothing, again["ETag"]) == (304, None, headers["ETag"])


async def test_a_failed_job_is_listed_and_runs_again_with_a_mended_body(system: System, api: Api, unique: str) -> None:
    fault = {"kind": "content_filter", "on": "prompt", "match": {"contains": unique}, "count": None}
    fault_id = system.control("POST", "faults", fault)["ids"][0]
    _, job, _ = await api("POST", f"jobs/feedback?app={unique}", {"text": f"Spoilt {unique}"})
    assert (await api.ended(job["links"]["self"]))["error"]["code"] == "content_filtered"
    system.control("DELETE", f"faults/{fault_id}")
    _, page, _ = await api("GET", f"errors?app={unique}")
    assert [(one["id"], one["code"]) for one in page["errors"]] == [(job["id"], "content_filtered")]
    _, page, _ = await api("GET", f"jobs?status=failed&app={unique}")
    assert [one["id"] for one in page["jobs"]] == [job["id"]]
    status, problem, _ = await api("POST", f"jobs/{job['id']}/retry", {"text": ""})
    assert (status, problem["code"], problem["field"]) == (400, "invalid_message", "text")
    status, again, _ = await api("POST", f"jobs/{job['id']}/retry", {"text": f"Mended {unique}"})
    assert (status, again["replay"]) == (202, 1)
    assert (await api.ended(job["links"]["self"]))["status"] == "succeeded"
    assert (await api("GET", f"errors?app={unique}"))[1]["errors"] == []
    status, problem, _ = await api("POST", f"jobs/{job['id']}/retry")
    assert (status, problem["code"]) == (409, "conflict")


async def test_failures_run_again_together(system: System, api: Api, unique: str) -> None:
    fault = {"kind": "content_filter", "on": "prompt", "match": {"contains": unique}, "count": None}
    fault_id = system.control("POST", "faults", fault)["ids"][0]
    batch = [{"id": f"{n}-{unique}", "body": {"text": f"Spoilt {unique}"}} for n in range(3)]
    status, taken, _ = await api("POST", f"jobs/feedback?app={unique}", batch)
    assert (status, [job["id"] for job in taken["jobs"]]) == (202, [one["id"] for one in batch])
    for job in taken["jobs"]:
        assert (await api.ended(job["links"]["self"]))["status"] == "failed"
    system.control("DELETE", f"faults/{fault_id}")
    ids = [f"0-{unique}", f"2-{unique}", f"none-{unique}"]
    status, answer, _ = await api("POST", "errors/replay", {"kind": "feedback", "ids": ids})
    assert (status, answer["replayed"], answer["refused"][0]["code"]) == (202, ids[:2], "not_found")
    for number, expected in enumerate(("succeeded", "failed", "succeeded")):
        assert (await api.ended(taken["jobs"][number]["links"]["self"]))["status"] == expected


async def test_a_job_of_several_calls_is_cancelled_while_it_runs(system: System, api: Api, unique: str) -> None:
    delay = {"kind": "delay", "delay_ms": 2000, "match": {"contains": unique}, "count": None}
    fault_id = system.control("POST", "faults", delay)["ids"][0]
    _, job, _ = await api("POST", f"jobs/reasoning?id=c-{unique}", {"task": f"What is {unique}?"})
    deadline = time.monotonic() + 60
    while (await api("GET", f"jobs/c-{unique}"))[1]["status"] != "running":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    status, cancelled, _ = await api("DELETE", f"jobs/c-{unique}?kind=reasoning")
    assert (status, cancelled["status"]) == (200, "cancelled")
    system.control("DELETE", f"faults/{fault_id}")
    status, outcome, _ = await api("GET", job["links"]["result"].removeprefix("/api/"))
    assert (status, outcome["status"]) == (200, "cancelled")
    assert (await api("DELETE", f"jobs/c-{unique}"))[0] == 200, "twice is no error"
    while any(one["job_id"] == f"c-{unique}" for one in (await api("GET", "progress/reasoning"))[1]["jobs"]):
        assert time.monotonic() < deadline, "its orchestration goes on"
        await asyncio.sleep(0.2)
    assert (await api("GET", f"jobs/c-{unique}"))[1]["status"] == "cancelled"
    ended = await api("POST", "jobs/feedback", {"text": unique})
    await api.ended(ended[1]["links"]["self"])
    status, problem, _ = await api("DELETE", f"jobs/{ended[1]['id']}")
    assert (status, problem["code"]) == (409, "job_ended")


async def test_what_is_wrong_with_a_submission_is_said_and_leaves_nothing(api: Api, unique: str) -> None:
    too_large = b'{"text": "' + b"x" * 4_000_000 + b'"}'
    deep = b'{"text": "a", "metadata": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    for body, status, code in (
        (too_large, 413, "body_too_large"),
        (deep, 400, "invalid_message"),
        (b"{", 400, "invalid_message"),
        (b'{"text": "\xff"}', 400, "invalid_message"),
        (b'[{"body": {"text": "a"}}, {"body": {"text": " "}}]', 400, "invalid_batch"),
        (b'{"audio": "https://evil.example/a.wav"}', 400, "invalid_message"),
    ):
        found, problem, _ = await api("POST", f"jobs/feedback?run={unique}&app={unique}", body)
        assert (found, problem["code"]) == (status, code), problem
        assert problem["trace_id"]
    status, problem, _ = await api("POST", "jobs/audio", {"audio": "https://evil.example/a.wav"})
    assert (status, problem["code"]) == (400, "audio_not_allowed")
    status, problem, _ = await api("POST", "jobs/feedback", b"text=a", Content_Type="text/plain")
    assert (status, problem["code"]) == (415, "unsupported_media_type")
    assert (await api("GET", f"jobs?app={unique}"))[1]["jobs"] == []


async def test_the_status_counts_what_was_done(api: Api, unique: str) -> None:
    before = (await api("GET", "status"))[1]["kinds"]["feedback"]
    jobs = [(await api("POST", "jobs/feedback", {"text": f"{unique} {n}"}))[1] for n in range(3)]
    for job in jobs:
        await api.ended(job["links"]["self"])
    deadline = time.monotonic() + 10  # it is told again for two seconds
    while True:
        _, facts, _ = await api("GET", "status")
        after = facts["kinds"]["feedback"]
        if after["states"]["succeeded"]["count"] - before["states"]["succeeded"]["count"] >= 3:
            break
        assert time.monotonic() < deadline, after
        await asyncio.sleep(0.3)
    assert after["last_hour"]["accepted"] - before["last_hour"]["accepted"] >= 3
    assert len(after["minutes"]) == 60
    assert facts["deployments"]["gpt-4o-mini"]["limits"]["tpm"] > 0
    assert facts["dead_letters"]["feedback"]["feedback-in"] is not None
    assert "error" not in json.dumps(facts["logs"])


async def test_ready_says_how_each_thing_is(api: Api) -> None:
    status, report, headers = await api("GET", "health/ready")
    assert (status, headers["Content-Type"]) == (200, "application/health+json"), report
    assert set(report["checks"]) >= {
        *("storage:tables", "storage:blobs", "servicebus:queue", "entity:gpt-4o-mini", "model:gpt-4o-mini"),
        *("disk:free", "configuration"),
    }
    assert all(one["status"] in ("pass", "warn") and one["time"] for some in report["checks"].values() for one in some)
    assert (await api("GET", "health/live"))[1] == {"status": "pass"}


async def test_a_webhook_into_the_machine_is_never_called(system: System, api: Api, unique: str) -> None:
    """The host is on the list, so the submission is taken; but its name leads to this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", WEBHOOK_PORT))
        listening.listen()
        listening.setblocking(False)
        url = f"https://localhost:{WEBHOOK_PORT}/{unique}"
        _, job, _ = await api("POST", f"jobs/feedback?webhook={quote(url, safe='')}", {"text": unique})
        assert (await api.ended(job["links"]["self"]))["status"] == "succeeded"
        told = await asyncio.to_thread(_wait_for_line, system, f"webhook_unanswered job_id={job['id']}")
        assert "OSError" in told or "ClientConnector" in told
        with pytest.raises(BlockingIOError):
            listening.accept()
    status, problem, _ = await api("POST", "jobs/feedback?webhook=https%3A%2F%2Fother.example", {"text": unique})
    assert (status, problem["code"]) == (400, "invalid_webhook")


def _wait_for_line(system: System, text: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in system.logs.rglob("*"):
            if path.is_file():
                for line in path.read_text(errors="replace").splitlines():
                    if text in line:
                        return line
        time.sleep(0.3)
    raise AssertionError(f"No line of the log says {text}.")
