"""Parts: the rows of a run's file, a few hundred in a blob, in their order."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.messages import to_json
from shared.storage.azure import BlobContainer

RUN_CONTAINER = "sluice-runs"
MAX_PART_CHARS = 2_000_000


def part_rows(stepwise: bool) -> int:
    """Rows of a part. It is also the least of a run that is under way: of long jobs fewer."""
    return 50 if stepwise else 500


@dataclass(frozen=True, slots=True)
class PartRow:
    """A row of a file.

    Attributes:
        number, line: see InputRow.
        values: its cells by column; none where it couldn't be read.
        body: of its job; None where it is rejected.
        tokens: what the quota is charged for its first call, as estimated.
        reason: why it is rejected.
    """

    number: int
    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    tokens: int = 0
    reason: str | None = None

    def encode(self) -> str:
        """As a line of a part."""
        return to_json([self.number, self.line, dict(self.values), self.body, self.tokens, self.reason])


class PartStore:
    """Keeps parts. Its methods raise StorageError."""

    def __init__(self, blobs: BlobContainer) -> None:
        self._blobs = blobs

    async def write(self, run: str, part: int, rows: Sequence[str]) -> None:
        """Write a part over one that was cut off."""
        data = gzip.compress("\n".join(rows).encode(), compresslevel=3, mtime=0)
        await self._blobs.write(_name(run, part), data, "application/gzip")

    async def read(self, run: str, part: int) -> list[PartRow]:
        """Read a part.

        Raises:
            InvalidMessageError: there is none.
        """
        data = gzip.decompress(await self._blobs.read(_name(run, part)))
        return [PartRow(*json.loads(line)) for line in data.decode().split("\n") if line]

    async def remove(self, run: str) -> int:
        """Delete all parts of a run. Returns how many there were."""
        count = 0
        while True:
            found, _ = await self._blobs.find(f"{run}/")
            for blob in found:
                count += await self._blobs.remove(blob.name)
            if not found:
                return count


def _name(run: str, part: int) -> str:
    return f"{run}/{part:06d}.jsonl.gz"
