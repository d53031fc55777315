"""Child processes of the local stack: started, waited for, read, stopped, never left behind.

Every server in `local/` prints one line `READY {json}` on its standard output when it serves; `--port 0` lets it pick
a free port, which the line then names.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

READY = "READY "
_PR_SET_PDEATHSIG = 1


class StartError(RuntimeError):
    """A child process ended, or said nothing in time, before it was ready."""


def free_port() -> int:
    """A TCP port that is free on 127.0.0.1 now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def announce_ready(**info: Any) -> None:
    """Tell whoever started this process that it serves."""
    print(READY + json.dumps(info), flush=True)  # noqa: T201 - the ready protocol is a line on standard output


def _die_with_parent() -> None:
    # Without this a killed parent (kill -9) would leave its servers running. Linux only; elsewhere a no-op.
    # The signal comes when the *thread* that started the child ends: start children from a thread that lives on.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ServerProcess:
    """One child process that follows the ready protocol.

    Args:
        name: for log prefixes and errors.
        argv: command and arguments.
        env: added to this process's environment.
        log_path: where its output is appended; the ready line is not.
        on_line: called with every line of output, from a reader thread.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log_path: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.argv = [str(a) for a in argv]
        self.info: dict[str, Any] = {}
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._cwd = cwd
        self._log_path = log_path
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._tail: deque[str] = deque(maxlen=40)
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise StartError(f"{self.name} was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Start it and wait for its ready line.

        Returns:
            What the ready line said, such as {"port": 5672}.

        Raises:
            StartError: it ended or stayed silent; the text holds its last lines.
        """
        self.launch()
        return self.wait_ready(timeout_s)

    def launch(self) -> None:
        """Start it without waiting."""
        self._ready.clear()
        self.info = {}
        self._process = subprocess.Popen(
            self.argv,
            env=self._env,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Its own group: Ctrl-C in the terminal reaches the stack, which then stops its parts in order.
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def wait_ready(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Wait for the ready line of a launched process. See start()."""
        if not self._ready.wait(timeout_s) or not self.info:
            state = f"was not ready after {timeout_s:.0f} s"
            if self._process is not None and self._ready.is_set():  # its output has ended, so it has or is about to
                state = f"ended with code {self._process.wait(5)}"
            self.kill()
            raise StartError(f"{self.name} {state}. Its last lines:\n" + "\n".join(self._tail))
        return self.info

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - PIPE above
        log = self._log_path.open("a", encoding="utf-8") if self._log_path else None
        try:
            for raw in process.stdout:
                line = raw.rstrip("\n")
                if line.startswith(READY) and not self._ready.is_set():
                    self.info = json.loads(line[len(READY) :])
                    self._ready.set()
                    continue
                self._tail.append(line)
                if log:
                    log.write(line + "\n")
                    log.flush()
                if self._on_line:
                    self._on_line(line)
        finally:
            if log:
                log.close()
            self._ready.set()  # wakes wait_ready() when the process ended first

    def stop(self, grace_s: float = 10.0) -> int | None:
        """Ask it to end (SIGTERM), and kill it after the grace time. Returns its exit code."""
        if self._process is None:
            return None
        if self.alive:
            self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._reader:
            self._reader.join(5)
        return self._process.returncode

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None and self.alive:
            self._process.kill()
            self._process.wait()
