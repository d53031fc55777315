import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.quota.measures import Measures
from benchmarks.quota.plan import RowPlan
from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.runner import Row
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.table import as_json, show, sparkline

MEASURES = Measures(
    jobs=10,
    used_percent=97.94,
    bound_percent=88.0,
    rejected=1234,
    rejected_for_requests=4,
    wait_p50_s=1.0,
    wait_p95_s=2.0,
    wait_p99_s=3.04,
    entity_operations=0.0149,
    billed_wait_s=0.306,
    missed_percent=0.0,
    redelivered_jobs=0,
    unfinished=0,
    last_s=9.0,
    history=[4000] * 10,
)


def shown(rows: list[Row], width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(console, rows, "Title")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_a_line_a_row() -> None:
    text = shown([Row(RowPlan("sluice", Scenario()), MEASURES), Row(RowPlan("openai", Scenario()), None, "broke")])

    ours, failed = (next(line for line in text.splitlines() if name in line) for name in ("sluice", "openai"))
    assert ours.split() == ["uniform", "8", "sluice,", "prompt", "97.9", "88.0", "1,234", "1.0", "3.0", "0.01", "0.31"]
    assert failed.split() == ["uniform", "8", "openai", "failed"]


def test_the_table_fits_80_columns() -> None:
    wide = replace(MEASURES, rejected=28_560, wait_p50_s=1000.0, wait_p99_s=2000.0, billed_wait_s=228.12, unfinished=1)
    scenario = Scenario("minority", instances=1000)
    text = shown([Row(RowPlan(name, scenario), wide) for name in ALGORITHMS], width=80)
    assert "…" not in text
    assert "228.12" in text


def test_jobs_that_were_not_done_are_marked() -> None:
    text = shown([Row(RowPlan("openai", Scenario()), replace(MEASURES, unfinished=3, used_percent=None))])
    assert "88.0*" in text
    assert "cut off" in text


def test_the_chart_has_a_bar_for_each_time() -> None:
    #          idle, a little, half, full, ten times the limit
    bars = sparkline([0, 0, 1, 1, 50, 50, 100, 100, 1000, 1000], limit=100, cell_s=2)
    assert bars.plain == " ▁▄██"
    styles = {bars.plain[span.start] + str(span.start): span.style for span in bars.spans}
    assert styles["█3"] != styles["█4"]


def test_json_has_every_row_with_its_scenario_and_history() -> None:
    rows = [
        Row(RowPlan("sluice", Scenario(instances=64)), MEASURES),
        Row(RowPlan("openai", Scenario()), None, "broke"),
    ]
    ours, failed = json.loads(as_json(rows))["rows"]

    assert (ours["algorithm"], ours["instances"], ours["seed"]) == ("sluice", 64, 1)
    assert ours["used_percent"] == pytest.approx(97.94)
    assert ours["history"] == [4000] * 10
    assert failed["error"] == "broke"
    assert "used_percent" not in failed
