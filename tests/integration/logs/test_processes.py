"""How a process's own shipping begins and ends: at its exit, at SIGTERM, and when it is killed."""

import gzip
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from local.process import free_port
from shared import log_services
from tests.support.azurite import Azurite
from tests.support.host import wait_until

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, logging, os, signal, sys, time
from shared.log_services import start_log_shipping
from shared.telemetry.events import log_event

async def main(how):
    start_log_shipping()
    start_log_shipping()
    for number in range(5):
        log_event(logging.getLogger("app"), "line", count=number)
    print("logged", flush=True)
    if how == "wait":
        await asyncio.sleep(600)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "own handler":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    sys.argv[1] = "wait"
asyncio.run(main(sys.argv[1]))
"""


@dataclass
class Programs:
    """Starts the program, and looks at what it has shipped."""

    env: dict[str, str]
    folder: Path
    container: ContainerClient

    def start(self, how: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how],
            cwd=ROOT,
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "logged\n"
        return process

    def shipped(self) -> list[int]:
        found: list[int] = []
        for blob in self.container.list_blobs():
            lines = gzip.decompress(self.container.download_blob(blob.name).readall()).splitlines()
            found += [json.loads(line)["fields"]["count"] for line in lines]
        return found

    def left(self) -> list[Path]:
        return [path for path in self.folder.rglob("*.jsonl*") if path.is_file()]


@pytest.fixture
def programs(shared_azurite: Azurite, tmp_path: Path) -> Iterator[Programs]:
    name = f"logs-{secrets.token_hex(4)}"
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "SLUICE_LOGS_DIR": str(tmp_path),
        "SLUICE_LOGS_CONTAINER": name,
        "SLUICE_LOGS_QUIET_S": "0",
    }
    with ContainerClient.from_connection_string(shared_azurite.connection_string, name) as container:
        yield Programs(env, tmp_path, container)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_a_process_that_ends_ships_its_last_lines(programs: Programs) -> None:
    assert ended(programs.start("return")) == (0, "")
    assert programs.shipped() == [0, 1, 2, 3, 4]
    assert programs.left() == []


def test_sigterm_ships_the_last_lines_and_then_ends_the_process(programs: Programs) -> None:
    process = programs.start("wait")
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (-signal.SIGTERM, "")
    assert programs.shipped() == [0, 1, 2, 3, 4]
    assert programs.left() == []


def test_a_second_sigterm_does_not_wait(programs: Programs) -> None:
    with_dead_storage(programs)
    process = programs.start("wait")
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: bool(list(programs.folder.rglob("*.jsonl"))), what="the rotation that begins the drain")
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == -signal.SIGTERM
    assert time.monotonic() - began_s < 3
    assert programs.left(), "nothing is lost"


def test_an_app_that_handles_sigterm_is_left_alone(programs: Programs) -> None:
    process = programs.start("own handler")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 7
    assert programs.shipped() == [0, 1, 2, 3, 4]


def test_what_a_killed_process_left_is_shipped_by_the_next(programs: Programs) -> None:
    assert ended(programs.start("kill"))[0] == -signal.SIGKILL
    assert len(programs.left()) == 1
    assert ended(programs.start("return")) == (0, "")
    assert sorted(programs.shipped()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert programs.left() == []


def test_without_storage_a_process_ends_in_time_and_keeps_its_lines(programs: Programs) -> None:
    with_dead_storage(programs)
    began_s = time.monotonic()
    code, errors = ended(programs.start("return"))
    assert code == 0
    assert "Traceback" not in errors
    assert time.monotonic() - began_s < 25
    lines = [json.loads(line) for path in programs.left() for line in path.read_text().splitlines()]
    assert [line["fields"]["count"] for line in lines if line["event"] == "line"] == [0, 1, 2, 3, 4]


def with_dead_storage(programs: Programs) -> None:
    port = free_port()
    programs.env["AzureWebJobsStorage"] = (
        f"DefaultEndpointsProtocol=http;AccountName=dead;AccountKey=ZGVhZA==;BlobEndpoint=http://127.0.0.1:{port}/dead;"
        f"TableEndpoint=http://127.0.0.1:{port}/dead;"
    )


def test_logs_may_be_off(programs: Programs) -> None:
    programs.env["SLUICE_LOGS"] = "off"
    assert ended(programs.start("return")) == (0, "")
    assert programs.left() == []


@pytest.mark.parametrize("env", [{"SLUICE_LOGS": "maybe"}, {"AzureWebJobsStorage": ""}])
def test_logs_that_are_set_wrongly_keep_nobody_from_working(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(log_services, "_tried", False)
    log_services.start_log_shipping()
    assert [record.event for record in caplog.records] == ["logs_not_shipped"]
    assert log_services._shipping is None
