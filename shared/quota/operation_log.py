"""Which operations were done, and what was answered: operations arrive at least once."""

import json
from hashlib import blake2s
from typing import Any

from shared.quota.limits import SLOT_S

MAX_IDS = 120
MAX_BOOK_CHARS = 5_000
MAX_OTHER_CHARS = 2_500
"""Of all kept answers together: those to `book`, of which the last is always kept, and the others."""

KEPT_S = 150.0
"""Longer than any booking counts: what comes again later finds nothing that it could change twice."""

type Answer = dict[str, Any]


def digest(text: str, size: int = 6) -> str:
    """A short name for a long one; twice `size` characters."""
    return blake2s(text.encode(errors="replace"), digest_size=size).hexdigest()


class OperationLog:
    """Remembers operations by id.

    Args:
        entries: what `as_list` gave: digest of the id, when, and the packed answer or None where it was dropped.
    """

    def __init__(self, entries: list[list[Any]] | None = None) -> None:
        self._entries = [[str(key), int(at_s), answer] for key, at_s, answer in entries or []]

    def find(self, operation: str, id: str) -> tuple[bool, Answer | None]:  # noqa: A002 - its name everywhere
        """Whether the operation was done, and its answer where that is still known."""
        key = digest(f"{operation}\n{id}")
        for known, _, answer in self._entries:
            if known == key:
                return True, None if answer is None else _unpacked(answer)
        return False, None

    def add(self, operation: str, id: str, answer: Answer, now_s: float) -> None:  # noqa: A002
        """Remember an operation; forget what is old, and the longest-known answers where they are too many."""
        entries = [entry for entry in self._entries if entry[1] > now_s - KEPT_S][-MAX_IDS + 1 :]
        entries.append([digest(f"{operation}\n{id}"), int(now_s), _packed(answer)])
        room = {True: MAX_BOOK_CHARS, False: MAX_OTHER_CHARS}
        last = True
        for entry in reversed(entries):
            if entry[2] is None:
                continue
            book = "starts" in entry[2]
            room[book] -= len(json.dumps(json.dumps(entry[2])))
            if room[book] < 0 and not (book and last):
                entry[2] = None
            last = last and not book
        self._entries = entries

    def as_list(self) -> list[list[Any]]:
        """As JSON values."""
        return self._entries


def _packed(answer: Answer) -> Answer:
    """Starts as slots after the first, without the Nones at their end: they are most of a large answer."""
    starts = answer.get("starts")
    if not starts:
        return answer
    first = min((start for start in starts if start is not None), default=0.0)
    slots = [None if start is None else round((start - first) / SLOT_S) for start in starts]
    while slots and slots[-1] is None:
        slots.pop()
    return {**answer, "starts": [first, len(starts), *slots]}


def _unpacked(answer: Answer) -> Answer:
    if not answer.get("starts"):
        return answer
    first, count, *slots = answer["starts"]
    starts = [None if slot is None else first + slot * SLOT_S for slot in slots]
    return {**answer, "starts": starts + [None] * (count - len(slots))}
