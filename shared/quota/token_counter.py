"""The token counter: one per model deployment; its operations in pure form, for the durable entity.

`apply(state, operation, payload, now_s)` gives the new state and the answer. Each operation carries an id and is done
once: when it comes again, its answer does, and nothing changes. A payload that is wrong gives an error answer
`{"ok": false, "code", "error"}`, and nothing changes. docs/quota.md shows the payloads and the answers.
"""

import math
from typing import Any

from shared.errors import ConfigurationError, SluiceError
from shared.quota.booking import Booking
from shared.quota.counter_state import CounterState
from shared.quota.ledger import HORIZON_S, Ledger
from shared.quota.limits import Limits
from shared.quota.operation_log import digest
from shared.quota.operations import (
    Book,
    Configure,
    Lock,
    Operation,
    OversizedRequestError,
    Release,
    Report,
    Status,
    Throttled,
    parse,
)

type Answer = dict[str, Any]


class NotConfiguredError(ConfigurationError):
    """The token counter doesn't know its limits yet: send `configure`, or `limits` with `book` or `lock`."""

    code = "not_configured"


def apply(state: object, operation: str, payload: object, now_s: float) -> tuple[dict[str, Any], Answer]:
    """Do one operation.

    Args:
        state: what an earlier call gave, through JSON; None at first. It isn't changed.
        operation: book, lock, report, release, throttled, configure or status.
        payload: see shared/quota/operations.py.
        now_s: the server's clock, in seconds since 1970.

    Returns:
        The new state, and the answer. Both are JSON values.
    """
    if not math.isfinite(now_s):
        now_s = 0.0
    counter = CounterState.read(state, now_s)
    try:
        request = parse(operation, payload)
        if isinstance(request, Status):
            return counter.as_dict(), _status(counter, _ledger(counter, now_s, request.limits))
        done, answer = counter.log.find(operation, request.id)
        if done:
            return counter.as_dict(), answer or _error("repeated", "This was done before; its answer is forgotten.")
        answer = _do(counter, request, now_s)
    except SluiceError as error:
        # Read again: an operation that failed halfway has changed nothing.
        return CounterState.read(state, now_s).as_dict(), _error(error.code, str(error))
    if counter.ledger is not None:
        now_s = counter.ledger.now_s
    counter.log.add(operation, request.id, answer, now_s)
    return counter.as_dict(), answer


def _do(counter: CounterState, request: Operation, now_s: float) -> Answer:
    match request:
        case Book():
            return _book(counter, request, _ledger(counter, now_s, request.limits))
        case Lock():
            return _lock(counter, request, _ledger(counter, now_s, request.limits))
        case Report():
            known = counter.locks.pop(request.request_id, None) is not None
            _add_usage(counter, (1, request.prompt_tokens, request.completion_tokens))
            return {"ok": True, "known": known}
        case Release():
            booking = counter.locks.pop(request.request_id, None)
            return {"ok": True, "released": booking is not None and _ledger(counter, now_s).release(booking)}
        case Throttled():
            return _throttled(counter, request, _ledger(counter, now_s))
        case Configure():
            return _configure(counter, request, now_s)
        case Status():
            return _status(counter, _ledger(counter, now_s, request.limits))


def _book(counter: CounterState, request: Book, ledger: Ledger) -> Answer:
    for start_s, tokens, epoch, sent_s in request.settled:
        ledger.settle(Booking(start_s, tokens, epoch), sent_s)
    for start_s, tokens, epoch in request.released:
        ledger.release(Booking(start_s, tokens, epoch))
    for sent_s, tokens, remaining_tokens in request.observed:
        ledger.observe(sent_s, tokens, remaining_tokens)
    ledger.recall()
    _add_usage(counter, request.usage)
    tpm = ledger.state.limits.tpm
    fitting = [number for number, tokens in enumerate(request.jobs) if tokens <= tpm]
    bookings = ledger.book(
        [request.jobs[number] for number in fitting],
        reserved=fitting.index(request.reserved) if request.reserved in fitting else None,
        delay_s=request.delay_s,
        horizon_s=HORIZON_S if request.horizon_s is None else request.horizon_s,
        spacing_s=request.spacing_s,
    )
    made: list[Booking | None] = [None] * len(request.jobs)
    for number, booking in zip(fitting, bookings, strict=True):
        made[number] = booking
    left = [request.jobs[number] for number in fitting if made[number] is None]
    return {
        "ok": True,
        "starts": [None if booking is None else booking.start_s for booking in made],
        "oversized": [number for number, tokens in enumerate(request.jobs) if tokens > tpm],
        "next_free_s": ledger.next_free_s(left[0], delay_s=request.delay_s) if left else None,
        "now_s": round(ledger.now_s, 3),
        "tolerance_s": round(ledger.state.limits.tolerance_s, 3),
        **_freeze(ledger),
    }


