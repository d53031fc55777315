"""Looks into a shipped file: is it what was sent, what is in it, from when to when."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.logs.job_ids import JobIds
from shared.telemetry.log_names import LogName

MAX_BYTES = 128_000_000
"""Of unpacked content: a file of a few kilobytes can unpack to gigabytes."""
_GZIP_WINDOW = 31
_BLOB = re.compile(r"([\w.-]{1,63})/(\d{8})/([\w.~-]{1,200})", re.ASCII)
"""Names that our uploader makes; their parts are keys of the index."""


class LogState(StrEnum):
    """What became of a file.

    OK: all lines can be read.
    TORN: the last line has no end: its writer died or the disk was full.
    DAMAGED: it isn't what was sent, or has lines that can't be read.
    PLAIN: lines of text, of a handler that isn't ours.
    """

    OK = "ok"
    TORN = "torn"
    DAMAGED = "damaged"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What is known of a shipped file.

    Attributes:
        app: folder of the blob.
        instance, number: empty and 0 for a file of a handler that isn't ours.
        date: `YYYYMMDD`, folder of the blob.
        blob: its name.
        first, last: the earliest and latest time in it; the blob's time where it has none.
        lines: how many; `bad` of them can't be read.
        errors, warnings: lines of these levels.
        size: of the content in bytes.
        stored: of the blob.
        problem: why it is damaged.
    """

    app: str
    instance: str
    number: int
    date: str
    blob: str
    first: datetime
    last: datetime
    lines: int
    size: int
    stored: int
    sha256: str
    state: LogState
    bad: int = 0
    errors: int = 0
    warnings: int = 0
    problem: str = ""
    jobs: JobIds = field(default_factory=JobIds, repr=False)


class ContentError(ValueError):
    """The content can't be unpacked."""


def unpack(data: bytes) -> bytes:
    """The content of a blob, compressed or not.

    Raises:
        ContentError: it is damaged, or unpacks to more than MAX_BYTES.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = unpacker.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise ContentError("it can't be unpacked") from error
    if unpacker.unconsumed_tail:
        raise ContentError(f"it unpacks to more than {MAX_BYTES} bytes")
    if not unpacker.eof:
        raise ContentError("it ends too early")
    return content


def parse_line(line: bytes) -> dict[str, Any] | None:
    """A line as an object; None where it is none."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def job_ids_of(line: Mapping[str, Any]) -> set[str]:
    """The jobs that a line tells of."""
    inner = line.get("fields")
    found = (line.get("job_id"), inner.get("job_id") if isinstance(inner, Mapping) else None)
    return {job_id for job_id in found if isinstance(job_id, str) and job_id}


def time_of(line: Mapping[str, Any]) -> datetime | None:
    """When a line was logged; None where it doesn't say."""
    try:
        moment = datetime.fromisoformat(line["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def inspect(blob: str, data: bytes, metadata: Mapping[str, str], stored_at: datetime) -> LogFacts | None:
    """What is in a shipped file.

    Args:
        blob: its name, `{app}/{date}/{file}`.
        metadata: of the blob: what the uploader said of the file.
        stored_at: when the blob was written.

    Returns:
        None for a blob that no uploader of ours has written.
    """
    parts = _BLOB.fullmatch(blob)
    said = {key.lower(): value for key, value in metadata.items()}
    if parts is None or "sha256" not in said:
        return None
    app, date, file = parts.groups()
    name = LogName.parse(file.removesuffix(".gz"))
    known = {
        "app": app,
        "instance": name.instance if name else "",
        "number": name.n if name else 0,
        "date": date,
        "blob": blob,
        "stored": len(data),
    }
    try:
        content = unpack(data)
    except ContentError as error:
        damaged = {"state": LogState.DAMAGED, "problem": str(error), "jobs": JobIds(bloom=b"\xff")}
        nothing = {"first": stored_at, "last": stored_at, "lines": 0, "size": 0, "sha256": ""}
        return LogFacts(**known, **nothing, **damaged)  # type: ignore[arg-type]
    sha256 = hashlib.sha256(content).hexdigest()
    return LogFacts(**known, **_read(content, said, sha256, stored_at, plain=name is None))  # type: ignore[arg-type]


def _read(content: bytes, said: Mapping[str, str], sha256: str, stored_at: datetime, *, plain: bool) -> dict[str, Any]:
    lines = content.split(b"\n")
    torn = bool(lines[-1])
    if not torn:
        lines.pop()
    first = last = None
    bad = errors = warnings = 0
    jobs: set[str] = set()
    for place, line in enumerate(lines):
        parsed = parse_line(line)
        if parsed is None:
            bad += not (torn and place == len(lines) - 1)
            continue
        if moment := time_of(parsed):
            first = moment if first is None or moment < first else first
            last = moment if last is None or moment > last else last
        jobs |= job_ids_of(parsed)
        errors += parsed.get("level") in ("ERROR", "CRITICAL")
        warnings += parsed.get("level") == "WARNING"
    problem = _problem(said, sha256, len(lines), 0 if plain else bad)
    state = LogState.PLAIN if plain else LogState.TORN if torn else LogState.OK
    return {
        "first": first or stored_at,
        "last": last or stored_at,
        "lines": len(lines),
        "size": len(content),
        "sha256": sha256,
        "state": LogState.DAMAGED if problem else state,
        "bad": 0 if plain else bad,
        "errors": errors,
        "warnings": warnings,
        "problem": problem,
        "jobs": JobIds(bloom=b"\xff") if plain else JobIds.of(jobs),
    }


def _problem(said: Mapping[str, str], sha256: str, lines: int, bad: int) -> str:
    if said["sha256"] != sha256:
        return "its hash isn't that of what was sent"
    if said.get("lines", str(lines)) != str(lines):
        return f"it has {lines} lines; {said['lines']} were sent"
    return f"{bad} lines can't be read" if bad else ""
