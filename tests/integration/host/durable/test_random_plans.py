"""Random orchestrations end as they should, whatever crashes on the way.

Microsoft's SDK runs the orchestrators; the engine is abandoned in the middle and opened again from its file.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.host.durable.history import EventType
from local.host.durable.instance_table import Filter
from local.host.durable.records import Instance
from tests.support.durable_app import plans
from tests.support.durable_engine import App, Clock, CrashError, Engine

# The SDK warns of events that come before they are waited for.
pytestmark = pytest.mark.filterwarnings("ignore:Potential duplicate Task completion", "ignore:azure.functions df_loads")
LONGEST_SHORT_TIMER_S = 6 * 86400
KEYS = st.sampled_from(["a", "b"])
ACTIVITY = st.builds(lambda n: {"do": "activity", "value": n}, st.integers(0, 9))
RETRY = st.builds(
    lambda key, failures, attempts: {"do": "retry", "key": key, "failures": failures, "attempts": attempts},
    st.integers(0, 10**9),
    st.integers(0, 3),
    st.integers(1, 3),
)
TIMER = st.builds(lambda s: {"do": "timer", "s": s}, st.sampled_from([0, 1, 30, 900_000]))
ENTITY = st.builds(lambda key, n: {"do": "entity", "key": key, "n": n}, KEYS, st.integers(1, 9))
SIGNAL = st.builds(lambda key, n: {"do": "entity", "signal": True, "key": key, "n": n}, KEYS, st.integers(1, 9))
EVENT = st.builds(lambda n: {"do": "event", "name": f"event-{n}"}, st.integers(0, 10**9))


def fails(step: dict[str, Any]) -> bool:
    """Whether a step fails: a sub-orchestration doesn't, whatever its steps do."""
    if step["do"] == "all":
        return any(map(fails, step["of"]))
    return step["do"] == "retry" and step["failures"] >= step["attempts"]


def completes_twice(step: dict[str, Any]) -> bool:
    """Whether the SDK may trip over a task_all within another: it fails with its first failed task, and then succeeds
    if the last of its tasks does (WhenAllTask.try_set_value), for which the outer one has no place."""
    return step["do"] == "all" and fails(step) and not all(map(fails, step["of"]))


