"""The lines of several processes on one terminal, each behind the coloured name of its process."""

import os
import sys
import threading
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)
"""SGR codes of ECMA-48: cyan, yellow, magenta, green, blue, red."""


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour: only a terminal, and never when NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class LogOutput:
    """Prints lines behind the name of the process that wrote them. May be called from any thread.

    Args:
        stream: where to; None prints nothing.
        width: of the widest name, so that the lines stand in a column.
    """

    def __init__(self, stream: TextIO | None = sys.stdout, *, width: int = 11) -> None:
        self._stream = stream
        self._width = width
        self._colour = stream is not None and wants_colour(stream)
        self._colours: dict[str, int] = {}
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        if self._stream is None:
            return
        prefix = f"{name:{self._width}} |"
        with self._lock:
            if self._colour:
                colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
                prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
            try:
                self._stream.write(f"{prefix} {text}\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._stream = None  # nobody reads any more (`sluice up | head`); the log files go on
