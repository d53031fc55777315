"""Sums up the results of a run of feedback jobs, row by row."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from shared.runs.results import RowResult

MOST_URGENT = 50
_MOST_STEPS = 40
_ROW_STEP = 100


@dataclass(frozen=True, slots=True)
class Urgent:
    """A comment that wants an answer soon."""

    row: int
    text: str
    summary: str
    action: str
    category: str
    sentiment: str


@dataclass(slots=True)
class Summary:
    """What the rows come to.

    Attributes:
        by_day, by_rows: sentiment labels by the day of the comment, and by hundreds of rows.
        by_category: sentiment labels by category.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    by_day: dict[date, Counter[str]] = field(default_factory=dict)
    by_rows: dict[int, Counter[str]] = field(default_factory=dict)
    by_category: dict[str, Counter[str]] = field(default_factory=dict)
    hashtags: Counter[str] = field(default_factory=Counter)
    urgencies: Counter[str] = field(default_factory=Counter)
    urgent: list[Urgent] = field(default_factory=list)

    def add(self, found: RowResult) -> None:
        """One more row."""
        self.statuses[found.status] += 1
        if (code := found.error[0]) and found.status != "rejected":
            self.reasons[code] += 1
        result = found.result
        if not result:
            return
        label = str(_within(result, "sentiment", "label") or "unknown")
        category = str(result.get("category") or "none")
        self.labels[label] += 1
        self.by_category.setdefault(category, Counter())[label] += 1
        self.by_rows.setdefault((found.row.number - 1) // _ROW_STEP, Counter())[label] += 1
        body = found.row.body or {}
        if (day := _day(body.get("created_at"))) is not None:
            self.by_day.setdefault(day, Counter())[label] += 1
        self.hashtags.update(str(tag) for tag in result.get("hashtags") or [])
        urgency = str(result.get("urgency") or "none")
        self.urgencies[urgency] += 1
        if urgency == "high" and len(self.urgent) < MOST_URGENT:
            about, action = (str(result.get(name) or "") for name in ("summary", "suggested_action"))
            self.urgent.append(Urgent(found.row.number, str(body.get("text", "")), about, action, category, label))

    def over_time(self) -> tuple[str, dict[str, Counter[str]]]:
        """Sentiment labels by time, in some forty steps at most: days, weeks, months; where no row has a date, by rows.

        Returns:
            What the steps are, and labels by step.
        """
        if not self.by_day:
            step = -(-(max(self.by_rows, default=0) + 1) // _MOST_STEPS)
            rows: dict[str, Counter[str]] = {}
            for number, counts in sorted(self.by_rows.items()):
                first = number // step * step * _ROW_STEP + 1
                rows.setdefault(f"{first:,}", Counter()).update(counts)
            return f"rows of the file, in steps of {step * _ROW_STEP:,}", rows
        days = (max(self.by_day) - min(self.by_day)).days + 1
        name, key = next((name, key) for name, length, key in _STEPS if days <= length * _MOST_STEPS or name == "year")
        steps: dict[str, Counter[str]] = {}
        for day, counts in sorted(self.by_day.items()):
            steps.setdefault(key(day), Counter()).update(counts)
        return f"the comment's date, by {name}", steps


_STEPS = (
    ("day", 1, lambda day: day.isoformat()),
    ("week", 7, lambda day: (day - timedelta(days=day.weekday())).isoformat()),
    ("month", 30, lambda day: f"{day:%Y-%m}"),
    ("year", 365, lambda day: f"{day:%Y}"),
)


def _within(value: Mapping[str, Any], *path: str) -> Any:
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _day(text: Any) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except (TypeError, ValueError):
        return None
