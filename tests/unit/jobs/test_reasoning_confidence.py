"""The formula of confidence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.reasoning_confidence import Review, Signals, confidence


@st.composite
def signals(draw: st.DrawFn) -> Signals:
    samples = draw(st.integers(1, 10))
    return Signals(
        review=draw(st.sampled_from(Review)),
        reported=draw(st.floats(-1, 2)),
        agreeing=draw(st.integers(0, samples)),
        samples=samples,
        quotes=draw(st.integers(0, 9)),
        dropped=draw(st.integers(0, 9)),
        has_inputs=draw(st.booleans()),
    )


@pytest.mark.parametrize(
    ("known", "number"),
    [
        (Signals(Review.ACCEPTED, 1.0, quotes=2), 1.0),
        (Signals(Review.ACCEPTED, 0.8, quotes=2), 0.8),
        (Signals(Review.ACCEPTED_AFTER_REVISION, 0.8, quotes=2), 0.72),
        (Signals(Review.REFUSED, 0.8, quotes=2), 0.32),
        (Signals(Review.ACCEPTED, 0.8, quotes=1, dropped=1), 0.6),
        (Signals(Review.ACCEPTED, 0.8, dropped=3), 0.4),
        (Signals(Review.ACCEPTED, 0.8), 0.6),
        (Signals(Review.ACCEPTED, 0.8, has_inputs=False), 0.8),
        (Signals(Review.ACCEPTED, 0.8, agreeing=2, samples=3, quotes=1), 0.733),
    ],
)
def test_documented_values(known: Signals, number: float) -> None:
    assert confidence(known) == number


@given(signals())
def test_it_is_a_share(known: Signals) -> None:
    assert 0.0 <= confidence(known) <= 1.0


@given(signals(), st.floats(0, 1))
def test_more_of_what_speaks_for_an_answer_never_lowers_it(known: Signals, more: float) -> None:
    better = [
        replace(known, review=Review.ACCEPTED),
        replace(known, reported=known.reported + more),
        replace(known, agreeing=min(known.samples, known.agreeing + 1)),
        replace(known, quotes=known.quotes + 1),
        replace(known, dropped=max(0, known.dropped - 1)),
    ]
    if known.review is Review.REFUSED:
        better.append(replace(known, review=Review.ACCEPTED_AFTER_REVISION))
    assert all(confidence(one) >= confidence(known) for one in better)


@given(signals().filter(lambda known: known.has_inputs and known.reported > 0.5 and known.quotes))
def test_a_dropped_quote_lowers_it(known: Signals) -> None:
    assert confidence(replace(known, dropped=known.dropped + 2)) < confidence(replace(known, dropped=0))
