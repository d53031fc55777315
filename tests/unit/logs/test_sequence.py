"""Numbers that have arrived."""

from hypothesis import given
from hypothesis import strategies as st

from shared.logs.sequence import MAX_RUNS, Arrived, count

numbers = st.lists(st.integers(1, 60))


@given(numbers)
def test_order_and_repetition_do_not_matter(given_numbers: list[int]) -> None:
    arrived = Arrived()
    for number in given_numbers:
        arrived = arrived.with_number(number)
    assert [n for n in range(1, 61) if n in arrived] == sorted(set(given_numbers))
    assert Arrived.parse(str(arrived)) == arrived
    assert arrived.highest == max(given_numbers, default=0)


@given(numbers, st.integers(0, 70))
def test_gaps_are_what_is_missing(given_numbers: list[int], up_to: int) -> None:
    arrived = Arrived()
    for number in given_numbers:
        arrived = arrived.with_number(number)
    missing = {n for first, last in arrived.missing(up_to) for n in range(first, last + 1)}
    assert missing == set(range(1, max([up_to, *given_numbers]) + 1)) - set(given_numbers)
    assert count(arrived.missing(up_to)) == len(missing)


def test_text() -> None:
    assert str(Arrived(((1, 57), (59, 59)))) == "1-57,59"
    assert Arrived.parse("").runs == ()


def test_numbers_that_no_file_has_are_ignored() -> None:
    assert Arrived().with_number(0) == Arrived()


def test_so_many_gaps_that_no_row_could_hold_them_are_counted() -> None:
    arrived = Arrived()
    for number in range(2, 2 * MAX_RUNS + 20, 2):
        arrived = arrived.with_number(number)
    assert len(arrived.runs) == MAX_RUNS
    assert arrived.closed == 9
    assert len(str(arrived)) < 30_000
    assert count(arrived.missing(0)) + arrived.closed == MAX_RUNS + 9
