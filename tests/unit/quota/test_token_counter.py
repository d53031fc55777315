"""The token counter's operations: done once each, never corrupted, small."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.quota.counter_state import MAX_OPEN_LOCKS
from shared.quota.operations import Book, Throttled
from shared.quota.token_counter import apply
from tests.unit.quota.world import START_S

LIMITS = {"tpm": 6000, "rpm": 600, "pace": 0}


class Counter:
    """A counter whose state goes through JSON after each operation, as the entity's does."""

    def __init__(self, limits: dict[str, Any] | None = LIMITS) -> None:
        self.state: Any = None
        self.now_s = START_S
        if limits is not None:
            assert self.call("configure", id="c0", limits=limits)["ok"]

    def call(self, operation: str, /, **payload: Any) -> dict[str, Any]:
        before = copy.deepcopy(self.state)
        state, answer = apply(self.state, operation, payload, self.now_s)
        assert self.state == before, "the old state isn't changed"
        self.state = json.loads(json.dumps(state))
        return json.loads(json.dumps(answer))

    def size(self) -> int:
        return len(json.dumps(json.dumps(self.state)))


def test_book() -> None:
    counter = Counter()
    assert counter.call("book", id="b1", jobs=[4000, 7000, 2000, 10]) == {
        "ok": True,
        "starts": [START_S, None, START_S, None],
        "oversized": [1],
        "next_free_s": START_S + 62.25,
        "now_s": START_S,
        "tolerance_s": 2.0,
        "epoch": 0,
        "frozen_until_s": 0.0,
    }
    answer = counter.call("book", id="b2", jobs=[7000, 5, 5], reserved=2)
    assert (answer["starts"], answer["oversized"]) == ([None, None, START_S + 62.25], [0])
    assert counter.call("book", id="b3", jobs=[7000], reserved=0)["starts"] == [None]


def test_the_pumps_call_carries_what_became_of_earlier_bookings() -> None:
    counter = Counter()
    first, second = counter.call("book", id="b1", jobs=[4000, 2000])["starts"]
    counter.now_s += 5
    answer = counter.call(
        "book",
        id="b2",
        jobs=[2000],
        settled=[[first, 4000, 0, first + 0.4]],
        released=[[second, 2000, 0]],
        observed=[[first + 0.4, 4000, 2000]],
        usage=[1, 3000, 200],
    )
    assert answer["starts"] == [START_S + 5]
    status = counter.call("status", id="s")
    assert status["usage"] == {"calls": 1, "prompt_tokens": 3000, "completion_tokens": 200}
    assert status["used_tokens"] == 6000


def test_limits_of_the_settings_apply_when_they_change_and_no_sooner() -> None:
    counter = Counter(None)
    assert counter.call("book", id="b0", jobs=[5])["code"] == "not_configured"
    counter.call("book", id="b1", jobs=[], limits=LIMITS)
    counter.call("configure", id="c1", limits={"tpm": 9000})
    counter.call("book", id="b2", jobs=[], limits=LIMITS)
    assert counter.call("status", id="s")["limits"]["tpm"] == 9000
    counter.call("lock", id="l1", tokens=1, limits=LIMITS | {"tpm": 5000})
    assert counter.call("status", id="s")["limits"]["tpm"] == 5000


def test_limits_of_a_new_counter_are_changed_from_those_of_the_settings_and_stay() -> None:
    counter = Counter(limits=None)
    settings = {"tpm": 6000, "rpm": 600}
    assert counter.call("status", id="s", limits=settings)["limits"]["tpm"] == 6000
    changed = counter.call("configure", id="c1", limits={"tpm": 900}, base=settings)
    assert (changed["limits"]["tpm"], changed["limits"]["rpm"]) == (900, 600)
    counter.call("book", id="b1", jobs=[5], limits=settings)
    assert counter.call("status", id="s", limits=settings)["limits"]["tpm"] == 900


def test_locks() -> None:
    counter = Counter()
    lock = counter.call("lock", id="one", tokens=4000)
    assert lock["allowed"]
    token_id, rate_id = lock["request_id"].split(":")
    assert token_id
    assert rate_id
    refused = counter.call("lock", id="two", tokens=4000)
    assert (refused["allowed"], refused["next_free_s"]) == (False, START_S + 62.25)
    assert "62.25 s" in refused["error"]
    assert counter.call("status", id="s")["open_locks"] == 1
    assert counter.call("release", id="r1", request_id=f"{token_id}:else")["released"] is False
    assert counter.call("release", id="r2", request_id=lock["request_id"])["released"] is True
    assert counter.call("lock", id="three", tokens=6000)["allowed"]


