"""The `sluice` command beside a stack, for tests of runs: with its peak memory, and killed when they like."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.stack_state import running_stack
from tests.support.command import ROOT, sluice


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        peak_mb: of its memory.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    peak_mb: float


class RunCommand:
    """Runs the command in a folder that has the stack's `.sluice`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str) -> "Running":
        """Start it."""
        return Running(self.folder, arguments)

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        """Run it to its end, which is to be with this exit code."""
        done = self.start(*arguments).wait()
        assert done.code == code, f"{arguments}: {done.code}\n{done.stdout}\n{done.stderr}"
        return done

    def status(self, run: str) -> dict[str, Any]:
        """What `sluice run status` says."""
        done = sluice("run", "status", run, "--json", cwd=self.folder, settings={})
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def until(self, run: str, states: tuple[str, ...], timeout_s: float) -> dict[str, Any]:
        """Wait until a run is in one of these states."""
        return self.wait_for(run, lambda status: status["state"] in states, timeout_s)

    def wait_for(self, run: str, wanted: Callable[[dict[str, Any]], bool], timeout_s: float) -> dict[str, Any]:
        """Wait until the status of a run is as wanted: asked for over HTTP, as a command takes a second to start."""
        deadline = time.monotonic() + timeout_s
        while (status := self._status_over_http(run)) is None or not wanted(status):
            assert time.monotonic() < deadline, status
            time.sleep(1.0)
        return status

    def _status_over_http(self, run: str) -> dict[str, Any] | None:
        """None where the app doesn't answer: a test may have killed it."""
        running = running_stack(self.folder / ".sluice")
        assert running is not None
        url = f"{running.settings['SLUICE_URL']}/api/runs/{run}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - loopback
                return dict(json.load(response))
        except OSError:
            return None


class Running:
    """A command that runs."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        self._out = (folder / f"out-{time.monotonic_ns()}").open("w+")
        self._err = (folder / f"err-{time.monotonic_ns()}").open("w+")
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "COLUMNS": "160", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def wait(self) -> Done:
        """Wait for its end."""
        peak_mb = 0.0
        while self._process.poll() is None:
            peak_mb = max(peak_mb, self._peak_mb())
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read())
            file.close()
            Path(file.name).unlink()
        took_s = time.monotonic() - self._began
        return Done(self._process.returncode, texts[0], texts[1], took_s, peak_mb)

    def _peak_mb(self) -> float:
        # Not from wait4(): that counts what the process was before it became the command, a copy of this one.
        with suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace")
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                return int(found[1]) / 1024
        return 0.0
