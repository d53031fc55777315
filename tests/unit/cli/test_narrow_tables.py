"""Tables of the command line in a terminal of 80 columns: ids and numbers can be read and copied."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from cli.config import finding_table, setting_table
from cli.errors import Problem, problem_table
from cli.log_view import file_table, gap_table
from cli.outcomes import outcome_table
from cli.progress import progress_table
from cli.quota import quota_table
from cli.run_view import RunView, run_table
from cli.setting_values import ShownSetting
from cli.spans import SpanRow
from cli.status import _queues
from cli.trace import waterfall
from shared.config_checks.findings import Area, Finding, Severity
from shared.logs.index_rows import InstanceFacts
from shared.logs.sequence import Arrived
from shared.logs.verify import LogFacts, LogState
from shared.runs.progress import progress_of
from shared.runs.rows import Head, RunState, Spool, Wish
from shared.runs.store import Run
from shared.runs.tally import Tally
from tests.unit.cli.test_quota import FACTS

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
UUID = "3f2b8c1e-7a54-4d0e-9a51-0c6f2d9e8b17"
IN_RUN = "run~june~000012~0345"
INSTANCE = "a1b2c3d4e5f6.81223.19a202ab1a26"
LONG_NAME = "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME"
REASON = "The field text is missing. " * 8


def shown(table: RenderableType, width: int = 80) -> str:
    written = io.StringIO()
    Console(width=width, file=written).print(table)
    lines = written.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    return "\n".join(lines)


@pytest.mark.parametrize("width", [60, 80, 120, 10_000])
def test_the_waterfall_of_a_job(width: int) -> None:
    names = (
        "process feedback-in",
        "orchestration reasoning_job",
        "execute_activity prepare_recording",
        "chat gpt-4o-mini",
    )
    times = ((0.0, 0.012), (0.5, 12_345.6), (1.25, 99.5), (101.0, 107.07))
    spans = [
        SpanRow(
            "t" * 32,
            f"{n}",
            f"{n - 1}" if n else "",
            name,
            "INTERNAL",
            *when,
            {"gen_ai.usage.input_tokens": 12_345, "error.type": "content_filtered"},
            (),
            failed=False,
        )
        for n, (name, when) in enumerate(zip(names, times, strict=True))
    ]
    text = shown(waterfall(spans), width)
    for part in ("0 ms", "12 ms", "500 ms", "12345 s", "1.25 s", "98.25 s", "101 s", "6.07 s", "12345 in", "█"):
        assert part in text
    assert ("execute_activity prepare_recording" in text) == (width >= 120)
    assert "content_filtered" in text.replace("\n", "") or width < 80


@pytest.mark.parametrize("width", [80, 120, 10_000])
@pytest.mark.parametrize("job_id", [UUID, IN_RUN, "dead:feedback-in:123456789"])
def test_failures(width: int, job_id: str) -> None:
    problem = Problem(job_id, "feedback", NOW, "invalid_message", REASON)
    text = shown(problem_table([problem]), width)
    assert job_id in text
    assert "invalid_message" in text
    assert "11-22 09:30:00" in text
    assert "…" not in text
    assert (REASON.strip() in text) == (width == 10_000)


@pytest.mark.parametrize("width", [80, 120])
def test_runs(width: int) -> None:
    source = "comments of june, all of them.csv"
    spool = Spool("feedback", source, "d", NOW, NOW, sealed=True, read=1_234_570, parts=1, rejected=3)
    head = Head(RunState.RUNNING, done=Tally(987_654, {"succeeded": 985_000, "failed": 2_654}, {}, 30, 3))
    run = Run("june-feedback-2026-north", spool, Wish(RunState.CANCELLED), head)
    text = shown(run_table([RunView(run, progress_of(run, 0.0), None, "USD")]), width)
    for part in ("june-feedback-2026-north", "running", "(cancelling)", "1,234,567", "987,654", "2,654", "11-22 09:30"):
        assert part in text
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_shipped_files(width: int) -> None:
    file = LogFacts(
        "sluice", INSTANCE, 1_234, "20261122", "b", NOW, NOW, 123_456, 8_000_000, 1, "", LogState.OK, errors=12_345
    )
    text = shown(file_table([file]), width)
    for part in (INSTANCE, "1234", "123456", "12345", "8000.0", "11-22 09:30:00"):
        assert part in text
    missing = InstanceFacts("sluice", INSTANCE, Arrived(((1, 123_456),)), 123_460, NOW, NOW, NOW, NOW, 0)
    text = shown(gap_table([(missing, [(n, n + 3) for n in range(10, 200, 10)])]), width)
    for part in (INSTANCE, "123456", "76", "190-193", "11-22 09:30:00"):
        assert part in text


@pytest.mark.parametrize(
    "names", [["gpt-4o"], ["gpt-4o", "o4-mini"], ["gpt-4o-mini-2024-07-18", "o4-mini", "whisper-1"]]
)
def test_the_quota_of_several_deployments(names: list[str]) -> None:
    text = shown(quota_table({name: {**FACTS, "used_tokens": 1_234_567} for name in names}))
    assert "…" not in text
    for part in (*names, "100,000", "12,345", "in 1.2 s", "1.050", "2.65 s", "(1,000 +"):
        assert text.count(part) >= (1 if part in names else len(names)), part
    assert text.count("1,234,567") == len(names)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("job_id", [UUID, IN_RUN])
def test_results(width: int, job_id: str) -> None:
    feedback = {
        "sentiment": {"label": "negative", "score": -0.8},
        "urgency": "medium",
        "category": "delivery",
        "language": "en",
        "hashtags": ["#LateDelivery", "#CustomerService"],
        "summary": "The parcel came late. " * 4,
        "feedback_id": job_id,
    }
    outcomes = [
        {"status": "succeeded", "job_id": "x", "result": feedback},
        {"status": "failed", "job_id": "[b]" + job_id, "error": {"code": "content_filtered", "message": REASON}},
    ]
    text = shown(outcome_table(outcomes), width)
    assert text.count(job_id) == 2
    assert "[b]" in text
    for part in ("negative -0.8", "medium", "delivery en", "#LateDelivery", "content_filtered"):
        assert part in text
    for kind in ("reasoning", "audio"):
        text = shown(outcome_table([{"status": "failed", "job_id": job_id}], "results", kind), width)
        assert job_id in text
        assert "results" in text


@pytest.mark.parametrize("width", [80, 120])
def test_jobs_that_run(width: int) -> None:
    job = {"job_id": UUID, "step": 12, "of": 345, "percent": 100, "doing": "transcribing chunk 12 of 340"}
    text = shown(progress_table([job]), width)
    for part in (UUID, "100 %", "step 12 of 345"):
        assert part in text
    assert ("█" in text) == (width == 120)


@pytest.mark.parametrize("width", [80, 120])
def test_settings(width: int) -> None:
    finding = Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (LONG_NAME,), "It is missing. " * 4, "Set it. " * 4)
    text = shown(finding_table(Area.AI_PROVIDERS, [finding]), width)
    assert LONG_NAME in text
    assert "…" not in text
    setting = ShownSetting(
        "Audio", LONG_NAME, "https://example.com/" + "x" * 200, "", "local.settings.json", "OTHER_NAME"
    )
    text = shown(setting_table("Audio", [setting]), width)
    assert LONG_NAME in text
    assert text.count("x") >= 200, "values are whole"


def test_queues() -> None:
    counts = {"messages": 123_456, "dead_letters": 12}
    text = shown(_queues({"feedback": {"queues": {"feedback-transcriptions-in": counts}, "failed_jobs": 7}}))
    assert "feedback-transcriptions-in" in text
