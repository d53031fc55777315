"""`python -m local.stack` with a real Azurite: Ctrl-C, a second stack, and kill -9."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from azure.data.tables import TableClient

from local.stack_state import STATE_FILE, StackState, running_stack

DEADLINE_S = 30.0


def command(data: Path) -> list[str]:
    options = ("--free-ports", "--no-service-bus", "--no-model", "--no-host")
    return [sys.executable, "-m", "local.stack", "--data", str(data), *options]


@contextmanager
def started(data: Path) -> Iterator[tuple["subprocess.Popen[str]", StackState]]:
    """A stack as its own process, ready. Killed at the end if it still runs."""
    process = subprocess.Popen(command(data), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "everything runs" in line:
                break
        state = running_stack(data)
        assert state is not None, "".join(lines)
        yield process, state
    finally:
        process.kill()
        process.communicate()


def assert_all_gone(state: StackState) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while any(psutil.pid_exists(part.pid) for part in state.parts.values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_ends_everything_cleanly(tmp_path: Path) -> None:
    with started(tmp_path) as (process, state):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # an impatient user
        assert process.wait(DEADLINE_S) == 0
        assert_all_gone(state)
    assert not (tmp_path / STATE_FILE).exists()
    assert not list((tmp_path / "azurite").glob("*.journal-*"))


def test_a_second_stack_is_refused(tmp_path: Path) -> None:
    with started(tmp_path) as (process, _):
        second = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert second.returncode == 1
        assert f"already runs in {tmp_path} (process {process.pid})" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0


def test_after_a_kill_everything_is_there_again_on_the_same_ports(tmp_path: Path) -> None:
    with started(tmp_path) as (process, first):
        table = TableClient.from_connection_string(first.settings["AzureWebJobsStorage"], "kept")
        table.create_table()
        table.create_entity({"PartitionKey": "p", "RowKey": "r"})
        process.kill()
        process.wait(DEADLINE_S)
        with started(tmp_path) as (_, second):
            assert second.parts["azurite"].ports == first.parts["azurite"].ports
            table = TableClient.from_connection_string(second.settings["AzureWebJobsStorage"], "kept")
            assert [entity["RowKey"] for entity in table.list_entities()] == ["r"]
    assert_all_gone(second)
