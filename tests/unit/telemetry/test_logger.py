"""Logging adapts to where a program runs. Each case is a process of its own: logging is set up once in each."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import logging
from shared.telemetry.logger import LoggingContext, get_app_name, get_logger, log_operation_metrics, set_correlation_id
logger = get_logger("my.part", "DEBUG")
get_logger("my.part")
logger.debug("fine")
with LoggingContext(job_id="j1"):
    set_correlation_id("c1")
    logger.warning("api-key: %s", "abcdefgh")
log_operation_metrics(logger, "sweep", 1.2345, items=3)
logging.getLogger("azure.core").info("GET https://x/?sig=abc")
print(get_app_name(), len(logging.getLogger().handlers))
"""
PLAIN = {"PATH": os.environ["PATH"], "SLUICE_LOGS_APP": "my app!"}


def run(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**PLAIN, **env}, capture_output=True, text=True, check=True
    )


def test_in_a_container_every_line_is_an_object() -> None:
    done = run()
    assert done.stdout == "my-app 1\n"
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["DEBUG", "WARNING", "INFO"]
    assert lines[1]["message"] == "api-key: [redacted]"
    assert (lines[1]["job_id"], lines[1]["correlation_id"]) == ("j1", "c1")
    assert lines[2]["event"] == "operation_ran"
    assert lines[2]["fields"] == {"operation": "sweep", "duration_s": 1.234, "success": True, "items": 3}
    assert {line["app"] for line in lines} == {"my-app"}


def test_in_the_functions_host_nothing_is_added() -> None:
    done = run(FUNCTIONS_WORKER_RUNTIME="python")
    assert done.stdout == "my-app 0\n"
    assert "api-key" not in done.stderr or "[redacted]" not in done.stderr


def test_a_terminal_is_coloured() -> None:
    assert "\x1b[33mWARNING" in on_terminal({})
    assert "\x1b[" not in on_terminal({"NO_COLOR": "1"})


def on_terminal(env: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**PLAIN, **env}, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # how Linux says that nobody has the other end open any more
                break
            shown += part
        assert process.wait(20) == 0
    os.close(ours)
    return shown.decode()