def _lock(counter: CounterState, request: Lock, ledger: Ledger) -> Answer:
    counter.expire_locks(ledger.now_s)
    tpm = ledger.state.limits.tpm
    if request.tokens > tpm:
        raise OversizedRequestError(request.tokens, tpm)
    booking = ledger.lock(request.tokens)
    if booking is None:
        free_s = ledger.next_free_s(request.tokens, paced=False)
        wait_s = round(free_s - ledger.now_s, 3)
        return {
            "ok": True,
            "allowed": False,
            "request_id": None,
            "error": f"The quota is used up; {request.tokens} tokens are free in {wait_s:g} s at the earliest.",
            "next_free_s": free_s,
            "retry_after_s": wait_s,
        }
    request_id = f"{digest('token ' + request.id, 5)}:{digest('rate ' + request.id, 3)}"
    counter.keep_lock(request_id, booking)
    return {
        "ok": True,
        "allowed": True,
        "request_id": request_id,
        "error": None,
        "until_s": round(booking.start_s + ledger.state.limits.tolerance_s, 3),
        "epoch": booking.epoch,
    }


def _throttled(counter: CounterState, request: Throttled, ledger: Ledger) -> Answer:
    booking = counter.locks.pop(request.request_id or "", None)
    sent = None if request.sent_s is None or request.tokens is None else (request.sent_s, request.tokens)
    ledger.throttled(request.retry_after_s, booking.epoch if booking is not None else request.epoch, sent)
    if booking is not None:
        ledger.release(booking)
    return {"ok": True, **_freeze(ledger)}


def _configure(counter: CounterState, request: Configure, now_s: float) -> Answer:
    if counter.ledger is None and request.base is None:
        ledger = counter.open_ledger(Limits.from_dict(request.limits), now_s)
    else:
        ledger = _ledger(counter, now_s, request.base)
        ledger.configure(Limits.from_dict(request.limits, ledger.state.limits))
    return {"ok": True, "limits": ledger.state.limits.as_dict()}


def _status(counter: CounterState, ledger: Ledger) -> Answer:
    counter.expire_locks(ledger.now_s)
    calls, prompt_tokens, completion_tokens = counter.usage
    return {
        "ok": True,
        "now_s": round(ledger.now_s, 3),
        "limits": ledger.state.limits.as_dict(),
        "used_tokens": ledger.used(),
        "booked_ahead_tokens": ledger.booked_ahead(),
        "open_locks": len(counter.locks),
        "next_free_s": ledger.next_free_s(paced=False),
        "reset_s": ledger.reset_s(),
        "bias": round(ledger.bias, 4),
        "guard_s": round(ledger.guard_s, 3),
        "throttles": ledger.state.freeze.throttles,
        "usage": {"calls": calls, "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
        **_freeze(ledger),
    }


def _ledger(counter: CounterState, now_s: float, asked: dict[str, Any] | None = None) -> Ledger:
    """The ledger as of now, with the limits that the caller's settings ask for.

    Raises:
        NotConfiguredError, ConfigurationError
    """
    if counter.ledger is None:
        if asked is None:
            raise NotConfiguredError
        counter.asked_limits = asked
        return counter.open_ledger(Limits.from_dict(asked), now_s)
    ledger = Ledger(counter.ledger, now_s)
    if asked is not None and asked != counter.asked_limits:
        ledger.configure(Limits.from_dict(asked))
        counter.asked_limits = asked
    return ledger


def _add_usage(counter: CounterState, usage: tuple[int, int, int]) -> None:
    counter.usage = [total + more for total, more in zip(counter.usage, usage, strict=True)]


def _freeze(ledger: Ledger) -> Answer:
    return {"epoch": ledger.freeze.epoch, "frozen_until_s": round(ledger.freeze.until_s, 3)}


def _error(code: str, text: str) -> Answer:
    return {"ok": False, "code": code, "error": text}
