"""Votes among samples."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.reasoning_vote import Candidate, Vote, answer_key, vote

ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([1.0, 0.5, "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=4,
)
CANDIDATES = st.lists(st.builds(Candidate, ANSWERS, st.floats(0, 1)), min_size=1, max_size=7)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Three months.", "three  months"),
        ("\uff14\uff12", "42"),
        ('"Yes!"', "yes"),
        ({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}),
    ],
)
def test_the_same_answer(one: Any, other: Any) -> None:
    assert answer_key(one) == answer_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("yes", "no"), (["a", "b"], ["b", "a"]), ({"a": "Yes"}, {"a": "yes"}), (1, True), (1, "1"), (None, "null")],
)
def test_another_answer(one: Any, other: Any) -> None:
    assert answer_key(one) != answer_key(other)


@pytest.mark.parametrize(
    ("given_", "won"),
    [
        ([("a", 0.1), ("b", 0.9), ("A.", 0.2)], Vote(2, 2, pytest.approx(0.15))),
        ([("a", 0.4), ("b", 0.9)], Vote(1, 1, 0.9)),
        ([("a", 0.5), ("b", 0.5)], Vote(0, 1, 0.5)),
        ([("a", 0.5), ("b", 0.5), ("b", 0.4), ("a", 0.5)], Vote(0, 2, 0.5)),
    ],
    ids=["majority", "the surer", "the first", "the surer on average"],
)
def test_who_wins(given_: list[tuple[str, float]], won: Vote) -> None:
    assert vote([Candidate(*one) for one in given_]) == won


@given(CANDIDATES)
def test_no_answer_has_more_votes_than_the_winner(candidates: list[Candidate]) -> None:
    result = vote(candidates)
    keys = [answer_key(candidate.answer) for candidate in candidates]

    assert result.votes == keys.count(keys[result.winner]) == max(keys.count(key) for key in keys)


@given(CANDIDATES)
def test_another_vote_for_the_winner_changes_nothing(candidates: list[Candidate]) -> None:
    before = vote(candidates)
    winner = candidates[before.winner]
    after = vote([*candidates, winner])

    assert answer_key(([*candidates, winner])[after.winner].answer) == answer_key(winner.answer)
    assert after.votes == before.votes + 1
