"""How the stack starts, watches and stops its parts, with small servers in place of the real ones."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local import stack_part, stack_parts
from local.log_output import LogOutput
from local.process import StartError, port_is_free
from local.stack import ALL_PARTS, Stack
from local.stack_part import PartSpec
from local.stack_state import STATE_FILE, running_stack
from tests.support.stack import stack

Extra = dict[str, list[str]]


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Extra, dict[str, int]], None]:
    """Replaces all parts by fake servers, which get extra arguments and may have usual ports."""

    def replace(extra: Extra, usual_ports: dict[str, int]) -> None:
        def fake(name: str) -> PartSpec:
            arguments = ["--name", name, "--diary", str(tmp_path / "diary"), *extra.get(name, [])]
            return PartSpec(
                name=name,
                command=lambda ports: [
                    *(sys.executable, "-m", "tests.support.fake_server"),
                    *("--port", str(ports["port"]), *arguments),
                ],
                usual_ports={"port": usual_ports.get(name, 0)},
                settings=lambda info: {f"{name}_port".upper(): str(info["port"])},
                needs_others=name == "host",
            )

        for name in ALL_PARTS:
            monkeypatch.setattr(stack_parts, name, lambda *_, name=name: fake(name))

    replace({}, {})
    return replace


def diary(tmp_path: Path) -> list[str]:
    return (tmp_path / "diary").read_text().splitlines()


@pytest.mark.usefixtures("fakes")
def test_the_host_starts_last_and_stops_first(tmp_path: Path) -> None:
    with stack(tmp_path / "data"):
        assert diary(tmp_path)[-1] == "host start"
        assert len(diary(tmp_path)) == 4
    assert diary(tmp_path)[4:] == ["host stop", "model stop", "service_bus stop", "azurite stop"]


def test_the_host_gets_the_settings_of_the_others(
    tmp_path: Path, fakes: Callable[[Extra, dict[str, int]], None]
) -> None:
    fakes({"host": ["--print-env", "AZURITE_PORT"]}, {})
    with stack(tmp_path / "data") as running:
        expected = f"AZURITE_PORT={running.parts['azurite'].ports['port']}"
        assert running.settings["AZURITE_PORT"] in expected
    assert (tmp_path / "data" / "logs" / "host.log").read_text().splitlines() == [expected]


@pytest.mark.usefixtures("fakes")
def test_stack_json_describes_the_running_stack_and_is_removed(tmp_path: Path) -> None:
    with stack(tmp_path / "data") as running:
        state = running_stack(tmp_path / "data")
        assert state is not None
        assert state.pid == os.getpid()
        assert state.settings == running.settings
        assert {name: part.pid for name, part in state.parts.items()} == {
            name: part.pid for name, part in running.parts.items()
        }
    assert not (tmp_path / "data" / STATE_FILE).exists()


@pytest.mark.usefixtures("fakes")
def test_a_part_that_dies_is_started_again_on_its_port(tmp_path: Path) -> None:
    with stack(tmp_path / "data") as running:
        part = running.parts["model"]
        port, pid = part.ports["port"], part.pid
        for death in (1, 2):
            part.kill()
            part.wait_ready(starts=death + 1)
        assert part.pid != pid
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
    said = (tmp_path / "data" / "logs" / "stack.log").read_text()
    assert "model ended unexpectedly; starting it again in 0.5 s" in said
    assert "model ended unexpectedly; starting it again in 1.0 s" in said
    assert f"model is back (process {part.pid})" in said


def test_a_part_that_cannot_start_ends_the_others_with_its_reason(
    tmp_path: Path, fakes: Callable[[Extra, dict[str, int]], None]
) -> None:
    fakes({"service_bus": ["--fail", "no such queue"]}, {})
    with (
        pytest.raises(StartError, match=r"^service_bus .*\nno such queue$"),
        stack(tmp_path / "data"),
    ):
        pass
    left = [line for line in diary(tmp_path) if line.endswith("start")]
    assert sorted(line.replace("stop", "start") for line in diary(tmp_path)) == sorted(left * 2)
    with stack(tmp_path / "data", parts=["azurite"]):
        pass


def test_a_taken_port_is_told_and_another_one_used(
    tmp_path: Path, fakes: Callable[[Extra, dict[str, int]], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as free:
        taken, usual = other.getsockname()[1], free.getsockname()[1]
        free.close()
        fakes({}, {"model": taken, "azurite": usual})
        with Stack(tmp_path / "data", output=LogOutput(None)) as running:
            assert running.parts["azurite"].ports == {"port": usual}
            assert running.parts["model"].ports["port"] not in (taken, 0)
    assert f"port {taken} is taken; model will pick another" in (tmp_path / "data" / "logs" / "stack.log").read_text()


def test_a_port_that_is_taken_in_the_last_moment_is_told_and_another_one_used(
    tmp_path: Path, fakes: Callable[[Extra, dict[str, int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    free_at_first = iter([True])
    monkeypatch.setattr(stack_part, "port_is_free", lambda port: next(free_at_first, False) or port_is_free(port))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        fakes({}, {"model": taken})
        with Stack(tmp_path / "data", parts=["model"], output=LogOutput(None)) as running:
            assert running.parts["model"].ports["port"] not in (taken, 0)
    said = (tmp_path / "data" / "logs" / "stack.log").read_text()
    assert said.count(f"port {taken} is taken; model will pick another") == 1


@pytest.mark.usefixtures("fakes")
def test_stack_json_follows_a_restart(tmp_path: Path) -> None:
    with stack(tmp_path / "data", parts=["model"]) as running:
        running.parts["model"].kill()
        running.parts["model"].wait_ready(starts=2)
        raw = json.loads((tmp_path / "data" / STATE_FILE).read_text())
        assert raw["parts"]["model"]["pid"] == running.parts["model"].pid
