"""Writes docs/acceptance.md from a test run: `pytest -p tests.support.acceptance --acceptance docs/acceptance.md`.

A test states its figures with `record_property("figures", "...")`. Rows of tests that this run left out stay, with the
time and commit of their own run.
"""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
_HEAD = """# Acceptance

The full-size runs (`make accept`), as they went last. Figures are of that machine; none is a promise.

{system}, {cores} cores, Python {python}.

| what | result | run | commit | seconds | figures |
|---|---|---|---|---|---|
"""


class _Report:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = _rows_of(path)
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        self._commit = commit.stdout.strip()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and not report.failed:
            return
        figures = "; ".join(str(value) for name, value in report.user_properties if name == "figures")
        name = report.nodeid.removeprefix("tests/").replace("|", "\\|")
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        cells = (
            f"`{name}`",
            report.outcome,
            when,
            f"`{self._commit}`",
            f"{report.duration:.0f}",
            figures.replace("|", "/"),
        )
        self._rows[name] = f"| {' | '.join(cells)} |"

    def pytest_sessionfinish(self) -> None:
        head = _HEAD.format(system=platform.system(), cores=os.cpu_count(), python=platform.python_version())
        rows = [self._rows[name] for name in sorted(self._rows)]
        self._path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


def _rows_of(path: Path) -> dict[str, str]:
    """The rows of an earlier run, by the test's name; those of test files that are gone left out."""
    if not path.exists():
        return {}
    found = re.finditer(
        r"^\| `(([^`]+?\.py)::[^`]+)` \|(?:[^|\n]*\|){5}$", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {match[1]: match[0] for match in found if (TESTS / match[2]).exists()}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--acceptance", type=Path, default=None, help="write the results to this Markdown file")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--acceptance"):
        config.pluginmanager.register(_Report(path))
