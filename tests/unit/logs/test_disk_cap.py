"""What goes first when the disk is full."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shared.logs.disk_cap import judge
from shared.logs.log_files import LocalFile


def file(name: str, size: int) -> LocalFile:
    return LocalFile(Path(name), None, size, 0.0, 0)


def test_shipped_ones_go_first_then_the_oldest_that_wait() -> None:
    shipped, waiting = [file("s1", 10), file("s2", 10)], [file("w1", 10), file("w2", 10), file("w3", 10)]
    assert [f.path.name for f in judge(shipped, waiting, 10, 60).drop] == []
    assert [f.path.name for f in judge(shipped, waiting, 10, 45).drop] == ["s1", "s2"]
    assert [f.path.name for f in judge(shipped, waiting, 10, 30).drop] == ["s1", "s2", "w1"]


def test_a_warning_comes_before_the_cap() -> None:
    assert not judge([], [file("w", 79)], 0, 100).near
    assert judge([], [file("w", 70)], 10, 100).near
    assert judge([], [file("w", 70)], 10, 100).drop == ()


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)), st.integers(0, 50), st.integers(0, 300))
def test_no_more_goes_than_has_to(shipped: list[int], waiting: list[int], active: int, cap: int) -> None:
    old, new = (
        [file(f"s{i}", size) for i, size in enumerate(shipped)],
        [file(f"w{i}", s) for i, s in enumerate(waiting)],
    )
    verdict = judge(old, new, active, cap)
    kept = verdict.used - sum(f.size for f in verdict.drop)
    assert verdict.used == active + sum(shipped) + sum(waiting)
    assert kept <= cap or len(verdict.drop) == len(old) + len(new)
    assert verdict.drop == (*old, *new)[: len(verdict.drop)]
    if verdict.drop:
        assert kept + verdict.drop[-1].size > cap
