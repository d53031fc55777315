from hypothesis import given
from hypothesis import strategies as st

from shared.runs.progress import progress_of
from shared.runs.rows import Head, RunState, Spool, Wish, from_row, to_row
from shared.runs.store import Run
from shared.runs.tally import Tally
from tests.unit.cli.test_run_report import NOW

STATES = st.sampled_from(["pending", "running", "paused", "succeeded", "failed", "cancelled"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "state": STATES,
            "input_tokens": st.integers(0, 99),
            "audio_s": st.none() | st.integers(1, 10**7).map(lambda ms: ms / 1000),
            "error_code": st.none() | st.sampled_from("ab"),
        }
    ),
    max_size=30,
)


@given(ROWS, ROWS)
def test_sums_are_those_of_all_rows(one: list[dict[str, object]], other: list[dict[str, object]]) -> None:
    whole = Tally.of(len(one) + len(other), [*one, *other])
    first, second = Tally.of(len(one), one), Tally.of(len(other), other)
    assert first.plus(second) == whole
    assert whole.plus(second, -1) == first
    assert Tally.from_json(whole.as_json()) == whole
    assert whole.open + whole.ended == whole.jobs


def test_a_tally_of_before_recordings_were_counted_is_read() -> None:
    assert Tally.from_json([3, {"succeeded": 3}, {}, 30, 3]) == Tally(3, {"succeeded": 3}, {}, 30, 3, 0.0)


def test_jobs_without_a_row_have_ended() -> None:
    tally = Tally.of(3, [{"state": "running"}])
    assert (tally.open, tally.ended) == (1, 2)


@given(ROWS, st.integers(0, 5))
def test_a_head_is_read_back_as_it_was_written(rows: list[dict[str, object]], turn: int) -> None:
    head = Head(RunState.PAUSED, turn, 7, {3: Tally.of(len(rows), rows)}, Tally(1), 1, 2, [(1.5, 2)], None, NOW)
    assert from_row(Head, to_row("r", "head", head), None) == head


def test_a_spool_and_a_wish_are_read_back() -> None:
    spool = Spool("feedback", "a.csv", "d", NOW, NOW, ["a", "b"], {"text": "a"}, {"source": "x"}, "app", sealed=True)
    assert from_row(Spool, to_row("r", "spool", spool), None) == spool
    wish = Wish(RunState.CANCELLED, 2)
    assert from_row(Wish, to_row("r", "wish", wish), None) == wish


def test_speed_is_that_of_the_last_minutes() -> None:
    spool = Spool("feedback", "a.csv", "d", NOW, NOW, sealed=True, read=1_000, parts=2)
    head = Head(done=Tally(400, {"succeeded": 400}), history=[(100.0, 100), (130.0, 400)])
    found = progress_of(Run("r", spool, Wish(), head), now_s=135.0)
    assert (found.waiting, found.rate, found.left_s) == (600, 10.0, 55.0)
