"""`sluice bench quota` as it is typed."""

import asyncio
import json
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from benchmarks.quota import runner
from benchmarks.quota.plan import RowPlan
from benchmarks.quota.runner import RowError, run_row
from benchmarks.quota.scenario import Scenario
from cli.main import app
from shared.errors import ConfigurationError


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "quota", *arguments])


def test_rows_as_json() -> None:
    result = typed(
        *("--algorithm", "minute-counter", "--workload", "heavy", "--instances", "1", "--instances", "2"),
        *("--minutes", "1", "--seed", "7", "--json"),
    )

    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert [(row["algorithm"], row["workload"], row["instances"], row["seed"]) for row in rows] == [
        ("minute-counter", "heavy", 1, 7),
        ("minute-counter", "heavy", 2, 7),
    ]
    for row in rows:
        assert row["unfinished"] == 0
        assert sum(row["history"]) == pytest.approx(240_000, rel=0.3)


def test_rows_as_a_table() -> None:
    result = typed("--algorithm", "minute-counter", "--workload", "uniform", "--minutes", "1")

    assert result.exit_code == 0, result.output
    assert "minute-counter" in result.stdout
    assert "tokens a second" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--algorithm", "token-counter"), "no algorithm 'token-counter'"),
        (("--workload", "heavier"), "no workload 'heavier'"),
        (("--instances", "0"), "instances must be"),
    ],
)
def test_unknown_names_are_explained(arguments: tuple[str, ...], said: str) -> None:
    error = typed(*arguments).exception
    assert isinstance(error, ConfigurationError)
    assert said in str(error)


def test_a_peer_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "OWN_ENVIRONMENT", tmp_path / "python")

    result = typed("--algorithm", "litellm", "--workload", "half", "--minutes", "1")

    assert result.exit_code == 1
    assert "make bench" in result.stderr


async def test_a_row_that_breaks_says_why() -> None:
    with pytest.raises(RowError, match="ZeroDivisionError"):
        await run_row(RowPlan("minute-counter", Scenario(instances=0)))


async def test_a_row_that_is_interrupted_leaves_no_process() -> None:
    before = set(psutil.Process().children())
    row = asyncio.create_task(run_row(RowPlan("minute-counter", Scenario(minutes=240))))
    while set(psutil.Process().children()) == before:  # noqa: ASYNC110 - the other side is another process
        await asyncio.sleep(0.01)
    row.cancel()
    with pytest.raises(asyncio.CancelledError):
        await row

    assert set(psutil.Process().children()) == before
