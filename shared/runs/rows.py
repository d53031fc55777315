"""What is kept of a run: rows of one partition, each written by one party only.

    head           the conductor: what is fed, what is under way, what has ended
    spool          whoever reads the file: how much of it there is
    wish           people: whether it is to run, pause or be cancelled, and whether failures are to be tried again
    t~{part}       the conductor: the counts of a part that has ended, in the transaction that adds them to the head
    o~{part}       whoever changes a job that has ended: its part is to be counted again

The partition `runs` lists all runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.messages import decode_body
from shared.runs.tally import Tally

HEAD, SPOOL, WISH = "head", "spool", "wish"


class RunState(StrEnum):
    """running <-> paused; -> ended | cancelled. A run that has ended runs again where its failures are tried again.

    One that has ended without the whole of its file is shown as failed; that is never stored.
    """

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that the app reads itself, and how far it has.

    Attributes:
        container, blob, etag, size: what is read, and no other version of it.
        format, encoding, delimiter: see TextForm (shared/datasets/text_files.py).
        at, line: where the row begins that is in no part yet (Position).
        error: why no more can be read of it.
    """

    container: str
    blob: str
    etag: str
    size: int
    format: str
    encoding: str
    delimiter: str | None = None
    at: int = 0
    line: int = 1
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Spool:
    """How far a file has been read into parts.

    Attributes:
        source: the file's name.
        digest: of its contents and of how they were mapped: the same file, the same way.
        columns: of the file, in their order.
        mapping: field -> column.
        constants: fields of every job.
        parts: how many are stored, and may be fed.
        read: rows that these parts hold; of them `rejected` are no jobs.
        sealed: whether that is all.
        charged_tokens: what the quota is charged for all jobs, as estimated.
        upload: where the app reads the file itself.
    """

    kind: str
    source: str
    digest: str
    created_at: datetime
    updated_at: datetime
    columns: Sequence[str] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    app_id: str | None = None
    priority: str = "normal"
    parts: int = 0
    read: int = 0
    rejected: int = 0
    sealed: bool = False
    charged_tokens: int = 0
    upload: Upload | None = None
    etag: str | None = None

    @property
    def error(self) -> str | None:
        """Why the file can't be read to its end."""
        return None if self.upload is None else self.upload.error

    @property
    def reading(self) -> bool:
        """Whether the app itself is to read on."""
        return self.upload is not None and not self.sealed and self.upload.error is None

    @property
    def jobs(self) -> int:
        """Rows that are jobs."""
        return self.read - self.rejected


@dataclass(frozen=True, slots=True)
class Wish:
    """What people want of a run. `retries` grows with every wish to try failures again."""

    state: RunState = RunState.RUNNING
    retries: int = 0
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a run is.

    Attributes:
        turn: number of the next turn of the conductor.
        fed: parts whose jobs exist.
        open: parts that haven't ended, with their counts as of the last turn.
        done: the sum of all others.
        retried: wishes to try failures again that are fulfilled; `retry_part`: where the one under way is.
        claimed_at: when somebody began the next turn; None while nobody has.
        history: seconds since 1970 and how many jobs had ended then, of the last minutes.
    """

    state: RunState = RunState.RUNNING
    turn: int = 0
    fed: int = 0
    open: Mapping[int, Tally] = field(default_factory=dict)
    done: Tally = field(default_factory=Tally)
    retried: int = 0
    retry_part: int = 0
    history: Sequence[tuple[float, int]] = ()
    claimed_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    etag: str | None = None

    @property
    def tally(self) -> Tally:
        """Of all jobs that exist."""
        total = self.done
        for part in self.open.values():
            total = total.plus(part)
        return total

    def remembered(self, now_s: float, apart_s: float = 5.0, most: int = 61) -> "Head":
        """With what has ended until now in its history."""
        if self.history and now_s - self.history[-1][0] < apart_s:
            return self
        return replace(self, history=[*self.history, (round(now_s, 1), self.tally.ended)][-most:])


def to_row(run: str, key: str, value: "Spool | Wish | Head") -> dict[str, Any]:
    """As a table entity. What isn't a plain value becomes JSON in one column; a string holds 32K characters."""
    row: dict[str, Any] = {"PartitionKey": f"run~{run}", "RowKey": key}
    texts: dict[str, Any] = {}
    for column in fields(value):
        found = getattr(value, column.name)
        if column.name == "etag" or found is None:
            continue
        if column.name == "open":
            texts["open"] = [[part, tally.as_json()] for part, tally in found.items()]
        elif isinstance(found, Upload):
            texts["upload"] = asdict(found)
        elif isinstance(found, Tally):
            texts[column.name] = found.as_json()
        elif isinstance(found, StrEnum):
            row[column.name] = str(found)
        elif isinstance(found, str | int | datetime):
            row[column.name] = found
        else:
            texts[column.name] = found
    row["json"] = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    return row


def from_row[T: (Spool, Wish, Head)](form: type[T], row: Mapping[str, Any], etag: str | None) -> T:
    """Read a table entity. Columns of newer versions are ignored."""
    values: dict[str, Any] = {**row, **json.loads(row.get("json") or "{}")}
    found = {column.name: values[column.name] for column in fields(form) if values.get(column.name) is not None}
    if form is not Spool:
        found["state"] = RunState(found["state"])
    if form is Head:
        found["open"] = {part: Tally.from_json(counts) for part, counts in found.get("open", [])}
        found["done"] = Tally.from_json(found["done"])
        found["history"] = [(at_s, ended) for at_s, ended in found.get("history", [])]
    if "upload" in found:
        found["upload"] = _upload(found["upload"])
    return form(**{**found, "etag": etag})


def _upload(values: Mapping[str, Any]) -> Upload:
    return Upload(**{column.name: values[column.name] for column in fields(Upload) if column.name in values})


@dataclass(frozen=True, slots=True)
class Turn:
    """The message that gives the conductor its turn."""

    run: str
    turn: int

    def encode(self) -> str:
        """As the body of a message."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, body: bytes) -> "Turn":
        """Read a body.

        Raises:
            InvalidMessageError: it isn't one of ours.
        """
        return cls(**decode_body(_TurnBody, body).model_dump())


class _TurnBody(BaseModel):
    model_config = ConfigDict(strict=True)

    run: str
    turn: int
