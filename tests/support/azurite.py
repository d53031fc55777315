"""A real Azurite for tests, on free ports that it keeps over restarts."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.process import ServerProcess


class Azurite:
    """An Azurite that can be killed and started again in its folder.

    Args:
        data: its folder.
        journal_bytes: save a database when its journal has grown to this many bytes; None is Azurite's own setting.
    """

    def __init__(self, data: Path, journal_bytes: int | None = None) -> None:
        self.data = data
        self._options = [] if journal_bytes is None else ["--journal-bytes", str(journal_bytes)]
        self._ports = {"blob_port": 0, "queue_port": 0, "table_port": 0}
        self.process: ServerProcess

    def start(self) -> None:
        command = [sys.executable, "-m", "local.azurite", "--data", str(self.data), *self._options]
        for name, port in self._ports.items():
            command += [f"--{name.replace('_', '-')}", str(port)]
        self.process = ServerProcess("azurite", command)
        info = self.process.start()
        self._ports = {name: info[name] for name in self._ports}

    @property
    def connection_string(self) -> str:
        return str(self.process.info["connection_string"])

    @property
    def queue_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['queue_port']}/devstoreaccount1"

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()

    def stop(self) -> int | None:
        """End it cleanly. Returns its exit code."""
        return self.process.stop()

    def restart(self) -> None:
        """Kill it if it runs and start it on the same ports."""
        self.kill()
        self.start()


@contextmanager
def azurite(data: Path | None = None, *, journal_bytes: int | None = None) -> Iterator[Azurite]:
    """A running Azurite, ended at the end; without `data` in a folder that is then deleted."""
    with tempfile.TemporaryDirectory(prefix="azurite-") as scratch:
        server = Azurite(data or Path(scratch), journal_bytes)
        server.start()
        try:
            yield server
        finally:
            server.stop()
