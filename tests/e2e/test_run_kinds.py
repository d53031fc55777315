"""Runs of jobs of several calls: a file of tasks, and a folder of recordings."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_kills import kill
from tests.e2e.test_runs import exported
from tests.support.run_command import RunCommand
from tests.support.stack import stack

Record = Callable[[str, object], None]
SPEECH = Path(__file__).parents[2] / "cli" / "samples" / "inaugural.flac"
TPM, TRANSCRIPTION_RPM = 20_000, 12
TASKS = [
    {"nr": "a1", "task": "How much are 14 pens at 3 euros each?", "instructions": "The number alone."},
    {"nr": "a2", "task": "Who is angry?", "inputs": [{"text": "Late again."}, {"text": "All fine, thanks."}]},
    {"nr": "a3", "task": "What is 17 times 23?", "effort": "low"},
    {"nr": "a4", "task": "Sum it up.", "inputs": [{"blob": "reasoning-in/nowhere.txt"}]},
    {"nr": "a5", "task": "Which day had the fewest?", "inputs": [{"text": "Monday 12, Tuesday 9."}], "samples": 2},
]

INTERRUPTED = 120

pytestmark = [pytest.mark.accept, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def sluice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunCommand]:
    """The command beside a stack whose quotas are the bottleneck."""
    folder = tmp_path_factory.mktemp("kinds")
    limits = {
        "OPENAI_TOKEN_LIMIT_PER_MINUTE": str(TPM),
        "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE": str(TRANSCRIPTION_RPM),
    }
    with stack(folder / ".sluice", model_args=["--engine", "instant", "--no-limits"], host_env=limits):
        yield RunCommand(folder)


def took_s(status: dict[str, Any]) -> float:
    return (datetime.fromisoformat(status["ended_at"]) - datetime.fromisoformat(status["created_at"])).total_seconds()


def within(said: dict[str, Any], name: str, found: float) -> str:
    """Check that a figure lies in what was said, and say so."""
    low, high = said["from"][name], said["to"][name]
    assert low <= found <= high, (name, low, found, high)
    return f"{found:,.0f} of {low:,.0f} to {high:,.0f}"


def test_a_run_of_tasks(sluice: RunCommand, record_property: Record) -> None:
    for name, tasks in (("tasks", TASKS), ("sound", [task for task in TASKS if task["nr"] != "a4"])):
        lines = "".join(f"{json.dumps(task)}\n" for task in tasks)
        (sluice.folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    said = json.loads(sluice("estimate", "reasoning", "sound.jsonl", "--json").stdout)
    sluice("run", "start", "reasoning", "tasks.jsonl", "--name", "tasks", "--yes")
    watched = sluice("run", "status", "tasks", "--watch", code=1)
    assert "4 succeeded, 1 failed" in watched.stderr
    status = sluice.status("tasks")
    sluice("results", "export", "tasks", "--to", "tasks.csv")
    rows = exported(sluice.folder / "tasks.csv")
    assert [row["nr"] for row in rows] == ["a1", "a2", "a3", "a4", "a5"], "each row once, in the order of the file"
    assert [row["result_status"] for row in rows] == ["succeeded"] * 3 + ["failed", "succeeded"]
    assert "There is no blob nowhere.txt" in rows[3]["result_reason"]
    assert all(row["result_answer"] for row in rows if row["result_status"] == "succeeded")
    steps = {row["nr"]: [step["name"] for step in json.loads(row["result_steps"] or "[]")] for row in rows}
    assert steps["a1"] == ["plan", "solve", "verify"]
    assert steps["a3"] == ["solve", "verify"]
    assert steps["a5"] == ["plan", "solve-1", "solve-2", "verify"]
    used = [sum(int(row[f"result_{way}_tokens"] or 0) for row in rows) for way in ("input", "output")]
    assert used == [status["input_tokens"], status["output_tokens"]]
    assert said["from"]["calls"] == {"gpt-4o-mini": sum(map(len, steps.values()))}
    record_property(
        "figures",
        f"5 tasks, one of them without its input, at {TPM:,} tokens a minute; of the others "
        f"input tokens {within(said, 'input_tokens', status['input_tokens'])} said, "
        f"output {within(said, 'output_tokens', status['output_tokens'])}; {took_s(status):.0f} s taken, "
        f"{said['from']['duration_s']:.0f} to {said['to']['duration_s']:.0f} said",
    )


def test_a_run_of_tasks_in_a_table(sluice: RunCommand) -> None:
    with (sluice.folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Question", "team"], ["What is 2 + 2?", "north"], ["", "south"]])
    sluice("run", "start", "reasoning", "table.csv", "--name", "table", "--yes", "--field", "effort=low", code=1)
    sluice.until("table", ("ended",), 120)
    sluice("results", "export", "table", "--to", "table.xlsx")
    sluice("results", "export", "table", "--to", "results.csv")
    rows = exported(sluice.folder / "results.csv")
    assert [(row["team"], row["result_status"]) for row in rows] == [("north", "succeeded"), ("south", "rejected")]


def test_a_run_of_recordings(sluice: RunCommand, record_property: Record) -> None:
    folder = sluice.folder / "calls"
    folder.mkdir()
    names = ["1 Müller.flac", "2.flac", "3-notes.mp3", "4.flac"]
    for name in names:
        shutil.copy(SPEECH, folder / name)
    (folder / "3-notes.mp3").write_text("These are notes.\n" * 50)
    (folder / ".hidden").write_text("left out")
    said = json.loads(sluice("estimate", "audio", "calls", "--json").stdout)
    sluice("run", "start", "audio", "calls", "--name", "calls", "--yes")
    watched = sluice("run", "status", "calls", "--watch", code=1)
    assert "3 succeeded, 1 failed" in watched.stderr
    status = sluice.status("calls")
    assert status["reasons"] == {"audio_unreadable": 1}
    sluice("results", "export", "calls", "--to", "calls.csv")
    rows = exported(sluice.folder / "calls.csv")
    assert [row["file"] for row in rows] == names, "each row once, in the order of the names"
    assert [row["result_status"] for row in rows] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert "no audio" in rows[2]["result_reason"]
    assert [float(row["result_duration_s"]) for row in rows if row["result_duration_s"]] == pytest.approx([11] * 3, 0.1)
    assert all("transcript.srt" in row["result_files"] for row in rows if row["result_status"] == "succeeded")
    again = sluice("run", "start", "audio", "calls", "--name", "calls", "--yes")
    assert "4 rows are stored" in again.stderr
    assert sluice.status("calls")["jobs"] == 4
    heard_s = sum(float(row["result_duration_s"] or 0) for row in rows)
    assert said["failing"] == {"audio_unreadable": 1}
    assert said["from"]["calls"] == said["to"]["calls"] == {"whisper": 3}
    assert said["from"]["audio_s"] == pytest.approx(heard_s, abs=0.1)
    assert said["from"]["cost"] == pytest.approx(heard_s / 60 * 0.006, abs=0.0001)
    assert status["audio_s"] == pytest.approx(heard_s, abs=0.1)
    assert status["cost"] == pytest.approx(said["from"]["cost"], abs=0.0001)
    record_property(
        "figures",
        f"4 recordings, one of them none, at {TRANSCRIPTION_RPM} requests a minute: {heard_s:.1f} s of sound, "
        f"{said['from']['audio_s']:.1f} said; {took_s(status):.0f} s taken, {said['from']['duration_s']:.0f} said",
    )


@pytest.mark.parametrize("kind", ["reasoning", "audio"])
def test_jobs_of_several_calls_end_once_whatever_interrupts_their_run(
    kind: str, tmp_path: Path, record_property: Record
) -> None:
    """Paused, the host killed with jobs under way, resumed, a worker killed; another run is cancelled.

    The window has room for one part: 50 jobs, which all begin, so that neither pause nor cancellation reaches them.
    """
    sluice = RunCommand(tmp_path)
    tasks = "".join(f'{{"nr": {n}, "task": "How much is {n} + {n}?", "effort": "low"}}\n' for n in range(INTERRUPTED))
    (tmp_path / "tasks.jsonl").write_text(tasks, encoding="utf-8")
    (tmp_path / "calls").mkdir()
    for n in range(INTERRUPTED):
        (tmp_path / "calls" / f"{n:03}.flac").symlink_to(SPEECH)
    source, key = ("tasks.jsonl", "nr") if kind == "reasoning" else ("calls", "file")
    model = ["--engine", "instant", "--no-limits", "--latency-ms", "500-2000"]
    env = {
        "OPENAI_TOKEN_LIMIT_PER_MINUTE": "1000000",
        "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE": "600",
        "AUDIO_CHUNK_S": "10",
        "SLUICE_RUN_WINDOW": "10",
    }
    with stack(tmp_path / ".sluice", model_args=model, host_env=env) as running:
        sluice("run", "start", kind, source, "--name", "whole", "--yes")
        sluice.wait_for("whole", lambda status: status["ended"] >= 3, 120)
        sluice("run", "pause", "whole")
        kill(running, "host")
        sluice.until("whole", ("paused",), 200)
        resting = sluice.wait_for("whole", lambda at: not at["states"].keys() & {"pending", "running"}, 200)
        sluice("run", "resume", "whole")
        sluice.wait_for("whole", lambda status: status["ended"] >= resting["ended"] + 3, 200)
        kill(running, "worker")
        ended = sluice.until("whole", ("ended",), 400)
        sluice("results", "export", "whole", "--to", "whole.csv")
        sluice("run", "start", kind, source, "--name", "half", "--yes")
        sluice.wait_for("half", lambda status: status["ended"] >= 3, 120)
        sluice("run", "cancel", "half", "--yes")
        cancelled = sluice.until("half", ("cancelled",), 200)
        sluice("results", "export", "half", "--to", "half.csv")
    assert resting["ended"] < INTERRUPTED
    assert ended["states"] == {"succeeded": INTERRUPTED}
    whole, half = exported(tmp_path / "whole.csv"), exported(tmp_path / "half.csv")
    keys = [str(n) if kind == "reasoning" else f"{n:03}.flac" for n in range(INTERRUPTED)]
    assert [row[key] for row in whole] == [row[key] for row in half] == keys, "each once, in order"
    assert {row["result_status"] for row in whole} == {"succeeded"}
    had_ended = cancelled["states"]["succeeded"]
    assert 0 < had_ended < INTERRUPTED
    assert Counter(row["result_status"] for row in half) == {
        "succeeded": had_ended,
        "cancelled": INTERRUPTED - had_ended,
    }
    record_property(
        "figures",
        f"{INTERRUPTED} {kind} jobs: paused, the host killed, at rest with {resting['ended']} ended, resumed, a worker "
        f"killed: each succeeded once; of a run that was cancelled {had_ended} had ended",
    )
