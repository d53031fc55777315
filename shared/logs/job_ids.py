"""Which jobs a log file tells of: exactly where they are few, else as a Bloom filter, which may say yes too often."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

EXACT_CHARS = 3_000
# Bloom, "Space/time trade-offs in hash coding with allowable errors": with 16 bits and 11 hashes a false yes has a
# probability of 0.05 %. A binary property of a table holds 64 KiB: beyond 32,000 ids it is more.
_BITS_PER_ID = 16
_HASHES = 11
_MAX_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class JobIds:
    """A set of job ids: either `exact` or `bloom` is in use."""

    exact: frozenset[str] = frozenset()
    bloom: bytes = b""

    @classmethod
    def of(cls, ids: Iterable[str]) -> Self:
        """The set of these."""
        exact = frozenset(ids)
        if len(json.dumps(sorted(exact))) <= EXACT_CHARS:
            return cls(exact)
        size = min(_MAX_BYTES, len(exact) * _BITS_PER_ID // 8)
        bits = bytearray(size)
        for job_id in exact:
            for place in _places(job_id, size * 8):
                bits[place >> 3] |= 1 << (place & 7)
        return cls(bloom=bytes(bits))

    def may_hold(self, job_id: str) -> bool:
        """False only where the job is certainly not among them."""
        if not self.bloom:
            return job_id in self.exact
        return all(self.bloom[place >> 3] & 1 << (place & 7) for place in _places(job_id, len(self.bloom) * 8))

    def as_row(self) -> dict[str, str | bytes]:
        """Properties for a table."""
        return {"bloom": self.bloom} if self.bloom else {"jobs": json.dumps(sorted(self.exact))}

    @classmethod
    def from_row(cls, row: "dict[str, object]") -> Self:
        """Reverse of as_row(). A row that can't be read may hold every job."""
        bloom, jobs = row.get("bloom"), row.get("jobs")
        if isinstance(bloom, bytes) and bloom:
            return cls(bloom=bloom)
        try:
            return cls(frozenset(json.loads(str(jobs))))
        except (ValueError, TypeError):
            return cls(bloom=b"\xff")


def _places(job_id: str, bits: int) -> Iterator[int]:
    """Double hashing: Kirsch and Mitzenmacher, "Less hashing, same performance"."""
    digest = hashlib.blake2b(job_id.encode(errors="surrogatepass"), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:]) | 1
    return ((first + number * step) % bits for number in range(_HASHES))
