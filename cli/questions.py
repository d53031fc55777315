"""Questions that commands ask."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.console import err


def agreed(question: str, otherwise: str) -> bool:
    """What somebody says; Enter alone is yes.

    Args:
        otherwise: said where nobody can be asked, which counts as no: how to answer then.

    Raises:
        typer.Abort: Ctrl-C, or the end of the input.
    """
    if not (err.is_terminal and sys.stdin.isatty()):
        err.print(f"{question} {otherwise}", highlight=False)
        return False
    with _interruptible():
        return typer.confirm(question, err=True, default=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the question. The handler of asyncio would only cancel its task, which waits for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
