"""The `sluice` command beside a stack, for tests of runs: with its peak memory, and killed when they like."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


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
        return dict(json.loads(self("run", "status", run, "--json").stdout))

    def until(self, run: str, states: tuple[str, ...], timeout_s: float, every_s: float = 1.0) -> dict[str, Any]:
        """Wait until a run is in one of these states."""
        deadline = time.monotonic() + timeout_s
        while (status := self.status(run))["state"] not in states:
            assert time.monotonic() < deadline, status
            time.sleep(every_s)
        return status


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
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read())
            file.close()
            Path(file.name).unlink()
        took_s = time.monotonic() - self._began
        return Done(self._process.returncode, texts[0], texts[1], took_s, usage.ru_maxrss / 1024)
