"""The registry of health checks."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from shared.errors import ConfigurationError, StorageError
from shared.health.checker import HealthChecker
from shared.health.checks import ConfigurationHealthCheck, DiskHealthCheck, EntityHealthCheck, ModelHealthCheck
from shared.health.results import Finding, HealthStatus, worst
from shared.http_api import endpoints
from shared.http_api.health import KEEP_S, HealthApi, live
from shared.http_api.messages import Call, Request, Trail

PASS, WARN, FAIL = HealthStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALL = Call(Request("GET", "/api/health/ready"), Trail("c", "t"))


@dataclass
class Check:
    """Does what the test says."""

    name: str
    act: Callable[[], Awaitable[Finding]]
    component_type: str = "component"
    timeout_s: float = 5.0
    critical: bool = True
    calls: int = 0

    async def check(self) -> Finding:
        self.calls += 1
        return await self.act()


async def well() -> Finding:
    return Finding(PASS)


def raising(error: Exception) -> Callable[[], Awaitable[Finding]]:
    async def act() -> Finding:
        raise error

    return act


async def never() -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def test_as_in_the_source_documents() -> None:
    health_checker = HealthChecker("my-service", lambda: NOW)
    health_checker.add_check(Check("database", well))
    health_checker.add_check(Check("redis", well))
    result = await health_checker.run_all_checks()
    assert result.status is PASS
    report = result.as_dict()
    assert (report["status"], report["serviceId"], set(report["checks"])) == (
        "pass",
        "my-service",
        {"database", "redis"},
    )
    (database,) = report["checks"]["database"]
    assert (database["status"], database["observedUnit"], database["time"]) == ("pass", "ms", NOW.isoformat())
    assert database["observedValue"] >= 0


async def test_checks_run_side_by_side_within_their_time() -> None:
    checker = HealthChecker("s")
    for number in range(5):
        checker.add_check(Check(f"slow {number}", never, timeout_s=0.2))
    checker.add_check(Check("well", well))
    begun_s = time.monotonic()
    report = await checker.run_all_checks()
    assert time.monotonic() - begun_s < 1.0
    assert [result.finding.status for result in report.results] == [FAIL] * 5 + [PASS]
    assert report.results[0].finding.output == "No answer within 0.2 s."


async def test_failures_say_what_happened_and_no_secrets() -> None:
    checker = HealthChecker("s")
    checker.add_check(Check("ours", raising(StorageError("Reading a table: storage answered 500."))))
    checker.add_check(Check("theirs", raising(RuntimeError("https://account/?sig=secret"))))
    report = await checker.run_all_checks()
    text = json.dumps(report.as_dict())
    assert "storage answered 500" in text
    assert "secret" not in text
    assert report.status is FAIL


async def test_what_is_not_critical_is_a_warning() -> None:
    checker = HealthChecker("s")
    checker.add_check(Check("model", raising(OSError()), critical=False))
    checker.add_check(Check("well", well))
    assert (await checker.run_all_checks()).status is WARN


def test_the_worst_counts() -> None:
    assert worst([]) is PASS
    assert worst([PASS, WARN, PASS]) is WARN
    assert worst([FAIL, WARN]) is FAIL


async def test_reports_are_told_again_for_some_seconds() -> None:
    now_s = 0.0
    check = Check("well", well)
    api = HealthApi("s", [check], "1a2b", lambda: now_s)
    answers = await asyncio.gather(*(api.ready(CALL) for _ in range(20)))
    assert check.calls == 1
    assert {answer.status for answer in answers} == {200}
    assert json.loads(answers[0].body)["releaseId"] == "1a2b"
    assert answers[0].content_type == "application/health+json"
    now_s = KEEP_S
    check.act = raising(StorageError())
    assert (await api.ready(CALL)).status == 503
    assert check.calls == 2


async def test_a_warning_is_still_ready() -> None:
    api = HealthApi("s", [Check("model", raising(OSError()), critical=False)])
    response = await api.ready(CALL)
    assert (response.status, json.loads(response.body)["status"]) == (200, "warn")


def test_alive_says_nothing_else() -> None:
    assert json.loads(live().body) == {"status": "pass"}
    assert endpoints.HEALTH_LIVE.permission is None
    assert endpoints.HEALTH_READY.permission == "status:read"


async def test_disk() -> None:
    found = await DiskHealthCheck().check()
    assert found.unit == "percent"
    assert isinstance(found.value, float)
    assert 0 <= found.value <= 100


async def test_a_model_without_an_endpoint() -> None:
    assert (await ModelHealthCheck("gpt", None).check()).status is FAIL


async def test_entity_and_configuration() -> None:
    asked = []

    async def read() -> object:
        asked.append(1)
        return None

    entity = EntityHealthCheck("gpt", read)
    assert (entity.name, (await entity.check()).status, asked) == ("entity:gpt", PASS, [1])
    assert (await ConfigurationHealthCheck(list).check()).status is PASS
    found = await ConfigurationHealthCheck(lambda: ["X is set."]).check()
    assert (found.status, found.output, found.value) == (WARN, "X is set.", 1)

    def wrong() -> list[str]:
        raise ConfigurationError("The setting X is missing.")

    checker = HealthChecker("s")
    checker.add_check(ConfigurationHealthCheck(wrong))
    with pytest.raises(ConfigurationError):
        await ConfigurationHealthCheck(wrong).check()
    assert (await checker.run_all_checks()).results[0].finding.output == "The setting X is missing."
