"""One part of the local stack: a child process that is started, watched, and started again when it dies."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from local.process import ServerProcess, StartError, port_is_free

_WATCH_INTERVAL_S = 0.1
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
_HEALTHY_AFTER_S = 60.0
"""A part that has run this long starts again without the backoff of its earlier deaths."""

Ports = Mapping[str, int]


@dataclass(frozen=True)
class PartSpec:
    """What a part is.

    Attributes:
        name: of the part, its log file and its prefix.
        command: its argument list, given its ports.
        usual_ports: the name of each port in its ready line, and the port it takes when that is free.
        settings: what others need to use it, from its ready line.
        needs_others: it is started last, with the settings of the others in its environment.
        env: added to its environment, over the settings.
        start_timeout_s: how long it may take to say that it is ready.
        stop_grace_s: how long it may take to end once asked.
    """

    name: str
    command: Callable[[Ports], list[str]]
    usual_ports: Ports
    settings: Callable[[Mapping[str, Any]], dict[str, str]]
    needs_others: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    start_timeout_s: float = 60.0
    stop_grace_s: float = 15.0


class Part:
    """A running part. One thread starts its process, watches it, and starts it again on the same ports.

    Args:
        spec: what to run.
        log_path: where its output is appended.
        on_line: given each line of its output.
        say: given what the user should know about it.
        on_change: called when its process is another one.

    Attributes:
        ports: of its ready line; kept when it is started again.
        starts: how often it has become ready.
    """

    def __init__(
        self,
        spec: PartSpec,
        log_path: Path,
        *,
        on_line: Callable[[str], None],
        say: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.log_path = log_path
        self.ports: dict[str, int] = dict.fromkeys(spec.usual_ports, 0)
        self.info: dict[str, Any] = {}
        self.starts = 0
        self._on_line = on_line
        self._say = say
        self._on_change = on_change
        self._process: ServerProcess | None = None
        self._env: dict[str, str] = {}
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._failure: StartError | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Of its present process.

        Raises:
            StartError: it was not started.
        """
        if self._process is None:
            raise StartError(f"{self.spec.name} was not started")
        return self._process.pid

    @property
    def started_at(self) -> float | None:
        """When its process was created, in seconds since the epoch; None when it has ended."""
        try:
            return psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return None

    def ask_for(self, ports: Ports) -> None:
        """Use these ports as far as they are free, and say which are not: the part picks others for those."""
        self.ports.update(ports)
        self._give_up_taken_ports()

    def launch(self, settings: Mapping[str, str]) -> None:
        """Start it, with these settings in its environment, without waiting."""
        self._env = {**settings, **self.spec.env}
        # The process lives as long as this thread at most: see _die_with_parent in local/process.py.
        self._thread = threading.Thread(target=self._supervise, name=f"part-{self.spec.name}", daemon=True)
        self._thread.start()

    def wait_ready(self, starts: int = 1) -> None:
        """Wait until it has become ready this many times.

        Raises:
            StartError: its first start failed, or it took too long; the text holds its last lines.
        """
        timeout_s = self.spec.start_timeout_s + _LONGEST_BACKOFF_S
        with self._changed:
            if not self._changed.wait_for(lambda: self.starts >= starts or self._failure, timeout_s):
                raise StartError(f"{self.spec.name} was not ready after {timeout_s:.0f} s")
        if self._failure:
            raise self._failure

    def kill(self) -> None:
        """End its process with SIGKILL; it is then started again."""
        if self._process is not None:
            self._process.kill()

    def hurry(self) -> None:
        """Ask it once more to end, from a signal handler: the host then waits for no function."""
        if self._process is not None and self._process.alive:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        while self._thread is not None and self._thread.is_alive():
            if self._process is not None:
                self._process.stop(self.spec.stop_grace_s)
            self._thread.join(_WATCH_INTERVAL_S)

    def _supervise(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._stopping.is_set():
            try:
                self._start()
            except StartError as error:
                if self.starts == 0:
                    if self._give_up_taken_ports():  # somebody was quicker, such as a stack in another folder
                        continue
                    self._report(error)
                    return
                what = str(error)
            else:
                self._report(None)
                if self._watch() > _HEALTHY_AFTER_S:
                    backoff_s = _FIRST_BACKOFF_S
                what = f"{self.spec.name} ended unexpectedly"
            if not self._stopping.is_set():
                self._say(f"{what}; starting it again in {backoff_s:.1f} s")
                self._stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    def _give_up_taken_ports(self) -> bool:
        taken = {name: port for name, port in self.ports.items() if port and not port_is_free(port)}
        for name, port in taken.items():
            self.ports[name] = 0
            self._say(f"port {port} is taken; {self.spec.name} will pick another")
        return bool(taken)

    def _start(self) -> None:
        self._process = ServerProcess(
            self.spec.name,
            self.spec.command(self.ports),
            env=self._env,
            log_path=self.log_path,
            on_line=self._on_line,
        )
        self.info = self._process.start(self.spec.start_timeout_s)
        self.ports = {name: int(self.info[name]) for name in self.ports}

    def _watch(self) -> float:
        """Wait until the process has ended. Returns how long that took."""
        begin = time.monotonic()
        # Also while it is being stopped: a process gets a second SIGTERM when the thread that started it ends.
        while self._process is not None and self._process.alive:
            time.sleep(_WATCH_INTERVAL_S)
        return time.monotonic() - begin

    def _report(self, failure: StartError | None) -> None:
        if failure is None and self.starts > 0:
            self._say(f"{self.spec.name} is back (process {self.pid})")
            self._on_change()
        with self._changed:
            self._failure = failure
            self.starts += failure is None
            self._changed.notify_all()
