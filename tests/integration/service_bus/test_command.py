"""The command: what it prints, how it ends, and what it says when it can't start."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.amqp import RawClient, error_of
from tests.support.service_bus import PROJECT_ROOT, ServiceBusEmulator, configuration, service_bus

CLOSE = 0x18


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself."""
    argv = [sys.executable, "-m", "local.service_bus", *map(str, arguments)]
    return subprocess.run(argv, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=30, check=False)


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_help_names_every_option() -> None:
    done = run("--help")

    assert done.returncode == 0
    for option in ("--config", "--data", "--port", "--host"):
        assert option in done.stdout


def test_a_wrong_configuration_ends_it_with_2_and_the_path(tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", configuration({"q": {"LockDuratoin": "PT1M"}}))

    done = run("--config", config, "--data", tmp_path / "data", "--port", "0")

    assert done.returncode == 2
    assert "UserConfig.Namespaces[0].Queues[0].Properties.LockDuratoin" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_configuration_ends_it_with_2(tmp_path: Path) -> None:
    done = run("--config", tmp_path / "absent.json", "--data", tmp_path / "data", "--port", "0")

    assert done.returncode == 2
    assert "absent.json" in done.stderr


def test_its_data_and_its_port_are_its_own(bus: ServiceBusEmulator, tmp_path: Path) -> None:
    same_data = run("--config", bus.config, "--data", bus.data, "--port", "0")
    same_port = run("--config", bus.config, "--data", tmp_path / "data", "--port", str(bus.port))

    assert (same_data.returncode, same_port.returncode) == (1, 1)
    assert "in use by another process" in same_data.stderr
    assert str(bus.port) in same_port.stderr
    assert "Traceback" not in same_data.stderr + same_port.stderr


def test_it_listens_on_both_loopback_addresses(bus: ServiceBusEmulator) -> None:
    assert f"Endpoint=sb://localhost:{bus.port};" in bus.connection_string
    assert "UseDevelopmentEmulator=true" in bus.connection_string
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.bind((host, 0))
        except OSError:
            continue  # This machine has no such address, and the emulator leaves it out.
        socket.create_connection((host, bus.port), timeout=5).close()


def test_a_signal_ends_it_in_order() -> None:
    with service_bus(configuration({"q": {}})) as bus, RawClient(bus.port) as client:
        client.expect(0x11)

        assert bus.stop() == 0

        _, fields, _ = client.expect(CLOSE)
        assert error_of(fields) == ("amqp:connection:forced", "The emulator is stopping.")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", bus.port), timeout=5)
