"""Counts of the list of jobs: sums over rows of processes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.list_counts import MINUTES, Counts, total
from shared.jobs.record import JobState

STATES = st.none() | st.sampled_from(list(JobState))
type Moves = list[tuple[int, JobState | None, JobState | None, float]]
MOVES = st.lists(st.tuples(st.integers(0, 3), STATES, STATES, st.floats(0, 7200)), max_size=60)


@given(MOVES)
def test_the_sum_over_processes_is_the_number_of_entries(
    moves: list[tuple[int, JobState | None, JobState | None, float]],
) -> None:
    processes = [Counts() for _ in range(4)]
    entries: Counter[JobState] = Counter()
    for process, frm, to, at_s in moves:
        processes[process] = processes[process].moved(frm, to, at_s)
        entries.subtract([frm] if frm else [])
        entries.update([to] if to else [])
    summed = total(processes)
    assert summed.states == {state: count for state, count in entries.items() if count}
    kept = total(Counts.from_row(process.to_row("p", "k")) for process in processes)
    assert kept == summed


@given(st.lists(st.floats(0, 20_000), max_size=100).map(sorted))
def test_the_last_hour_is_kept_and_no_more(times: list[float]) -> None:
    counts = Counts()
    for at_s in times:
        counts = counts.moved(None, JobState.SUCCEEDED, at_s)
    assert len(counts.minutes) <= MINUTES + 1
    if times:
        last = int(times[-1] // 60)
        expected = sum(int(at_s // 60) > last - MINUTES for at_s in times)
        assert sum(events[1] for events in counts.since(times[-1]).minutes.values()) == expected


def test_what_counts_as_an_event() -> None:
    def events(frm: JobState | None, to: JobState | None) -> tuple[int, ...]:
        return Counts().moved(frm, to, 60.0).minutes.get(1, (0, 0, 0, 0))

    assert events(None, JobState.PENDING) == (1, 0, 0, 0)
    assert events(None, JobState.FAILED) == (1, 0, 1, 0)
    assert events(JobState.PENDING, JobState.RUNNING) == (0, 0, 0, 0)
    assert events(JobState.RUNNING, JobState.SUCCEEDED) == (0, 1, 0, 0)
    assert events(JobState.PENDING, JobState.CANCELLED) == (0, 0, 0, 1)
    assert events(JobState.FAILED, JobState.CANCELLED) == (0, 0, 0, 0), "discarded: it had ended"
    assert events(JobState.FAILED, None) == (0, 0, 0, 0)
