"""What was shipped, remembered over restarts: a file beside the logs, with a line for each file that is done or gone.

A checkpoint that is lost or damaged costs nothing but work: a file that is sent again is found to be there.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from shared.logs.log_files import LocalFile

FILE_NAME = ".shipped"
_COMPACT_AFTER = 500


class Checkpoint:
    """Files that are done, by name; the size and time of the file tell another one of the same name from it.

    Several processes may append to one file; each knows what it has read and written itself.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._done: dict[str, tuple[int, int]] = {}
        self._lines = 0
        self._read()

    def __contains__(self, file: LocalFile) -> bool:
        return self._done.get(file.path.name) == (file.size, file.modified_ns)

    def add(self, file: LocalFile) -> None:
        """Remember that a file is done. On a disk that can't be written to, it is remembered until the process ends."""
        self._done[file.path.name] = (file.size, file.modified_ns)
        self._append([file.path.name, file.size, file.modified_ns])

    def forget(self, file: LocalFile) -> None:
        """A file is gone: one that comes under its name is another one."""
        if self._done.pop(file.path.name, None) is not None:
            self._append([file.path.name])
        if self._lines - len(self._done) >= _COMPACT_AFTER:
            self._compact()

    def _append(self, entry: list[str | int]) -> None:
        self._lines += 1
        with suppress(OSError):
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(fd, _line(entry))
            finally:
                os.close(fd)

    def _read(self) -> None:
        with suppress(OSError):
            for line in self._path.read_bytes().splitlines():
                self._lines += 1
                with suppress(ValueError, TypeError, RecursionError):
                    name, *facts = json.loads(line)
                    self._done.pop(str(name), None)
                    if facts:
                        size, modified_ns = facts
                        self._done[str(name)] = (int(size), int(modified_ns))

    def _compact(self) -> None:
        """What another process appends at this moment may be forgotten: see above."""
        new = self._path.with_name(f"{FILE_NAME}.{os.getpid()}")
        with suppress(OSError):
            new.write_bytes(b"".join(_line([name, *facts]) for name, facts in self._done.items()))
            new.replace(self._path)
            self._lines = len(self._done)
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _line(entry: list[str | int]) -> bytes:
    return (json.dumps(entry) + "\n").encode()
