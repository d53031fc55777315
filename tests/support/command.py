"""The `sluice` command for tests: each call is a process of its own, forked from one that has imported everything.

That import is a second of CPU time, which the tests would otherwise spend on each of their many calls.
"""

import atexit
import functools
import gc
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

ROOT = Path(__file__).parents[2]
BASE_ENV = {"PATH": "", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
TIMEOUT_S = 120.0


def sluice(
    *arguments: str, cwd: Path, stdin: str | None = None, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `sluice` and wait for its end.

    Args:
        cwd: where it looks for the data folder of a stack.
        stdin: what it reads; None is what the terminal has: nothing.
        settings: the only environment variables it has, besides PATH and those of the terminal and Python.

    Raises:
        subprocess.TimeoutExpired: it did not end in two minutes, and was killed.
    """
    return _forker().run([*arguments], cwd, stdin or "", {**BASE_ENV, **(settings or {})})


@functools.cache
def _forker() -> "_Forker":
    """One for this process, ended with it."""
    return _Forker()


class _Forker:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.command"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=BASE_ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._turn = threading.Lock()
        atexit.register(self._end)

    def run(
        self, arguments: list[str], cwd: Path, stdin: str, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory(prefix="sluice-command-") as scratch, self._turn:
            files = [Path(scratch) / name for name in ("stdin", "stdout", "stderr")]
            files[0].write_text(stdin, encoding="utf-8")
            call = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "files": [str(file) for file in files]}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(call) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            assert answer, "the process that forks the commands has ended"
            stdout, stderr = (file.read_text(encoding="utf-8") for file in files[1:])
        if (code := json.loads(answer)) is None:
            raise subprocess.TimeoutExpired(["sluice", *arguments], TIMEOUT_S, stdout, stderr)
        return subprocess.CompletedProcess(["sluice", *arguments], code, stdout, stderr)

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _become(call: Mapping[str, Any]) -> None:
    """Turn this process into the one that was asked for."""
    for descriptor, (file, flags) in enumerate(
        zip(call["files"], (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one has read ahead
    os.environ.clear()
    os.environ.update(call["env"])
    os.chdir(call["cwd"])
    sys.argv = ["sluice", *call["arguments"]]


def _end_of(pid: int) -> int | None:
    """Wait for a child. Returns its exit code; None if it had to be killed."""
    descriptor = os.pidfd_open(pid)
    try:
        in_time, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
    finally:
        os.close(descriptor)
    if not in_time:
        os.kill(pid, 9)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if in_time else None


def _main() -> Never:
    # What nearly every command imports when it connects.
    import azure.data.tables.aio
    import azure.storage.blob.aio  # noqa: F401 - for those that are forked

    from cli.main import main

    gc.freeze()  # else a child's collections write to all that it shares with this process
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
            main()
            sys.exit()
        print(json.dumps(_end_of(pid)), flush=True)  # noqa: T201 - the answer
    sys.exit()


if __name__ == "__main__":
    _main()
