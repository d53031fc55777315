"""Writes docs/acceptance.md from a test run: `pytest -p tests.support.acceptance --acceptance docs/acceptance.md`.

A test states its figures with `record_property("figures", "...")`.
"""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

_HEAD = """# Acceptance

The full-size runs (`make accept`), as they went last. Figures are of that machine; none is a promise.

{when}, commit `{commit}`, {system}, {cores} cores, Python {python}.

| what | result | seconds | figures |
|---|---|---|---|
"""


class _Report:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and not report.failed:
            return
        figures = "; ".join(str(value) for name, value in report.user_properties if name == "figures")
        name = report.nodeid.removeprefix("tests/").replace("|", "\\|")
        self._rows.append(f"| `{name}` | {report.outcome} | {report.duration:.0f} | {figures.replace('|', '/')} |")

    def pytest_sessionfinish(self) -> None:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        head = _HEAD.format(
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            commit=commit.stdout.strip(),
            system=platform.system(),
            cores=os.cpu_count(),
            python=platform.python_version(),
        )
        self._path.write_text(head + "\n".join(self._rows) + "\n", encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--acceptance", type=Path, default=None, help="write the results to this Markdown file")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--acceptance"):
        config.pluginmanager.register(_Report(path))
