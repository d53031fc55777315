"""A Service Bus emulator of a test's own, as a child process on a free port."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.process import ServerProcess

PROJECT_ROOT = Path(__file__).parents[2]


def configuration(
    queues: Mapping[str, Mapping[str, Any]] | None = None, topics: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A configuration in the format of Microsoft's emulator.

    Args:
        queues: Properties by name, such as {"in": {"LockDuration": "PT1M"}}.
        topics: by name: {"Subscriptions": [...]} and, if wanted, {"Properties": {...}}.
    """
    namespace = {
        "Name": "sbemulatorns",
        "Queues": [{"Name": name, "Properties": dict(properties)} for name, properties in (queues or {}).items()],
        "Topics": [{"Name": name, **topic} for name, topic in (topics or {}).items()],
    }
    return {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}}


class ServiceBusEmulator:
    """A running emulator.

    Attributes:
        port: stays the same over restarts.
        lines: what it has printed so far, the ready line left out.
    """

    def __init__(self, config: Path, data: Path) -> None:
        self.config = config
        self.data = data
        self.port = 0
        self.connection_string = ""
        self.lines: list[str] = []
        self.process = self._new_process()

    def _new_process(self) -> ServerProcess:
        argv = [sys.executable, "-m", "local.service_bus", "--config", self.config, "--data", self.data]
        return ServerProcess(
            "service_bus", [*argv, "--port", str(self.port)], cwd=PROJECT_ROOT, on_line=self.lines.append
        )

    def start(self) -> None:
        info = self.process.start()
        self.port, self.connection_string = info["port"], info["connection_string"]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def restart(self, config: Mapping[str, Any] | None = None) -> None:
        """Start it anew on the same port and data, with another configuration if one is given."""
        self.process.kill()
        if config is not None:
            self.config.write_text(json.dumps(config))
        self.process = self._new_process()
        self.start()

    def stop(self) -> int | None:
        """SIGTERM. Returns the exit code."""
        return self.process.stop()


@contextmanager
def service_bus(config: Mapping[str, Any] | Path, data: Path | None = None) -> Iterator[ServiceBusEmulator]:
    """Run an emulator.

    Args:
        config: in the format of Microsoft's emulator, see configuration(); or a file with it, which is not changed.
        data: folder of its database; None for one that is deleted afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="service-bus-") as scratch:
        path = Path(scratch) / "config.json"
        path.write_text(config.read_text() if isinstance(config, Path) else json.dumps(config))
        emulator = ServiceBusEmulator(path, data or Path(scratch) / "data")
        try:
            emulator.start()
            yield emulator
        finally:
            emulator.stop()
