"""Ids that belong to a piece of work."""

import asyncio

import pytest

from shared.telemetry.context import (
    LoggingContext,
    current_ids,
    is_shipped,
    not_shipped,
    set_correlation_id,
    trace_id_of,
)


def test_contexts_nest_and_end() -> None:
    with LoggingContext(correlation_id="c1", job_id=None):
        with LoggingContext(job_id="j1", correlation_id="c2"):
            assert current_ids() == {"correlation_id": "c2", "job_id": "j1"}
        assert current_ids() == {"correlation_id": "c1"}
    assert current_ids() == {}


def test_a_line_has_names_of_its_own() -> None:
    with pytest.raises(ValueError, match="level"):
        LoggingContext(level="x")


async def test_tasks_take_the_context_along_and_keep_theirs_apart() -> None:
    seen: dict[str, dict[str, str]] = {}

    async def work(name: str) -> None:
        set_correlation_id(name)
        await asyncio.sleep(0)
        seen[name] = dict(current_ids())

    with LoggingContext(job_id="j1"):
        await asyncio.gather(work("a"), work("b"))
    assert seen == {"a": {"job_id": "j1", "correlation_id": "a"}, "b": {"job_id": "j1", "correlation_id": "b"}}
    assert current_ids() == {}


def test_not_shipped() -> None:
    assert is_shipped()
    with not_shipped():
        assert not is_shipped()
    assert is_shipped()


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_trace_ids(header: str | None, trace: str | None) -> None:
    assert trace_id_of(header) == trace
