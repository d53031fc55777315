"""Questions, asked at a terminal: a pseudo-terminal, as nothing else has Ctrl-C."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ASK = """
import asyncio, sys, typer
from cli.questions import agreed

async def ask():
    said = agreed("Go on?", "Answer with --yes.")
    await asyncio.sleep(0)
    return said

try:
    print("SAID", asyncio.run(ask()))
except typer.Abort:
    print("ABORTED")
"""


def asked(answer: bytes) -> str:
    """What comes of an answer that is typed."""
    terminal, theirs = pty.openpty()
    # A session of its own, whose terminal this becomes: Ctrl-C is a signal to its foreground.
    command = [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{ASK}"]
    env = {"PYTHONPATH": str(ROOT), "TERM": "dumb", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=env, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        while b"Go on?" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, answer)
        out, _ = process.communicate(timeout=30)
        os.close(terminal)
    return out.decode().strip()


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"y\n", "SAID True"), (b"\n", "SAID True"), (b"n\n", "SAID False"), (b"\x03", "ABORTED"), (b"\x04", "ABORTED")],
    ids=["yes", "enter", "no", "ctrl-c", "ctrl-d"],
)
def test_what_is_typed(answer: bytes, said: str) -> None:
    assert asked(answer) == said


def test_without_a_terminal_it_is_said_how_to_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "SAID False"
    assert done.stderr.strip() == "Go on? Answer with --yes."
