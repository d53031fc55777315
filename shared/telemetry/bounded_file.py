"""A file of lines that several processes append to, and that never takes more than so much of the disk."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase
from pathlib import Path

if sys.platform != "win32":
    import fcntl

OLDER = ".older"
"""Added to the name of the half that was written before."""


class BoundedFile(TextIOBase):
    """The stream of an exporter: each `write` appends whole lines.

    The file is opened for each write and no longer, so that whoever rotates it need not tell the others. When it would
    grow beyond half of `max_bytes`, it takes the place of the older half.

    Args:
        path: its folder is made when it is needed.
        max_bytes: of both halves.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__()
        self._path = path
        self._half_bytes = max_bytes // 2

    def write(self, text: str, /) -> int:
        """Append. Lines that are larger than half of all are dropped.

        Raises:
            OSError: the disk is full, or the folder can't be made.
        """
        data = text.encode()
        if len(data) > self._half_bytes:
            return 0
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), self._path.open("ab") as file:
            size = file.tell()
            if size + len(data) > self._half_bytes:
                self._path.replace(older(self._path))
                with self._path.open("ab") as fresh:
                    fresh.write(data)
            else:
                file.write(data)
        return len(text)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if sys.platform == "win32":
            yield
            return
        fd = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def older(path: Path) -> Path:
    """Where the lines are that were written before."""
    return path.with_name(path.name + OLDER)


def lines(path: Path) -> Iterator[str]:
    """The lines of both halves, the oldest first. Those that don't end yet are left out."""
    for half in (older(path), path):
        try:
            with half.open(encoding="utf-8") as file:
                yield from (line for line in file if line.endswith("\n"))
        except FileNotFoundError:
            continue
