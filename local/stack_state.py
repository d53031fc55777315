"""What is known of a running stack outside its process: the lock on its folder and `stack.json`."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import psutil
from pydantic import Field, TypeAdapter, ValidationError

STATE_FILE = "stack.json"
LOCK_FILE = "stack.lock"
_LEFTOVER_GRACE_S = 15.0
ProcessId = Annotated[int, Field(gt=0, lt=2**31)]


class StackRunningError(RuntimeError):
    """Another stack uses the folder."""


@dataclass(frozen=True)
class PartState:
    """A part as `stack.json` has it.

    Attributes:
        started_at: creation time of the process, in seconds since the epoch; tells it from a later one of the same id.
    """

    pid: ProcessId
    started_at: float | None
    ports: dict[str, int]
    log: str


@dataclass(frozen=True)
class StackState:
    """The contents of `stack.json`.

    Attributes:
        pid: of the process that runs the stack.
        settings: what a client needs in its environment to use the stack.
    """

    pid: ProcessId
    started_at: float | None
    parts: dict[str, PartState]
    settings: dict[str, str]

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """The state in this folder, also that of a stack that was killed; None if there is none that can be read."""
        try:
            return TypeAdapter(cls).validate_json((data / STATE_FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, data: Path) -> None:
        """Replace the file in one step: whoever reads it finds the old or the new one."""
        new = data / f"{STATE_FILE}.new"
        new.write_bytes(TypeAdapter(StackState).dump_json(self, indent=2))
        new.replace(data / STATE_FILE)


def is_running(pid: int, started_at: float | None) -> bool:
    """Whether that very process still runs."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == started_at and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def running_stack(data: Path) -> StackState | None:
    """The stack that runs in this folder, if one does."""
    state = StackState.read(data)
    return state if state is not None and is_running(state.pid, state.started_at) else None


def end_leftovers(data: Path) -> StackState | None:
    """End the parts of a stack that was killed. They are ending already, but still hold their ports and files.

    Returns:
        What that stack was; None if the last one ended properly.
    """
    state = StackState.read(data)
    if state is not None:
        left = [psutil.Process(part.pid) for part in state.parts.values() if is_running(part.pid, part.started_at)]
        _, stubborn = psutil.wait_procs(left, timeout=_LEFTOVER_GRACE_S)
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn, timeout=_LEFTOVER_GRACE_S)
    (data / STATE_FILE).unlink(missing_ok=True)
    return state


class StackLock:
    """The right to run a stack in a folder. The system takes it back when the process ends, however it ends.

    Raises:
        StackRunningError: another process has it.
    """

    def __init__(self, data: Path) -> None:
        self._file = (data / LOCK_FILE).open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise StackRunningError(
                f"A stack already runs in {data.resolve()} (process {pid}). "
                f"Stop it with Ctrl-C or `kill {pid}`, or give this one another folder with --data."
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()
