"""Counters, gauges and durations."""

import ast
import re
from pathlib import Path

import pytest

from shared.errors import StorageError
from shared.telemetry.instruments import INSTRUMENTS
from shared.telemetry.metrics import increment_counter, observe, set_gauge, time_it
from tests.support.recording import Recorded

ROOT = Path(__file__).parents[3]


def test_counters_add_up_by_their_tags(recorded: Recorded) -> None:
    increment_counter("api.requests", tags={"endpoint": "/users", "method": "GET"})
    increment_counter("api.requests", 2, tags={"endpoint": "/users", "method": "GET", "error.type": None})
    increment_counter("api.requests", tags={"endpoint": "/jobs"})
    assert recorded.metric("api.requests") == [
        ({"endpoint": "/users", "method": "GET"}, 3),
        ({"endpoint": "/jobs"}, 1),
    ]


def test_gauges_hold_the_last_value(recorded: Recorded) -> None:
    set_gauge("active_connections", 45)
    set_gauge("active_connections", 44)
    assert recorded.metric("active_connections") == [({}, 44)]


async def test_durations_of_calls_are_kept_with_the_code_of_an_error(recorded: Recorded) -> None:
    @time_it("database.query", {"table": "users"})
    async def query(fails: bool) -> str:
        if fails:
            raise StorageError("secret")
        return "row"

    @time_it("database.plan")
    def plan() -> int:
        return 7

    assert (await query(fails=False), plan()) == ("row", 7)
    with pytest.raises(StorageError):
        await query(fails=True)
    queries = recorded.metric("database.query")
    assert [tags for tags, _ in queries] == [{"table": "users"}, {"table": "users", "error.type": "storage"}]
    assert all(0 <= seconds < 10 for _, seconds in queries)
    assert len(recorded.metric("database.plan")) == 1


def test_a_known_metric_is_of_one_kind(recorded: Recorded) -> None:
    with pytest.raises(ValueError, match=r"sluice\.jobs\.ended is a counter, not a gauge"):
        set_gauge("sluice.jobs.ended", 1)


def test_without_telemetry_nothing_happens() -> None:
    increment_counter("a")
    set_gauge("b", 1)
    observe("c", 1)


def test_every_metric_of_the_app_is_known_and_documented() -> None:
    used: set[str] = set()
    for path in (*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in ("increment_counter", "set_gauge", "observe", "time_it") and isinstance(node, ast.Call):
                first = node.args[0]
                used |= {str(first.value)} if isinstance(first, ast.Constant) else set()
    assert used == INSTRUMENTS.keys()
    rows = re.findall(r"^\| `([^`]+)` \| (counter|gauge|histogram) \| (\S+) \|", _docs(), re.MULTILINE)
    assert {name: (kind, unit) for name, kind, unit in rows} == {
        name: (what.kind, what.unit) for name, what in INSTRUMENTS.items()
    }


def _docs() -> str:
    return (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")


def test_every_attribute_is_documented() -> None:
    pattern = r'"((?:messaging|gen_ai|sluice|http|durabletask|server|azure)\.[a-z_.]+)"'
    found: set[str] = set()
    for path in (*ROOT.glob("shared/telemetry/*.py"), *ROOT.glob("shared/jobs/*.py")):
        found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    documented = set(re.findall(r"`([\w.]+)`", _docs()))
    assert found - documented - {"azure.monitor", "azure.core", "azure.identity"} == set()
