import re
from datetime import UTC, datetime, timedelta

from cli.run_report import page
from cli.run_summary import Summary
from cli.run_view import RunView
from shared.runs.parts import PartRow
from shared.runs.progress import progress_of
from shared.runs.results import RowResult
from shared.runs.rows import Head, RunState, Spool, Wish
from shared.runs.store import Run
from shared.runs.tally import Tally

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def result(number: int, *, label: str = "negative", urgency: str = "low", **body: object) -> RowResult:
    outcome = {
        "result": {
            "sentiment": {"label": label, "score": -0.5},
            "category": "delivery",
            "hashtags": ["#late", "<script>alert(1)</script>"],
            "summary": "It came late.",
            "suggested_action": "Apologise.",
            "urgency": urgency,
        }
    }
    return RowResult(PartRow(number, number + 1, {}, {"text": f"comment {number}", **body}), "succeeded", "j", outcome)


def html(summary: Summary) -> str:
    spool = Spool("feedback", "a & b.csv", "d", NOW, NOW, sealed=True, read=3, parts=1)
    head = Head(RunState.ENDED, done=Tally(3, {"succeeded": 3}, {}, 30, 3))
    run = Run("r", spool, Wish(), head)
    return page(RunView(run, progress_of(run, 0.0), 0.25, "USD"), summary, NOW)


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    summary = Summary()
    for number in range(1, 4):
        summary.add(result(number, urgency="high", text=f"<b>urgent</b> {number}"))
    text = html(summary)
    assert "<script" not in text
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?!#)[^"'>\s]*//""", text)
    assert "http" not in text.replace("http://www.w3.org/", "").replace("http-equiv", "")
    assert "&lt;b&gt;urgent&lt;/b&gt; 1" in text
    assert "a &amp; b.csv" in text
    charts = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        assert set(re.findall(r'class="value">([^<]*)', chart)) == {"3"}, "each has a bar of three comments"
        assert max(float(size) for size in re.findall(r'<rect[^>]* (?:width|height)="([0-9.]+)"', chart)) > 100
    assert "0.25 USD" in text


def test_a_run_without_results_has_a_page() -> None:
    assert "Nothing is urgent" in html(Summary())


def test_time_goes_in_days_weeks_or_months_as_it_fits() -> None:
    for days, what in ((10, "day"), (200, "week"), (900, "month"), (9_000, "year")):
        summary = Summary()
        for number in (0, days):
            when = (NOW - timedelta(days=number)).isoformat()
            summary.add(result(number + 1, created_at=when))
        name, steps = summary.over_time()
        assert name.endswith(what)
        assert sum(counts.total() for counts in steps.values()) == 2


def test_without_dates_the_rows_are_the_time() -> None:
    summary = Summary()
    for number in (1, 100, 101, 9_000):
        summary.add(result(number))
    name, steps = summary.over_time()
    assert name == "rows of the file, in steps of 300"
    assert {step: counts.total() for step, counts in steps.items()} == {"1": 3, "8,701": 1}