def test_a_reported_lock_is_closed_and_stays_counted() -> None:
    counter = Counter()
    lock = counter.call("lock", id="one", tokens=6000)
    counter.call("report", id="r", request_id=lock["request_id"], prompt_tokens=100, completion_tokens=20)
    assert counter.call("release", id="x", request_id=lock["request_id"])["released"] is False
    status = counter.call("status", id="s")
    assert (status["open_locks"], status["used_tokens"], status["reset_s"]) == (0, 6000, 62.25)
    assert status["usage"] == {"calls": 1, "prompt_tokens": 100, "completion_tokens": 20}


def test_oversized_locks_say_what_to_do() -> None:
    answer = Counter().call("lock", id="one", tokens=6001)
    assert answer["code"] == "oversized_request"
    assert "6001" in answer["error"]
    assert "6000" in answer["error"]


def test_locks_expire_by_time_and_are_bounded() -> None:
    counter = Counter({"tpm": 1000, "rpm": 60_000})
    for number in range(MAX_OPEN_LOCKS + 10):
        counter.call("lock", id=f"l{number}", tokens=1)
    assert counter.call("status", id="s")["open_locks"] == MAX_OPEN_LOCKS
    counter.now_s += 100
    assert counter.call("status", id="s")["open_locks"] == 0


def test_a_429_stops_everybody_and_voids_what_was_booked() -> None:
    counter = Counter()
    lock = counter.call("lock", id="l", tokens=1000)
    counter.call("book", id="b1", jobs=[2000, 3000], delay_s=3)
    answer = counter.call("throttled", id="t", retry_after_s=2, request_id=lock["request_id"])
    assert (answer["epoch"], answer["frozen_until_s"]) == (1, START_S + 2)
    answer = counter.call("book", id="b2", jobs=[6000])
    assert answer["starts"] == [START_S + 2]
    status = counter.call("status", id="s")
    assert (status["throttles"], status["epoch"], status["guard_s"]) == (1, 1, 2.65)


