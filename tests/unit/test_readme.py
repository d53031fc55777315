"""What the README tells people to type exists. The commands themselves are run by the end-to-end tests and CI."""

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = "\n".join([*re.findall(r"```sh\n(.*?)```", README, re.DOTALL), *re.findall(r"`([^`\n]+)`", README)])
SLUICE = sorted(
    set(re.findall(r"(?:^|\| )sluice ((?:errors |profile |bench |config )?[a-z]+)", COMMANDS, re.MULTILINE))
)
MAKE = sorted(set(re.findall(r"^make ([a-z]+)", COMMANDS, re.MULTILINE)))


@pytest.mark.parametrize("words", SLUICE)
def test_sluice_commands_exist(words: str) -> None:
    command: object = get_command(app)
    for word in words.split():
        assert isinstance(command, typer.core.TyperGroup), words
        command = command.get_command(typer.Context(command), word)
        assert command is not None, f"the README names `sluice {words}`"


@pytest.mark.parametrize("target", MAKE)
def test_make_targets_exist(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert link.startswith("http") or (ROOT / link).exists()


def test_commands_that_ci_does_not_run_say_so() -> None:
    for line in README.splitlines():
        if "servicebus.windows.net" in line:
            assert "not run by CI" in line
    assert "(neither is run by CI)" in README
