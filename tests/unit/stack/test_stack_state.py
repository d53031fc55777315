"""stack.json and the lock on a stack's folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.stack_state import (
    STATE_FILE,
    PartState,
    StackLock,
    StackRunningError,
    StackState,
    end_leftovers,
    is_running,
    running_stack,
)

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["pid", "ports"]) | st.text(), inner),
    max_leaves=5,
)
STATES = VALUES | st.fixed_dictionaries(
    {"pid": VALUES, "started_at": VALUES, "parts": VALUES, "settings": VALUES}, optional={"else": VALUES}
)


def state_of(process: psutil.Process, part: psutil.Process) -> StackState:
    parts = {"fake": PartState(part.pid, part.create_time(), {"port": 1}, "fake.log")}
    return StackState(process.pid, process.create_time(), parts, {"NAME": "value"})


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    me = psutil.Process()
    state_of(me, me).write(tmp_path)
    assert running_stack(tmp_path) == state_of(me, me)
    assert list(tmp_path.iterdir()) == [tmp_path / STATE_FILE]


def test_a_stack_whose_process_is_another_by_now_does_not_run(tmp_path: Path) -> None:
    me = psutil.Process()
    StackState(me.pid, me.create_time() - 1, {}, {}).write(tmp_path)
    assert running_stack(tmp_path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary() | STATES.map(lambda state: json.dumps(state).encode()))
def test_whatever_is_in_the_file_reading_it_is_no_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    assert running_stack(tmp_path) is None


def test_a_second_stack_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    first = StackLock(tmp_path)
    with pytest.raises(StackRunningError, match=rf"already runs in {tmp_path} \(process {os.getpid()}\)"):
        StackLock(tmp_path)
    first.release()
    StackLock(tmp_path).release()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from local.stack_state import StackLock
lock = StackLock(Path({str(tmp_path)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=30)
    assert killed.returncode == -9
    StackLock(tmp_path).release()


def test_what_a_killed_stack_left_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.stack_state._LEFTOVER_GRACE_S", 0.2)
    with subprocess.Popen(["sleep", "60"]) as left:
        state = state_of(psutil.Process(), psutil.Process(left.pid))
        state.write(tmp_path)
        started_at = psutil.Process(left.pid).create_time()
        assert end_leftovers(tmp_path) == state
        assert not is_running(left.pid, started_at)
    assert end_leftovers(tmp_path) is None
    assert not (tmp_path / STATE_FILE).exists()