def all_of(tasks: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    inner = tasks.filter(lambda step: not completes_twice(step))
    return st.builds(lambda of: {"do": "all", "of": of}, st.lists(inner, min_size=1, max_size=4))


TASKS = st.recursive(
    st.one_of(ACTIVITY, RETRY, TIMER, ENTITY),
    lambda tasks: st.one_of(
        all_of(tasks),
        st.builds(lambda steps: {"do": "sub", "steps": steps}, st.lists(st.one_of(tasks, SIGNAL), max_size=3)),
    ),
    max_leaves=6,
)
STEPS = st.one_of(TASKS, SIGNAL, EVENT, st.builds(lambda of: {"do": "first", "of": of}, st.one_of(ACTIVITY, ENTITY)))
PLANS = st.lists(STEPS, min_size=1, max_size=5)


def walk(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All steps of a plan, at any depth."""
    for step in steps:
        yield step
        inner = step.get("of", step.get("steps", []))
        yield from walk([inner] if isinstance(inner, dict) else inner)


def expected(step: dict[str, Any]) -> Any:
    """What a step must give."""
    match step["do"]:
        case "activity":
            return step["value"] * 2
        case "retry":
            return step["key"] if step["failures"] < step["attempts"] else Failed
        case "timer":
            return [None] if step["s"] > LONGEST_SHORT_TIMER_S else None  # the SDK makes a list of a long timer
        case "entity":
            return "signalled" if step.get("signal") else "added"
        case "event":
            return json.dumps(step["name"])
        case "first":
            return "first"
        case "sub":
            return expected_of(step["steps"])
    inner = [expected(each) for each in step["of"]]
    return Failed if Failed in inner else inner


Failed = "failed: ['Activity', 'function', \"'plan_flaky'\"]"


def expected_of(steps: list[dict[str, Any]]) -> list[Any]:
    return [expected(step) for step in steps]


def create_app() -> App:
    app = App()
    runs: dict[int, int] = {}

    def flaky(step: dict[str, Any]) -> int:
        key = step["key"]
        runs[key] = runs.get(key, 0) + 1
        # Also a run whose outcome a crash has lost counts: a task that is to fail fails however often it is run.
        if step["failures"] >= step["attempts"] or runs[key] <= step["failures"]:
            raise RuntimeError("flaky")
        return int(key)

    app.orchestrator("plan", plans.interpret)
    app.entity("plan_sum", plans.add)
    app.activity("plan_double", plans.double)
    app.activity("plan_flaky", flaky)
    return app


async def run_plan(path: Path, steps: list[dict[str, Any]], rounds: int, random: Random, crash: str) -> Engine:
    """Run a plan to its end.

    Args:
        crash: "never"; "every" run of a function crashes once, before or after it; "some" of them.
    """
    app, clock = create_app(), Clock()
    calm = False

    def interfere(_: str) -> None:
        nonlocal calm
        likely = {"never": 0.0, "every": 0.0 if calm else 0.5, "some": 0.15}[crash]
        if random.random() < likely:
            calm = True
            raise CrashError
        calm = False

    app.before = app.after = interfere
    engine = Engine(path, app, clock)
    await engine.client.start("plan", "root", json.dumps(json.dumps({"steps": steps, "rounds": rounds})))
    events = [step["name"] for step in walk(steps) if step["do"] == "event"]
    for _ in range(5000):
        if events and random.random() < 0.3:
            name = events.pop()
            await engine.client.raise_event("root", name, json.dumps(json.dumps(name)))
        try:
            if not await engine.step(random) and not events:
                return engine
        except CrashError:
            engine.abandon()
            engine = Engine(path, app, clock)
    raise AssertionError("it does not come to an end")


def check_history(engine: Engine, instance: Instance) -> None:
    """Every task was scheduled once, and ended at most once."""
    events = json.loads(f"[{','.join(engine.hub.instances.history(instance.id))}]")
    starts = [e["EventId"] for e in events if e["EventId"] >= 0]
    assert len(starts) == len(set(starts))
    ends = [e.get("TaskScheduledId", e.get("TimerId")) for e in events]
    ends = [end for end in ends if end is not None]
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(starts)
    assert [e["EventType"] for e in events].count(EventType.EXECUTION_COMPLETED) == 1
    assert sorted(starts) == list(range(len(starts)))


def check(steps: list[dict[str, Any]], rounds: int, seed: int, crash: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = asyncio.run(run_plan(Path(folder) / "hub.db", steps, rounds, Random(seed), crash))
        root = engine.hub.instances.get("root")
        assert root is not None
        assert root.status == "Completed", root
        assert json.loads(root.output or "") == expected_of(steps) * rounds
        for key in ("a", "b"):
            total = rounds * sum(step["n"] for step in walk(steps) if step["do"] == "entity" and step["key"] == key)
            assert int(engine.hub.entity_state(f"@plan_sum@{key}") or 0) == total
        for instance in engine.hub.instances.find(Filter()):
            assert instance.status == "Completed"
            check_history(engine, instance)
        for table in ("inbox", "agenda", "work"):
            assert engine.hub.database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608
        engine.hub.database.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS, st.integers(0, 10**6))
def test_without_crashes(steps: list[dict[str, Any]], seed: int) -> None:
    check(steps, 1, seed, "never")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS, st.integers(0, 10**6))
def test_with_a_crash_at_every_step(steps: list[dict[str, Any]], seed: int) -> None:
    check(steps, 1, seed, "every")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(TASKS, SIGNAL), min_size=1, max_size=3), st.integers(2, 4), st.integers(0, 10**6))
def test_continuing_as_new_with_crashes(steps: list[dict[str, Any]], rounds: int, seed: int) -> None:
    check(steps, rounds, seed, "some")


def test_why_some_plans_are_left_out(tmp_path: Path) -> None:
    failing = {"do": "retry", "key": 1, "failures": 1, "attempts": 1}
    inner = {"do": "all", "of": [failing, {"do": "timer", "s": 30}]}
    assert completes_twice(inner)
    plan = [{"do": "all", "of": [inner]}, {"do": "timer", "s": 60}]
    engine = asyncio.run(run_plan(tmp_path / "hub.db", plan, 1, Random(0), "never"))
    root = engine.hub.instances.get("root")
    engine.hub.database.close()
    assert root is not None
    assert root.status == "Failed"
    assert "completed twice" in (root.output or "")
