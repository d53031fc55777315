"""A stand-in for `az` and `azd`: says what a test gave it, and remembers what it was asked."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
answers = json.loads((folder / "answers.json").read_text())
words = " ".join(sys.argv[1:])
for start, answer in answers.items():
    if words.startswith(start):
        if isinstance(answer, dict) and "fails" in answer:
            sys.exit(answer["fails"])
        print(json.dumps(answer))
        break
"""


class CommandLine:
    """What `az` answers, by the beginning of its arguments; an answer {"fails": text} is an error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("az", "azd"):
            script = folder / name
            script.write_text(_SCRIPT.format(python=sys.executable, folder=str(folder)))
            script.chmod(0o755)
        self.answer({})

    def answer(self, answers: Mapping[str, Any]) -> None:
        (self._folder / "answers.json").write_text(json.dumps(answers))

    @property
    def asked(self) -> list[list[str]]:
        """The commands that were run."""
        path = self._folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return CommandLine(tmp_path)
