"""docs/source-documents.md names what there is: modules, names, signatures, settings, endpoints, files."""

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.config_catalogue import by_name
from shared.http_api import endpoints
from shared.http_api.endpoint import Endpoint

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "source-documents.md"
NONE = "**none**"
ROUTES = {f"{one.method} /api/{one.route}" for one in vars(endpoints).values() if isinstance(one, Endpoint)}
MODULE = re.compile(r"(?:shared|functions|cli|function_app)(?:\.\w+)*")
SETTING = re.compile(r"[A-Z][A-Za-z]*_[A-Za-z_]+")


@dataclass(frozen=True)
class Row:
    theirs: str
    ours: str
    remark: str

    def __str__(self) -> str:
        return self.theirs


def _rows() -> list[Row]:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines if line.startswith("| ")]
    return [Row(*row) for row in cells if row[0] != "in the document"]


ROWS = _rows()


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _found(name: str) -> Any:
    """A module, or what is in one. Raises where there is no such thing."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def _is_there(name: str) -> bool:
    if MODULE.fullmatch(name):
        return _found(name) is not None
    if " /api/" in name:
        return name in ROUTES
    assert SETTING.fullmatch(name), f"what is {name}?"
    return name in by_name()


def test_all_five_documents_have_rows() -> None:
    sections = re.split(r"^## (\d{3}): ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert sections[::2] == ["000", "001", "002", "003", "004"]
    assert all(section.count("\n| ") > 10 for section in sections[1::2])


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_named_is_there(row: Row) -> None:
    links = re.findall(r"\]\(([^)]+)\)", row.ours + row.remark)
    names = _quoted(row.ours)
    assert all((DOCUMENT.parent / link).exists() for link in links)
    assert names or links or (row.ours == NONE and row.remark), "it is somewhere, or the remark says why not"
    for name in [*names, *(name for name in _quoted(row.remark) if name.startswith("shared."))]:
        assert _is_there(name), name


@pytest.mark.parametrize("row", [row for row in ROWS if "(" in row.theirs and row.ours != NONE], ids=str)
def test_signatures_are_those_of_the_documents(row: Row) -> None:
    for theirs in _quoted(row.theirs):
        name, _, given = theirs.rstrip(")").partition("(")
        wanted = [parameter.strip() for parameter in given.split(",") if parameter and "*" not in parameter]
        for ours in _quoted(row.ours):
            if MODULE.fullmatch(ours) and ours.endswith("." + name.rpartition(".")[2]):
                taken = inspect.signature(_found(ours)).parameters
                assert [parameter for parameter in wanted if parameter not in taken] == [], ours


def test_accepted_settings_are_read_under_their_old_names() -> None:
    for row in ROWS:
        for name in _quoted(row.theirs):
            if SETTING.fullmatch(name) and name.isupper() and not row.remark.startswith(("not ", "*not ")):
                assert by_name()[name].name == _quoted(row.ours)[0]


def test_what_is_said_to_be_nowhere_is_nowhere() -> None:
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for top in ("shared", "functions")
        for path in ROOT.glob(f"{top}/**/*.py")
    ]
    there = {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    nowhere = {name.partition("(")[0] for row in ROWS if row.ours == NONE for name in _quoted(row.theirs)}
    # Names that say nothing by themselves: methods of what isn't there.
    nowhere -= {"connect", "create", "find_one_by", "get", "post", "set"}
    assert not nowhere & there, "it is there now: say where"
    assert not nowhere & set(by_name())
