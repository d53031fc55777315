"""A real functions host for tests, on a free port."""

import json
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from local.process import ServerProcess


class RunningHost:
    """One host process.

    Attributes:
        process: the host itself; `process.info` is what its ready line said.
        lines: all that it has printed so far.
    """

    def __init__(self, app_dir: Path, env: Mapping[str, str], args: Sequence[str]) -> None:
        self.lines: list[str] = []
        self._printed = threading.Condition()
        self.process = ServerProcess(
            "host",
            [sys.executable, "-m", "local.host", app_dir, "--port", "0", *args],
            env={"FUNCTIONS_WORKER_RUNTIME": "python", **env},
            on_line=self._keep,
        )

    @property
    def port(self) -> int:
        return int(self.process.info["port"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def functions(self) -> list[str]:
        """Names of the functions that run."""
        return list(self.process.info["functions"])

    @property
    def text(self) -> str:
        """All that it has printed so far."""
        return "\n".join(self.lines)

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that are alive."""
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in children if "local.host.worker" in child.cmdline()]

    def wait_for_line(self, wanted: str | Callable[[str], bool], timeout_s: float = 15.0, *, count: int = 1) -> str:
        """Wait until a line that has this text (or satisfies this test) was printed `count` times.

        Returns:
            The line, the last of them.

        Raises:
            AssertionError: it wasn't in time; the text holds all lines.
        """
        fits = wanted if callable(wanted) else lambda line: wanted in line
        deadline = time.monotonic() + timeout_s
        with self._printed:
            while len(found := [line for line in self.lines if fits(line)]) < count:
                if not self._printed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{wanted!r} was not printed {count} times in {timeout_s} s:\n{self.text}")
        return found[count - 1]

    def _keep(self, line: str) -> None:
        with self._printed:
            self.lines.append(line)
            self._printed.notify_all()


@contextmanager
def functions_host(
    app_dir: Path, env: Mapping[str, str] | None = None, args: Sequence[str] = ()
) -> Iterator[RunningHost]:
    """A host that runs an app, ended at the end.

    Args:
        env: added to the environment of this process.
        args: further arguments of `python -m local.host`.

    Raises:
        StartError: the host did not start; the text holds its last lines.
    """
    host = RunningHost(app_dir, env or {}, args)
    host.process.start()
    try:
        yield host
    finally:
        host.process.stop()


def write_app(
    folder: Path,
    source: str,
    *,
    host_json: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
    local_settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a function app. `app`, `func` and the usual modules are defined before the given source.

    Args:
        settings: Values of local.settings.json.
        local_settings: further parts of local.settings.json, such as Host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function_app.py").write_text(_PRELUDE + textwrap.dedent(source))
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **(host_json or {})}))
    content = {"IsEncrypted": False, "Values": dict(settings or {}), **(local_settings or {})}
    (folder / "local.settings.json").write_text(json.dumps(content))
    return folder


_PRELUDE = """\
import asyncio, json, logging, os, sys, threading, time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def wait_until(holds: Callable[[], bool], timeout_s: float = 15.0, what: str = "it") -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it didn't in time.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.02)
