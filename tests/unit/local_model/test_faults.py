"""The fault book: order, counts, chance, matching."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from local.model.faults import FAULTS, AnyFault, FaultBook, StatusFault


class FixedChance(random.Random):
    """Draws the given numbers in turn."""

    def __init__(self, *draws: float) -> None:
        super().__init__()
        self.draws = list(draws)

    def random(self) -> float:
        return self.draws.pop(0)


def book_of(*faults: dict[str, Any], chance: random.Random | None = None) -> FaultBook:
    book = FaultBook(chance or random.Random(1))
    book.inject(FAULTS.validate_python(list(faults)))
    return book


def kind(fault: AnyFault | None) -> str | None:
    return None if fault is None else fault.kind


def test_faults_happen_in_the_order_of_injection() -> None:
    book = book_of({"kind": "truncate"}, {"kind": "invalid_json", "count": 2})

    happened = [kind(book.on_request("chat", "gpt", "")) for _ in range(4)]

    assert happened == ["truncate", "invalid_json", "invalid_json", None]


def test_a_fault_that_chance_spares_leaves_the_call_to_the_next_one() -> None:
    faults: list[dict[str, Any]] = [{"kind": "truncate", "probability": 0.5}, {"kind": "invalid_json"}]
    book = book_of(*faults, chance=FixedChance(0.5, 0.0, 0.49))

    assert kind(book.on_request("chat", "gpt", "")) == "invalid_json"
    assert kind(book.on_request("chat", "gpt", "")) == "truncate"


def test_a_fault_without_count_never_ends() -> None:
    book = book_of({"kind": "truncate", "count": None})

    assert {kind(book.on_request("chat", "gpt", "")) for _ in range(50)} == {"truncate"}
    assert book.listed()[0]["fired"] == 50


@pytest.mark.parametrize(
    ("match", "happens"),
    [
        ({}, True),
        ({"deployment": "gpt"}, True),
        ({"deployment": "other"}, False),
        ({"operation": "chat"}, True),
        ({"operation": "embeddings"}, False),
        ({"contains": "needle"}, True),
        ({"contains": "thread"}, False),
    ],
)
def test_match(match: dict[str, str], happens: bool) -> None:
    book = book_of({"kind": "status", "status": 500, "match": match})

    assert (book.on_request("chat", "gpt", "a needle in a haystack") is not None) is happens


@pytest.mark.parametrize(
    ("fault", "happens"),
    [
        ({"kind": "truncate"}, False),
        ({"kind": "invalid_json"}, True),
        ({"kind": "content_filter", "on": "prompt"}, True),
    ],
)
def test_only_chat_answers_can_be_cut(fault: dict[str, Any], happens: bool) -> None:
    assert (book_of(fault).on_request("embeddings", "ada", "") is not None) is happens


def test_each_stage_takes_only_its_own_faults() -> None:
    book = book_of(
        {"kind": "retry_after", "retry_after": None, "retry_after_ms": "0"},
        {"kind": "status", "status": 503},
        {"kind": "drop", "at": "before_reading"},
    )

    assert kind(book.on_arrival("chat", "gpt")) == "drop"
    assert kind(book.on_request("chat", "gpt", "")) == "status"
    assert kind(book.on_rejection("chat", "gpt", "")) == "retry_after"
    assert book.listed() == []


def test_faults_can_be_removed_by_id_and_cleared() -> None:
    book = book_of({"kind": "truncate"}, {"kind": "invalid_json"}, {"kind": "invalid_content"})

    assert book.remove(1)
    assert not book.remove(1)
    assert [fault["id"] for fault in book.listed()] == [2, 3]
    book.clear()
    assert book.listed() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unknown"},
        {"kind": "status"},
        {"kind": "status", "status": 200},
        {"kind": "delay"},
        {"kind": "truncate", "count": 0},
        {"kind": "truncate", "probability": 2},
        {"kind": "truncate", "colour": "red"},
        {"kind": "truncate", "match": {"contains": ""}},
        {"kind": "drop", "at": "before_reading", "match": {"contains": "x"}},
    ],
)
def test_senseless_faults_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FAULTS.validate_python([fault])


@pytest.mark.parametrize(("status", "is_free"), [(400, True), (408, False), (429, True), (500, False), (503, False)])
def test_what_the_gateway_answers_is_free(status: int, is_free: bool) -> None:
    assert StatusFault(kind="status", status=status).is_free is is_free
