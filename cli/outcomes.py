"""Shows outcomes as rows of a table that fits a narrow terminal, too."""

from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from cli.tables import FirstThatFits
from shared.messages import to_json

_COLOURS = {"positive": "green", "negative": "red", "mixed": "yellow", "high": "bold red", "medium": "yellow"}
_SHOWN_CHARS = 600
_IDS = ("feedback_id", "reasoning_id", "audio_id")

type Cells = tuple[str, str, str, str]


def outcome_table(
    outcomes: Sequence[dict[str, Any]], title: str | None = None, kind: str = "feedback"
) -> FirstThatFits:
    """Outcomes of one kind of job, succeeded or failed. In a narrow console the job's id is above its last cell."""
    names, cells = _KINDS.get(kind, _KINDS["feedback"])
    rows = [_row(outcome, cells) for outcome in outcomes]
    beside, above = (
        Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0) for _ in range(2)
    )
    beside.add_column("job", no_wrap=True)
    for table in (beside, above):
        for name in names[:2]:
            table.add_column(name, no_wrap=True)
        table.add_column(names[2], min_width=14, max_width=26, overflow="fold")
    beside.add_column(names[3], min_width=24, overflow="fold")
    longest = max((cell_len(job) for job, *_ in rows), default=0)
    above.add_column(names[3], min_width=max(24, longest), overflow="fold")
    for job, first, second, third, last in rows:
        beside.add_row(escape(job), first, second, third, last)
        above.add_row(first, second, third, f"[dim]{escape(job)}[/]\n{last}")
    return FirstThatFits(beside, above)


def _row(outcome: dict[str, Any], cells: Callable[[dict[str, Any]], Cells]) -> tuple[str, str, str, str, str]:
    """The job's id, which may hold markup, and its cells."""
    result = outcome.get("result") or {}
    job = str(next((result[name] for name in _IDS if result.get(name)), outcome.get("job_id", "")))
    if outcome.get("status") == "succeeded":
        return job, *cells(result)
    error = outcome.get("error") or {}
    return job, "[red]failed[/]", "", escape(str(error.get("code"))), escape(str(error.get("message")))


def _feedback(result: dict[str, Any]) -> Cells:
    sentiment = result.get("sentiment") or {}
    score = sentiment.get("score")
    feeling = _coloured(sentiment.get("label")) + (f" {score:+.1f}" if isinstance(score, int | float) else "")
    language = f" [dim]{escape(str(result['language']))}[/]" if result.get("language") else ""
    topic = escape(str(result.get("category", ""))) + language
    if hashtags := result.get("hashtags"):
        topic += f"\n[dim]{escape(' '.join(hashtags))}[/]"
    return feeling, _coloured(result.get("urgency")), topic, escape(str(result.get("summary", "")))


def _reasoning(result: dict[str, Any]) -> Cells:
    confidence = result.get("confidence")
    steps = result.get("steps") or []
    evidence = [f"{e.get('input', e.get('input_id'))}: “{e.get('quote')}”" for e in result.get("evidence") or []]
    answer = result.get("answer")
    text = answer if isinstance(answer, str) else to_json(answer)
    return (
        f"{confidence:.0%}" if isinstance(confidence, int | float) else "",
        str(len(steps)),
        escape(_short("\n".join(evidence))),
        escape(_short(text)),
    )


def _audio(result: dict[str, Any]) -> Cells:
    seconds = result.get("duration_s")
    length = f"{int(seconds) // 60}:{int(seconds) % 60:02d}" if isinstance(seconds, int | float) else ""
    files = result.get("files") or {}
    where = next((str(name).rpartition("/")[0] for name in files.values()), "")
    text = escape(_short(str(result.get("text") or result.get("text_blob") or "")))
    summary = ((result.get("analysis") or {}).get("summary") or {}).get("summary")
    if summary:
        text += f"\n[dim]{escape(_short(str(summary)))}[/]"
    return (
        length,
        escape(str(result.get("language") or "")),
        " ".join(f".{ending}" for ending in files),
        f"{text}\n[dim]{escape(where)}[/]",
    )


_KINDS: dict[str, tuple[tuple[str, str, str, str], Callable[[dict[str, Any]], Cells]]] = {
    "feedback": (("sentiment", "urgency", "topic", "summary"), _feedback),
    "reasoning": (("confidence", "steps", "evidence", "answer"), _reasoning),
    "audio": (("length", "language", "files", "text"), _audio),
}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _coloured(word: object) -> str:
    text = escape(str(word or ""))
    colour = _COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else text