operations = st.sampled_from(["book", "lock", "report", "release", "throttled", "configure"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from([*Book.model_fields, *Throttled.model_fields, "tokens"])


@settings(deadline=None, max_examples=150)
@given(operation=operations | st.text(max_size=9), payload=st.dictionaries(names, json_values, max_size=6))
def test_a_wrong_payload_gives_an_error_and_changes_nothing(operation: str, payload: dict[str, Any]) -> None:
    state, _ = apply(None, "configure", {"id": "c", "limits": LIMITS}, START_S)
    after, answer = apply(state, operation, payload, START_S)
    if not answer["ok"]:
        assert after == state
        assert answer["error"]
        assert answer["code"]
    _, status = apply(json.loads(json.dumps(after)), "status", {"id": "s"}, START_S)
    assert status["ok"]


@given(payload=json_values)
def test_a_payload_of_any_kind_is_survived(payload: object) -> None:
    state, answer = apply(None, "book", payload, START_S)
    assert answer["ok"] is False
    assert apply(state, "status", {"id": "s"}, float("nan"))[1]["code"] == "not_configured"


@settings(deadline=None)
@given(state=json_values | st.fixed_dictionaries({"version": st.just(1), "ledger": json_values, "locks": json_values}))
def test_an_unreadable_state_starts_as_if_the_quota_were_used(state: object) -> None:
    if state is None:
        return
    after, answer = apply(state, "book", {"id": "b", "jobs": [1], "limits": LIMITS}, START_S)
    assert answer["ok"]
    assert answer["starts"] == [None]
    assert answer["next_free_s"] >= START_S + 60
    later = START_S + 80
    assert apply(after, "lock", {"id": "l", "tokens": 5999}, later)[1]["allowed"]


def test_an_older_state_keeps_its_limits() -> None:
    counter = Counter({"tpm": 7000, "rpm": 70})
    counter.state["version"] = 0
    assert counter.call("lock", id="l", tokens=1)["allowed"] is False
    assert counter.call("status", id="s")["limits"]["tpm"] == 7000


calls = st.lists(
    st.one_of(
        st.tuples(st.just("book"), st.lists(st.integers(1, 9000), max_size=30).map(lambda jobs: {"jobs": jobs})),
        st.tuples(st.just("lock"), st.integers(1, 9000).map(lambda tokens: {"tokens": tokens})),
        st.tuples(st.just("release"), st.integers(0, 9).map(lambda number: {"lock": number})),
        st.tuples(st.just("report"), st.integers(0, 9).map(lambda number: {"lock": number})),
        st.tuples(st.just("throttled"), st.just({"retry_after_s": 1})),
        st.tuples(st.just("configure"), st.integers(100, 9000).map(lambda tpm: {"limits": {"tpm": tpm}})),
        st.tuples(st.just("hear"), st.integers(0, 2).map(lambda kind: {"kind": kind})),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(calls=calls, again=st.integers(1, 4), dt_s=st.floats(0, 3))
def test_every_operation_is_done_once(calls: list[tuple[str, dict[str, Any]]], again: int, dt_s: float) -> None:
    counter = Counter()
    locks: list[str] = ["none:such"]
    booked: list[list[float]] = []
    past: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    for number, (operation, payload) in enumerate(calls):
        if "lock" in payload:
            payload = {"request_id": locks[payload["lock"] % len(locks)]}
        if operation == "hear":
            heard, booked = booked, []
            operation = "book"
            payload = {"released": heard} if payload["kind"] else {"settled": [[*b, b[0] + 0.1] for b in heard]}
        payload = {"id": f"op{number}", **payload}
        answer = counter.call(operation, **payload)
        if answer.get("request_id"):
            locks.append(answer["request_id"])
        booked += [
            [start, tokens, answer["epoch"]]
            for start, tokens in zip(answer.get("starts", []), payload.get("jobs", []), strict=False)
            if start is not None
        ]
        if answer["ok"]:
            past.append((operation, payload, answer))
        counter.now_s += dt_s
        for earlier in past[-again:]:
            state = counter.state
            assert counter.call(earlier[0], **earlier[1]) == earlier[2]
            assert counter.state == state


def test_ids_of_different_operations_do_not_meet() -> None:
    counter = Counter()
    assert counter.call("lock", id="same", tokens=1)["allowed"]
    assert counter.call("book", id="same", jobs=[1])["starts"] == [START_S]


@pytest.mark.parametrize("tpm", [10_000, 240_000, 2_000_000, 30_000_000])
def test_the_state_stays_small_under_full_load(tpm: int) -> None:
    counter = Counter({"tpm": tpm, "rpm": max(60, tpm * 6 // 1000), "guard_s": 2.15})
    tokens = max(167, tpm // 5000)
    largest = 0
    bookings: list[list[float]] = []
    for cycle in range(45):
        counter.now_s = START_S + cycle * 2.5
        heard = [b for b in bookings if b[0] < counter.now_s - 1][::2]
        answer = counter.call(
            "book",
            id=f"admit-deployment-with-a-name-{cycle:012d}",
            jobs=[tokens + n % 7 for n in range(500)],
            settled=[[*b, b[0] + 0.7] for b in heard],
            observed=[[counter.now_s - 1, 500, tpm // 3]],
        )
        bookings = [b for b in bookings if b[0] >= counter.now_s - 1] + [
            [start, tokens + n % 7, 0] for n, start in enumerate(answer["starts"]) if start is not None
        ]
        for number in range(3):
            counter.call("lock", id=f"a-client-with-a-uuid-{cycle}-{number}", tokens=1)
        largest = max(largest, counter.size())
    assert largest < 24_000


def test_a_repeated_call_of_the_largest_size_is_answered_again() -> None:
    counter = Counter({"tpm": 30_000_000, "rpm": 180_000})
    payload = {"id": "b", "jobs": [500] * 1000}
    answer = counter.call("book", **payload)
    for number in range(20):
        counter.call("lock", id=f"l{number}", tokens=1)
    assert counter.call("book", **payload) == answer
    assert counter.call("lock", id="l19", tokens=1)["allowed"]
    assert counter.call("lock", id="l0", tokens=1)["code"] == "repeated"
    counter.call("book", id="b2", jobs=[500] * 1000)
    counter.call("book", id="b3", jobs=[500] * 1000)
    assert counter.call("book", **payload)["code"] == "repeated"


def test_a_call_of_the_pump_fits_a_table_string() -> None:
    heard = [[START_S + n / 4, 60_000, 12, START_S + n / 4 + 0.123] for n in range(200)]
    payload = {
        "id": "admit-gpt-4o-mini:1790000000",
        "limits": LIMITS,
        "jobs": [60_000] * 200,
        "settled": heard,
        "released": [booking[:3] for booking in heard],
        "observed": [[START_S + 0.123, 500, 240_000]] * 20,
        "usage": [200, 10**7, 10**6],
    }
    assert len(json.dumps(json.dumps(payload))) < 24_000
    counter = Counter({"tpm": 30_000_000, "rpm": 180_000})
    assert len(json.dumps(json.dumps(counter.call("book", **payload)))) < 8_000
