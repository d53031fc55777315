"""Which column of a file is which field of a job: as told, or guessed where that is unambiguous."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.datasets.rows import DatasetError
from shared.jobs.audio_request import AudioRequest
from shared.jobs.reasoning_request import ReasoningRequest
from shared.messages import FeedbackRequest

_ID_NAMES = ("id", "key", "nr", "number", "row id")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a kind of job.

    Attributes:
        fields: all of them.
        needed: the one that every job has.
        names: what people call columns that hold a field, in small letters.
        texts: fields that are text, so that a number in a cell becomes one.
    """

    fields: frozenset[str]
    needed: str
    names: Mapping[str, Sequence[str]]
    texts: frozenset[str]


FORMS = {
    "feedback": Form(
        frozenset(FeedbackRequest.model_fields),
        "text",
        {
            "text": ("comment", "comments", "review", "feedback", "message", "body", "content", "verbatim"),
            "feedback_id": ("feedback id", *_ID_NAMES),
            "language": ("lang", "locale"),
            "source": ("channel", "origin"),
            "rating": ("stars", "score", "grade", "mean_rating"),
            "created_at": ("created", "created at", "date", "time", "timestamp"),
        },
        frozenset({"text", "feedback_id", "language", "source", "created_at"}),
    ),
    "reasoning": Form(
        frozenset(ReasoningRequest.model_fields),
        "task",
        {"task": ("question", "prompt", "instruction"), "reasoning_id": ("reasoning id", *_ID_NAMES)},
        frozenset({"task", "reasoning_id"}),
    ),
    "audio": Form(
        frozenset(AudioRequest.model_fields),
        "audio",
        {"audio": ("url", "blob", "file", "recording"), "audio_id": ("audio id", *_ID_NAMES)},
        frozenset({"audio", "audio_id"}),
    ),
}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Field -> column, and fields that are the same for every row.

    Attributes:
        prefixes: field -> text that stands before what is in its column.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)

    def body(self, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The body of a row's job. Empty cells are no fields."""
        texts = FORMS[kind].texts
        body: dict[str, Any] = {}
        for name, column in self.columns.items():
            value = values.get(column)
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            value = str(value) if name in texts and isinstance(value, int | float) else value
            body[name] = f"{prefix}{value}" if (prefix := self.prefixes.get(name)) else value
        return {**body, **self.constants}


def map_columns(
    kind: str,
    columns: Sequence[str],
    told: Mapping[str, str],
    constants: Mapping[str, Any],
    examples: Iterable[Mapping[str, Any]] = (),
) -> tuple[ColumnMapping, list[str]]:
    """Decide which columns are used.

    A field that isn't told is guessed: the one column that has its name, else the one that has a name by which people
    call it. Where two columns would do, or what is in them is no such field, none is taken.

    Args:
        told: field -> column.
        examples: values of the first rows.

    Returns:
        The mapping, and the fields that were guessed.

    Raises:
        DatasetError: a field or column doesn't exist, or the needed field can't be guessed.
    """
    form = FORMS[kind]
    for name in [*told, *constants]:
        if name not in form.fields:
            raise DatasetError(f"{kind} jobs have no field {name}. They have: {', '.join(sorted(form.fields))}.")
    found: dict[str, str] = {}
    for name, column in told.items():
        if column not in columns:
            raise DatasetError(f"The file has no column {column!r}. It has: {_listed(columns)}.")
        found[name] = column
    rows = list(examples)
    guessed = []
    for name in sorted(form.fields - set(found) - set(constants), key=lambda n: (n != form.needed, n)):
        guess = _guess(name, form, [c for c in columns if c not in found.values()], rows)
        if guess is not None:
            found[name] = guess
            guessed.append(name)
    if form.needed not in found and form.needed not in constants:
        raise DatasetError(
            f"Which column is the {form.needed}? Say it with --map {form.needed}=COLUMN, or map over HTTP. "
            f"The file has: {_listed(columns)}."
        )
    return ColumnMapping(found, dict(constants)), guessed


def _guess(name: str, form: Form, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    same = [column for column in columns if _plain(column) == _plain(name)]
    alike = [column for column in columns if _plain(column) in {_plain(n) for n in form.names.get(name, ())}]
    for candidates in (same, alike):
        if candidates:
            return candidates[0] if len(candidates) == 1 and _fits(name, candidates[0], rows) else None
    return None


def _fits(name: str, column: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what is in a column can be the field: a date of some country's own form is none."""
    test = {"rating": _is_number, "created_at": _is_time}.get(name)
    values = [row.get(column) for row in rows]
    return test is None or all(test(value) for value in values if value not in (None, ""))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in columns[:20])
    return shown if len(columns) <= 20 else f"{shown}, and {len(columns) - 20} more"
