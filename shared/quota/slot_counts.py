"""Tokens and calls by time slot: what is booked and not heard of since, and what was sent."""

from dataclasses import dataclass, field
from typing import Any

FIELDS = ("booked_tokens", "booked_calls", "sent_tokens", "sent_calls")


@dataclass(slots=True)
class SlotCounts:
    """Four rows of numbers over the same slots. No entry per job or app: the size doesn't grow with the load.

    Attributes:
        first: the slot of the first number of each row.
        booked_tokens, booked_calls: by slot of the start.
        sent_tokens, sent_calls: by slot of the time of sending.
    """

    first: int
    booked_tokens: list[int] = field(default_factory=list)
    booked_calls: list[int] = field(default_factory=list)
    sent_tokens: list[int] = field(default_factory=list)
    sent_calls: list[int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The slot after the last number."""
        return self.first + len(self.booked_tokens)

    def book(self, slot: int, tokens: int) -> None:
        """Count a booking."""
        index = self._index(slot)
        if index is not None:
            self.booked_tokens[index] += tokens
            self.booked_calls[index] += 1

    def unbook(self, slot: int, tokens: int) -> bool:
        """Take a booking back.

        Returns:
            False where the slot holds no such booking (expired, or taken back before): nothing changes.
        """
        index = slot - self.first
        if not 0 <= index < len(self.booked_tokens):
            return False
        if self.booked_tokens[index] < tokens or self.booked_calls[index] < 1:
            return False
        self.booked_tokens[index] -= tokens
        self.booked_calls[index] -= 1
        return True

    def send(self, slot: int, tokens: int) -> None:
        """Count a call that was sent."""
        index = self._index(slot)
        if index is not None:
            self.sent_tokens[index] += tokens
            self.sent_calls[index] += 1

    def drop_bookings(self, slot: int) -> None:
        """Take back all bookings that start at this slot or later."""
        for index in range(max(0, slot - self.first), len(self.booked_tokens)):
            self.booked_tokens[index] = self.booked_calls[index] = 0

    def expire(self, slot: int) -> None:
        """Forget what lies before this slot."""
        count = slot - self.first
        if count > 0:
            for name in FIELDS:
                del getattr(self, name)[:count]
            self.first = slot

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, without the zeros at the end of each row."""
        rows = {name: list(getattr(self, name)) for name in FIELDS}
        for row in rows.values():
            while row and not row[-1]:
                row.pop()
        return {"first": self.first, **rows}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "SlotCounts":
        """Read what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it isn't that.
        """
        rows = [[int(value) for value in raw[name]] for name in FIELDS]
        if any(value < 0 for row in rows for value in row):
            raise ValueError("a slot holds less than nothing")
        length = max(map(len, rows))
        return cls(int(raw["first"]), *(row + [0] * (length - len(row)) for row in rows))

    def _index(self, slot: int) -> int | None:
        index = slot - self.first
        if index < 0:
            return None
        missing = index + 1 - len(self.booked_tokens)
        if missing > 0:
            for name in FIELDS:
                getattr(self, name).extend([0] * missing)
        return index
