"""Reads what people send: JSON, JSON Lines, or plain text with one comment a line."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.jobs.audio_request import AudioRequest
from shared.jobs.reasoning_request import ReasoningRequest
from shared.messages import FeedbackRequest, to_json


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of the fields of one kind of job.

    Attributes:
        fields: all of them.
        text: the one that a line of plain text stands for.
        id: the one that `id` serves as.
    """

    fields: frozenset[str]
    text: str
    id: str


FEEDBACK = Form(frozenset(FeedbackRequest.model_fields), "text", "feedback_id")
REASONING = Form(frozenset(ReasoningRequest.model_fields), "task", "reasoning_id")
AUDIO = Form(frozenset(AudioRequest.model_fields), "audio", "audio_id")
FORMS = {"feedback": FEEDBACK, "reasoning": REASONING, "audio": AUDIO}


@dataclass(frozen=True, slots=True)
class InputJob:
    """One job read from a file.

    Attributes:
        line: line number in the file, from 1; of a JSON array, the number of the element.
        body: the message body.
    """

    line: int
    body: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a job."""

    line: int
    reason: str


def read_jobs(source: str, form: Form = FEEDBACK) -> Iterator[InputJob | BadLine]:
    """Read a file, or standard input for "-". Lines are read one at a time; empty ones are skipped.

    Fields that the job's form doesn't have move to `metadata`; `id` serves as the job's own id.

    Raises:
        OSError: the file can't be read.
    """
    if source == "-":
        yield from _parse(enumerate(sys.stdin, 1), form, sniff=True)
        return
    path = Path(source)
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        if path.suffix == ".json":
            yield from _document(file.read(), form)
        else:
            yield from _parse(enumerate(file, 1), form, sniff=path.suffix not in (".jsonl", ".ndjson"))


def _parse(lines: Iterator[tuple[int, str]], form: Form, *, sniff: bool) -> Iterator[InputJob | BadLine]:
    """Lines of JSON, or of text where sniffing finds that the first isn't JSON."""
    as_text: bool | None = None if sniff else False
    for number, raw in lines:
        line = raw.strip()
        if not line:
            continue
        if as_text is None:
            if line.startswith("["):
                yield from _document(line + "".join(rest for _, rest in lines), form)
                return
            as_text = not line.startswith("{")
        if as_text:
            yield InputJob(number, to_json({form.text: line}))
        else:
            yield _json_line(number, line, form)


def _document(text: str, form: Form) -> Iterator[InputJob | BadLine]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield BadLine(getattr(error, "lineno", 1), f"not JSON: {getattr(error, 'msg', 'nested too deeply')}")
        return
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield _job(number, item, form)


def _json_line(number: int, line: str, form: Form) -> InputJob | BadLine:
    try:
        return _job(number, json.loads(line), form)
    except (ValueError, RecursionError) as error:
        return BadLine(number, f"not JSON: {getattr(error, 'msg', 'nested too deeply')}")


def _job(number: int, item: Any, form: Form) -> InputJob | BadLine:
    if isinstance(item, str):
        item = {form.text: item}
    if not isinstance(item, dict):
        return BadLine(number, "not a JSON object")
    try:
        body = to_json(_fitted(item, form))
        body.encode()
    except ValueError:
        return BadLine(number, "not valid UTF-8")
    return InputJob(number, body)


def _fitted(item: dict[str, Any], form: Form) -> dict[str, Any]:
    """The item with fields that this kind of job doesn't know moved to its metadata."""
    known = {key: value for key, value in item.items() if key in form.fields}
    other = {key: value for key, value in item.items() if key not in form.fields}
    if form.id not in known and isinstance(other.get("id"), str | int):
        known[form.id] = str(other.pop("id"))
    if other:
        metadata = known.get("metadata") or {}
        if not isinstance(metadata, dict):
            return item
        known["metadata"] = {**other, **metadata}
    return known
