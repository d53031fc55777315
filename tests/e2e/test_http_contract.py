"""The running app against its own OpenAPI document, and against requests that mean harm."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.stack import Stack
from tests.support.fuzz import is_problem, oversized, requests, send
from tests.support.stack import stack

POSTS = [
    *(("POST", f"/api/jobs/{kind}") for kind in ("feedback", "reasoning", "audio")),
    ("POST", "/api/jobs/none/retry"),
    ("POST", "/api/runs"),
    ("POST", "/api/errors/replay"),
    ("POST", "/api/tokens/fuzzed/lock"),
    ("PUT", "/api/tokens/fuzzed/limits"),
    ("POST", "/api/dashboard/replay"),
]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """A stack of its own, as limits are changed and rubbish is left."""
    env = {"SLUICE_HTTP_RATE_PER_MINUTE": "0", "SLUICE_LOGS": "off"}
    with stack(model_args=["--engine", "instant", "--no-limits"], host_env=env) as found:
        yield found


def conform(running: Stack, folder: Path, *options: str) -> dict[str, Any]:
    """Let schemathesis loose. Returns its report."""
    report, url = folder / "report.json", running.settings["SLUICE_URL"]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{url}/api/openapi.json", "--url", url, "--checks", CHECKS, "--no-shrink", "--warnings", "off"),
            *("--exclude-operation-id", "health_ready"),  # its 503 is no fault: a check may fail on a busy machine
            *("--continue-on-failure", "--report-json-path", str(report), *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(report.read_text())
    return found


async def attack(running: Stack, posts: list[tuple[str, str]], mutated: int, seed: int) -> tuple[int, float, float]:
    """Send everything. Returns how many requests, the slowest answer in seconds, and by how many MB processes grew."""
    url = running.settings["SLUICE_URL"]
    before, worst_s, count = memory(), 0.0, 0
    for request in requests(url, posts, seed, mutated):
        begun_s = time.monotonic()
        status, headers, body = await send(url, request, 30)
        worst_s, count = max(worst_s, time.monotonic() - begun_s), count + 1
        assert status is None or status < 500, (request, status, body[:300])
        assert "x-injected" not in headers, request
        assert headers.get("set-cookie") != "a=b", request
        assert b"Traceback" not in body, request
        if "changed" not in request.name and status is not None and status >= 400 and body and status != 404:
            assert headers.get("content-type", "").startswith(("application/problem+json", "text/plain")), request
    return count, worst_s, memory() - before


def memory() -> float:
    """MB of all processes of this one's, together."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 1e6


async def oversize(running: Stack) -> None:
    url = running.settings["SLUICE_URL"]
    for size in (4_000_001, 30_000_000):
        status, headers, body = await send(url, oversized(url, "/api/jobs/feedback", size), 30)
        assert status == 413, body[:200]
        assert is_problem(413, headers, body)


async def test_harm_ends_in_errors_within_bounds(running: Stack) -> None:
    await oversize(running)
    count, worst_s, grown_mb = await attack(running, POSTS[::3], mutated=20, seed=1)
    assert count > 150
    assert worst_s < 10
    assert grown_mb < 300


def test_the_app_keeps_to_its_document(running: Stack, tmp_path: Path) -> None:
    report = conform(running, tmp_path, "--phases", "fuzzing", "--max-examples", "1", "--seed", "1", "--workers", "2")
    assert report["test_cases"]["generated"] >= report["operations"]["tested"] >= 20


@pytest.mark.accept
@pytest.mark.timeout(1200)
async def test_harm_at_length(running: Stack, record_property: Callable[[str, object], None]) -> None:
    await oversize(running)
    count, worst_s, grown_mb = await attack(running, POSTS, mutated=1_000, seed=int(time.time()))
    record_property(
        "figures", f"{count} hostile requests: no 5xx, slowest answer {worst_s:.1f} s, memory {grown_mb:+.0f} MB"
    )
    assert worst_s < 10
    assert grown_mb < 300


@pytest.mark.accept
@pytest.mark.timeout(1200)
def test_the_document_at_length(running: Stack, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    options = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50", "--max-time", "300")
    report = conform(running, tmp_path, *options)
    record_property(
        "figures",
        f"schemathesis: {report['test_cases']['generated']} requests to {report['operations']['tested']} operations "
        f"in {report['running_time']:.0f} s, no 5xx and no undocumented answer",
    )
    assert report["test_cases"]["generated"] > 1_000
