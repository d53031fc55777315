"""The app's own logs, through the whole system: written by every process, shipped, indexed, found; and then silence."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from cli.main import app
from shared.bootstrap import connect
from shared.config import Settings
from shared.errors import ConfigurationError
from shared.log_services import LogServices, connect_logs
from shared.logs.search import LogQuery
from shared.logs.verify import LogFacts, LogState
from tests.e2e.site import Site
from tests.support.azurite import Azurite
from tests.support.stack import stack

QUIET_S = 1.0  # what the stack sets


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a storage that the command finds, which that of `site` isn't."""
    options = {"host_env": {"SLUICE_LOGS_SCHEDULE": "* * * * * *"}}
    model = ["--engine", "instant", "--tpm", "1000000", "--latency-ms", "50-150"]
    with stack(tmp_path_factory.mktemp("logs") / ".sluice", model_args=model, **options) as running:
        yield Site(running, cast(Azurite, None), {})


async def published(system: Site, ids: list[str]) -> None:
    backend = await connect(Settings.from_env(system.env))
    try:
        for job_id in ids:
            await system.took_s(backend, job_id)
    finally:
        await backend.close()


@asynccontextmanager
async def logs_of(system: Site) -> AsyncIterator[LogServices]:
    settings = Settings.from_env(system.env)
    logs = connect_logs(settings.logs, settings.blobs, settings.tables)
    yield logs
    await logs.close()


def recent(**conditions: str) -> LogQuery:
    now = datetime.now(UTC)
    return LogQuery(now - timedelta(minutes=10), now + timedelta(minutes=1), **conditions)


async def all_indexed(system: Site, logs: LogServices) -> list[LogFacts]:
    """Wait until nothing is on its way, and return what is indexed."""
    deadline_s = time.monotonic() + 60
    folder = system.stack.data / "app-logs"
    while True:
        indexed = await logs.search.files(recent())
        waiting = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        if not waiting and {facts.blob for facts in indexed} == set(await blobs(logs)):
            return indexed
        assert time.monotonic() < deadline_s, f"{waiting}"
        await asyncio.sleep(0.1)


async def blobs(logs: LogServices) -> list[str]:
    return [blob.name async for blob in logs.blobs.get_container_client("sluice-logs").list_blobs()]


async def test_a_jobs_lines_are_found_across_host_processes_and_then_it_is_quiet(system: Site) -> None:
    async with logs_of(system) as logs:
        with system.second_host():
            ids = system.jobs(40)
            await published(system, ids)
            indexed = await all_indexed(system, logs)
        assert len({facts.instance for facts in indexed}) == 2
        assert {facts.state for facts in indexed} == {LogState.OK}

        by_instance: dict[str, set[str]] = {}
        wanted = {"job_accepted", "job_started", "model_called", "job_succeeded", "job_published"}
        for job_id in ids:
            lines = [line.fields async for line in logs.search.lines(recent(job_id=job_id))]
            assert {line["event"] for line in lines} >= wanted
            assert {line["job_id"] for line in lines} == {job_id}
            assert all(line["invocation_id"] for line in lines)
            by_instance[job_id] = {line["instance"] for line in lines}
        wide = [job_id for job_id, instances in by_instance.items() if len(instances) == 2]
        assert wide, "some job went through both hosts"

        found = system.sluice("logs", "search", "--job", wide[0], "--json")
        assert found.returncode == 0, found.stderr
        times = [json.loads(line)["time"] for line in found.stdout.splitlines()]
        assert {json.loads(line)["instance"] for line in found.stdout.splitlines()} == by_instance[wide[0]]
        assert times == sorted(times)

        # Sweeps run every second all the while.
        before = await blobs(logs)
        await asyncio.sleep(5 * QUIET_S)
        assert await blobs(logs) == before, "shipping and indexing logs has made logs"


def test_what_people_see(system: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(system.stack.data.parent)

    def sluice_logs(*arguments: str) -> tuple[int, str]:
        code = app(["logs", *arguments], standalone_mode=False)
        return code, capsys.readouterr().out

    code, shown = sluice_logs("tail", "-n", "5")
    assert (code, len(shown.splitlines())) == (0, 5)
    assert "ok" in sluice_logs("list")[1]
    code, shown = sluice_logs("list", "--json")
    assert {json.loads(line)["state"] for line in shown.splitlines()} == {"ok"}
    assert sluice_logs("list", "--gaps") == (0, "No files are missing.\n")
    code, shown = sluice_logs("search", "--text", "JOB_PUBLISHED", "--limit", "3")
    assert len(shown.splitlines()) == 3
    assert "job_published job_id=" in shown
    assert sluice_logs("search", "--job", "no-such-job") == (4, "")
    with pytest.raises(ConfigurationError, match="is no time"):
        sluice_logs("search", "--since", "yesterday")


async def test_a_killed_worker_loses_no_line_on_this_disk(system: Site) -> None:
    """The disk outlives the process here: its successor ships what it left."""
    async with logs_of(system) as logs:
        ids = system.jobs(20)
        await published(system, ids)
        system.stack.parts["host"].kill()
        system.stack.parts["host"].wait_ready(starts=2)
        await published(system, system.jobs(1))
        await all_indexed(system, logs)
        lines = [line.fields async for line in logs.search.lines(recent(text="job_published"))]
        assert set(ids) <= {line["job_id"] for line in lines}
