"""What operators do, on a stack that checks keys: status, limits, forget, retention; and callers outside the app."""

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from local.stack import Stack
from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.errors import RateLimitedError
from shared.jobs.record import JobRecord, JobState
from shared.messages import Envelope
from shared.model.azure_openai import AzureOpenAIService
from shared.model.client import ChatMessage
from shared.quota.token_client import TokenClient
from shared.quota.token_limit_retry import with_token_limit_retry
from shared.storage.payloads import Payload
from tests.support.command import BASE_ENV, sluice
from tests.support.stack import stack

MASTER, KEY = "the-master-key", "a-host-key"
WITH_KEY = {"SLUICE_FUNCTION_KEY": KEY}
DEPLOYMENT = "gpt-4o-mini"
MESSAGES: list[ChatMessage] = [{"role": "user", "content": "Hello."}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("operations") / ".sluice"
    keys = ["--auth", "--key", f"_master={MASTER}", "--key", f"default={KEY}", "--key", "durabletask_extension=d"]
    with stack(data, model_args=["--engine", "instant", "--no-limits"], host_args=keys) as started:
        yield started


@pytest.fixture
async def backend(running: Stack) -> AsyncIterator[Backend]:
    connected = await connect(Settings.from_env(running.settings))
    yield connected
    await connected.close()


@pytest.fixture
async def client(running: Stack) -> AsyncIterator[TokenClient]:
    async with TokenClient("shop", running.settings["SLUICE_URL"], deployment=DEPLOYMENT, function_key=KEY) as opened:
        yield opened


def _sluice(
    running: Stack, *arguments: str, stdin: str = "", settings: Mapping[str, str] = WITH_KEY, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return sluice(*arguments, cwd=cwd or running.data.parent, stdin=stdin, settings=settings)


async def _job(backend: Backend, job_id: str, state: JobState, at: datetime) -> JobRecord:
    record = JobRecord.new("feedback", Envelope(job_id), Payload(2, "", inline="{}"), at)
    stored = await backend.store.add(
        record.changed(at, state=state, published_at=at if state.final else None, tokens=50)
    )
    assert stored is not None
    return stored


async def test_status_of_the_quota(running: Stack, client: TokenClient) -> None:
    allowed, request_id, _ = await client.lock_tokens(1000)
    assert allowed
    assert request_id is not None
    done = _sluice(running, "status", "--json")
    assert done.returncode == 0, done.stderr
    quota = json.loads(done.stdout)["quota"][DEPLOYMENT]
    assert quota["error"] is None
    assert quota["limits"]["tpm"] == 1_000_000
    assert quota["used_tokens"] >= 1000
    assert quota["used_share"] == quota["used_tokens"] / 1_000_000
    assert quota["open_locks"] >= 1
    assert set(quota) >= {
        *("booked_ahead_tokens", "pending", "next_free_s", "next_free_in_s", "reset_s", "bias", "guard_s", "throttles"),
        *("frozen_until_s", "frozen_for_s", "epoch", "usage"),
    }
    for_people = _sluice(running, "status").stdout
    assert "1,000,000 tokens/min" in for_people
    assert "used, last minute" in for_people
    await client.report_usage(request_id, 10, 5)


async def test_status_without_the_app(running: Stack, backend: Backend, tmp_path: Path) -> None:
    record = await _job(backend, "waits", JobState.PENDING, datetime.now(UTC) + timedelta(days=1))
    await backend.lines["feedback"].enqueue([record])
    elsewhere = {**running.settings, "SLUICE_URL": "http://127.0.0.1:1"}
    done = _sluice(running, "status", "--json", settings=elsewhere, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    quota = json.loads(done.stdout)["quota"][DEPLOYMENT]
    assert "gave no answer" in quota["error"]
    assert quota["pending"] == {"": 1}
    without_key = _sluice(running, "status", settings={})
    assert without_key.returncode == 0
    assert "refuses this identity or key (401)" in without_key.stdout
    assert "feedback-out" in without_key.stdout, "the queues are looked at directly then"
    assert "no app 1" in without_key.stdout
    assert await backend.pending.remove_job("feedback", "waits") == 1


async def test_status_can_be_watched(running: Stack) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "status", "--watch", "--json"),
        cwd=running.data.parent,
        env={**BASE_ENV, **WITH_KEY, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        seen = [json.loads(await asyncio.wait_for(process.stdout.readline(), 60)) for _ in range(2)]
        assert seen[0]["quota"][DEPLOYMENT]["now_s"] < seen[1]["quota"][DEPLOYMENT]["now_s"]
    finally:
        process.kill()
        await process.wait()


async def test_limits_are_shown_and_changed(running: Stack, client: TokenClient) -> None:
    before = json.loads(_sluice(running, "limits", DEPLOYMENT, "--json").stdout)["limits"]
    changed = _sluice(running, "limits", DEPLOYMENT, "--tpm", "30000", "--rpm", "60")
    assert changed.returncode == 0, changed.stderr
    assert "tpm 30,000, rpm 60" in changed.stdout
    assert (await client.get_status())["limits"] == {**before, "tpm": 30_000, "rpm": 60}
    wrong = _sluice(running, "limits", DEPLOYMENT, "--tpm", "0")
    assert (wrong.returncode, "tpm must be a number from 1" in wrong.stderr) == (2, True)
    unknown = _sluice(running, "limits", "nobody")
    assert (unknown.returncode, "no token counter for the deployment nobody" in unknown.stderr) == (2, True)
    await client.set_limits(before)


async def test_forget(running: Stack, backend: Backend) -> None:
    now = datetime.now(UTC)
    await _job(backend, "ended", JobState.SUCCEEDED, now)
    asked = _sluice(running, "forget", "ended", stdin="n\n")
    assert asked.returncode == 1
    assert await backend.store.get("feedback", "ended") is not None
    done = _sluice(running, "forget", "ended", "--json", stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 1
    assert await backend.store.get("feedback", "ended") is None
    assert _sluice(running, "forget", "ended", "--yes").returncode == 4

    await _job(backend, "runs", JobState.RUNNING, now)
    refused = _sluice(running, "forget", "runs", "--yes")
    assert (refused.returncode, "under way" in refused.stderr) == (1, True)
    assert _sluice(running, "forget", "runs", "--yes", "--force").returncode == 0
    assert await backend.store.get("feedback", "runs") is None


async def test_the_nightly_function_purges_and_the_token_counter_lives_on(
    running: Stack, backend: Backend, client: TokenClient
) -> None:
    now = datetime.now(UTC)
    calls = (await client.get_status())["usage"]["calls"]
    await _job(backend, "old", JobState.SUCCEEDED, now - timedelta(days=31))
    await _job(backend, "young", JobState.SUCCEEDED, now - timedelta(days=29))
    url = f"{running.settings['SLUICE_URL']}/admin/functions/retention"
    async with (
        aiohttp.ClientSession(headers={"x-functions-key": MASTER}) as session,
        session.post(url, json={"input": ""}) as answer,
    ):
        assert answer.status == 202
    deadline = time.monotonic() + 60
    while await backend.store.get("feedback", "old") is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert await backend.store.get("feedback", "young") is not None
    assert (await client.get_status())["usage"]["calls"] == calls


def _service(running: Stack, key: str | None) -> AzureOpenAIService:
    """As a caller outside the app has it."""
    return AzureOpenAIService(
        DEPLOYMENT,
        "shop",
        running.settings["SLUICE_URL"],
        token_counter_key=key,
        endpoint=running.settings["AZURE_OPENAI_ENDPOINT"],
        api_key="local",
    )


async def test_the_service_alone_locks_calls_and_reports(running: Stack, client: TokenClient) -> None:
    before = await client.get_status()
    async with _service(running, KEY) as service:
        usage = (await service.chat_completion(MESSAGES, max_tokens=300)).usage
    after = await client.get_status()
    assert after["usage"] == {
        "calls": before["usage"]["calls"] + 1,
        "prompt_tokens": before["usage"]["prompt_tokens"] + usage.input_tokens,
        "completion_tokens": before["usage"]["completion_tokens"] + usage.output_tokens,
    }
    assert after["open_locks"] == before["open_locks"]
    assert after["used_tokens"] >= 300
    async with _service(running, None) as service:
        with pytest.raises(RateLimitedError, match="refuses this identity or key"):
            await service.chat_completion(MESSAGES, max_tokens=300)


async def test_the_service_alone_waits_for_the_quota_by_the_counters_word(running: Stack, client: TokenClient) -> None:
    limits = (await client.get_status())["limits"]
    await client.set_limits({"tpm": 100})
    slept_s = []

    async def sleep(delay_s: float) -> None:
        slept_s.append(delay_s)
        await client.set_limits(limits)

    async with _service(running, KEY) as service:
        completion = await with_token_limit_retry(
            service.chat_completion, client, MESSAGES, max_tokens=300, max_retries=2, sleep=sleep
        )
    assert completion.text
    assert len(slept_s) == 1


async def test_a_lock_that_is_asked_for_twice_is_one_lock(running: Stack, client: TokenClient) -> None:
    url = f"{running.settings['SLUICE_URL']}/api/tokens/{DEPLOYMENT}/lock"
    before = await client.get_status()
    body = {"app_id": "shop", "token_count": 777, "id": secrets.token_hex(16)}
    async with aiohttp.ClientSession(headers={"x-functions-key": KEY}) as session:
        answers = []
        for _ in range(2):
            async with session.post(url, json=body) as response:
                answers.append(await response.json())
    assert answers[0]["allowed"] is True
    assert answers[0]["request_id"] == answers[1]["request_id"]
    assert answers[0]["until_s"] == answers[1]["until_s"]
    assert answers[0]["now_s"] < answers[1]["now_s"]
    assert (await client.get_status())["open_locks"] == before["open_locks"] + 1
    await client.release_tokens(answers[0]["request_id"])
    assert (await client.get_status())["open_locks"] == before["open_locks"]
