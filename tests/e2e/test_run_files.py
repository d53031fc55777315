"""Runs of real comments, and what was said of them before."""

import csv
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from azure.storage.blob import BlobServiceClient

from shared.http_api.models import Run, RunPage, RunRows
from tests.e2e.conftest import System
from tests.e2e.test_runs import comments, exported
from tests.support.chromium import chromium
from tests.support.run_command import RunCommand
from tests.support.stack import stack

Record = Callable[[str, object], None]
ROOT = Path(__file__).parents[2]
REVIEWS = ROOT.parent / "shared" / "data" / "feedback" / "reviews.jsonl"


def test_rows_that_are_no_jobs_are_listed_and_the_others_go_on(system: System, unique: str) -> None:
    sluice = RunCommand(system.stack.data.parent)
    path = sluice.folder / f"bad-{unique}.csv"
    lines = [
        b"Comment,Stars,Note",
        b"good,5,fine",
        b"ragged,5",
        b"sch\xf6n,5,cp1252",
        b'"open,5,quote',
        b"good,five,no number",
        b"good,4,=1+1",
        b"x" * 10_000_000 + b",1,long",
        b" ,3,empty",
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    name = f"bad-{unique}"
    started = sluice("run", "start", "feedback", path.name, "--name", name, "--yes", "--map", "rating=Stars", code=1)
    assert started.peak_mb < 300
    with (sluice.folder / f"{name}.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        rejects = {int(row["line"]): row["reason"] for row in csv.DictReader(file)}
    assert set(rejects) == {3, 4, 5, 6, 8, 9}
    assert rejects[3] == "2 cells where the header has 3"
    assert "--encoding" in rejects[4]
    assert "quote isn't closed" in rejects[5]
    assert "rating" in rejects[6]
    assert "10,000,000 characters" in rejects[8]
    assert "text" in rejects[9]
    sluice.until(name, ("ended",), 60)
    sluice("results", "export", name, "--to", f"{name}.xlsx")
    sheet = openpyxl.load_workbook(sluice.folder / f"{name}.xlsx").active
    assert sheet is not None
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[3] for row in rows] == [
        *("succeeded", "rejected", "rejected", "rejected", "rejected", "succeeded", "rejected", "rejected")
    ]
    assert rows[5][2] == "=1+1"
    assert sheet["C7"].data_type == "s"


def test_a_column_that_is_not_there_is_named(system: System, unique: str) -> None:
    sluice = RunCommand(system.stack.data.parent)
    (sluice.folder / f"{unique}.csv").write_text("a,b\n1,2\n")
    done = sluice("run", "start", "feedback", f"{unique}.csv", "--yes", code=2)
    assert "--map text=COLUMN" in done.stderr
    done = sluice("run", "start", "feedback", f"{unique}.csv", "--map", "text=Comment", "--yes", code=2)
    assert "no column 'Comment'" in done.stderr


def test_guessed_columns_need_a_yes_where_nobody_is_asked(system: System, unique: str) -> None:
    sluice = RunCommand(system.stack.data.parent)
    comments(sluice.folder / f"{unique}.csv", 20)
    assert "--yes" in sluice("run", "start", "feedback", f"{unique}.csv", "--name", unique, code=2).stderr


@pytest.mark.accept
def test_a_run_can_be_cancelled(system: System, unique: str) -> None:
    """In the fast suite, tests/integration/runs/test_conductor.py cancels runs."""
    sluice = RunCommand(system.stack.data.parent)
    other = f"{unique}-c"
    comments(sluice.folder / f"{other}.csv", 600)  # more than can end before the next command
    sluice("run", "start", "feedback", f"{other}.csv", "--name", other, "--yes")
    sluice("run", "cancel", other, "--yes")
    ended = sluice.until(other, ("cancelled",), 60)
    assert sum(ended["states"].values()) + ended["waiting"] == 600
    sluice("results", "export", other, "--to", f"{other}.jsonl")
    rows = [json.loads(line) for line in (sluice.folder / f"{other}.jsonl").read_text().splitlines()]
    statuses = Counter(row["status"] for row in rows)
    assert statuses["cancelled"] == 600 - ended["states"].get("succeeded", 0)
    assert other in {row["run"] for row in _listed(sluice)}


def test_runs_over_http(system: System, unique: str) -> None:
    sluice = RunCommand(system.stack.data.parent)
    comments(sluice.folder / f"{unique}.csv", 30)
    sluice("run", "start", "feedback", f"{unique}.csv", "--name", unique, "--yes", "--app", "shop", "--wait")
    code, run = _ask(system, f"runs/{unique}")
    assert code == 200
    found = Run.model_validate(run)
    assert (found.state, found.jobs, found.ended, found.states) == ("ended", 30, 30, {"succeeded": 30})
    code, page = _ask(system, f"runs/{unique}/results")
    rows = RunRows.model_validate(page)
    assert [row.row for row in rows.rows] == list(range(1, 31))
    assert rows.next is None
    code, page = _ask(system, "runs?limit=100")
    assert unique in {one.run for one in RunPage.model_validate(page).runs}
    code, answer = _ask(system, f"runs/{unique}/pause", method="POST")
    assert (code, answer["code"]) == (409, "conflict"), "it has ended"
    code, run = _ask(system, f"runs/{unique}/retry-failed", method="POST")
    assert code == 202, run
    assert _ask(system, "runs/nowhere")[0] == 404
    assert _ask(system, f"runs/{unique}/explode", method="POST")[0] == 404


def test_an_uploaded_file_is_a_run_over_http(system: System, unique: str) -> None:
    sluice = RunCommand(system.stack.data.parent)
    comments(sluice.folder / f"{unique}.csv", 30)
    with BlobServiceClient.from_connection_string(system.env["AzureWebJobsStorage"]) as storage:
        blob = storage.get_blob_client("runs-in", f"{unique}.csv")  # the stack has made the container
        blob.upload_blob((sluice.folder / f"{unique}.csv").read_bytes() + b"ragged\n")
    asked = {"kind": "feedback", "blob": f"runs-in/{unique}.csv", "name": unique, "app": "shop"}
    code, run = _ask(system, "runs", "POST", asked)
    assert code == 202, run
    assert Run.model_validate(run).mapping == {"text": "Comment", "feedback_id": "id", "rating": "Stars"}
    assert _ask(system, "runs", "POST", asked)[0] == 202
    ended = sluice.until(unique, ("ended",), 60)
    assert (ended["rows"], ended["rejected"], ended["states"]) == (31, 1, {"succeeded": 30})
    sluice("results", "export", unique, "--to", f"{unique}-results.csv")
    rows = exported(sluice.folder / f"{unique}-results.csv")
    assert [row["id"] for row in rows[:30]] == [f"c{n}" for n in range(30)]
    assert rows[30]["result_reason"] == "1 cell where the header has 4"
    code, problem = _ask(system, "runs", "POST", {**asked, "blob": "claim-checks/a.csv"})
    assert (code, problem["field"]) == (400, "blob")


def _ask(system: System, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    url, headers = f"{system.env['SLUICE_URL']}/api/{path}", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _listed(sluice: RunCommand) -> list[dict[str, object]]:
    return [json.loads(line) for line in sluice("run", "list", "--json").stdout.splitlines()]


@pytest.mark.accept
@pytest.mark.timeout(900)
@pytest.mark.skipif(not REVIEWS.exists(), reason="the reviews are shared data beside the project, not part of it")
async def test_the_reviews_from_file_to_report(tmp_path: Path, record_property: Record) -> None:
    reviews = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "Review", "mean_rating"])
        writer.writerows([review["id"], review["text"], review["mean_rating"]] for review in reviews)
    sluice = RunCommand(tmp_path)
    with stack(tmp_path / ".sluice"):
        said = json.loads(sluice("estimate", "feedback", "reviews.csv", "--json").stdout)
        sluice("run", "start", "feedback", "reviews.csv", "--name", "reviews", "--yes")
        watched = sluice("run", "status", "reviews", "--watch")
        sluice("results", "export", "reviews", "--to", "reviews.parquet")
        sluice("results", "export", "reviews", "--to", "results.csv")
        sluice("report", "reviews")
        status = sluice.status("reviews")
    assert "150 succeeded" in watched.stderr
    assert [row["id"] for row in exported(tmp_path / "results.csv")] == [review["id"] for review in reviews]
    used = status["input_tokens"] + status["output_tokens"]
    wrong = abs(said["input_tokens"] + said["output_tokens"] - used) / used
    async with chromium() as page:
        await page.open(tmp_path / "reviews.html")
        charts = await page.boxes("svg")
        assert len(charts) == 3
        assert min(width for width, _ in charts) > 500
        assert min(height for _, height in charts) > 150
        needed = await page.screenshot(tmp_path / "report.png", width=1000)
        assert needed <= 1000, "nothing is cut off"
        assert page.requests == [(tmp_path / "reviews.html").as_uri()], "nothing else is asked for"
        assert page.messages == []
    size_kb = (tmp_path / "reviews.html").stat().st_size // 1024
    record_property(
        "figures",
        f"150 reviews started, watched, exported, reported; tokens estimated {wrong:.1%} off; the report in Chromium "
        f"without JavaScript: {len(charts)} charts, nothing asked for, {size_kb} KB",
    )
    assert wrong < 0.03


@pytest.mark.accept
@pytest.mark.timeout(900)
def test_a_run_takes_as_long_as_was_said(tmp_path: Path, record_property: Record) -> None:
    tpm, rows = 100_000, 350
    comments(tmp_path / "c.csv", rows)
    sluice = RunCommand(tmp_path)
    with stack(
        tmp_path / ".sluice",
        model_args=["--engine", "instant", "--tpm", str(tpm), "--latency-ms", "100-400"],
        host_env={"OPENAI_TOKEN_LIMIT_PER_MINUTE": str(tpm)},
    ):
        sluice("limits", "gpt-4o-mini", "--tpm", str(tpm))
        said = json.loads(sluice("estimate", "feedback", "c.csv", "--json").stdout)
        sluice("run", "start", "feedback", "c.csv", "--name", "timed", "--yes")
        status = sluice.until("timed", ("ended",), 800)
    took_s = (datetime.fromisoformat(status["ended_at"]) - datetime.fromisoformat(status["created_at"])).total_seconds()
    used = status["input_tokens"] + status["output_tokens"]
    tokens = abs(said["input_tokens"] + said["output_tokens"] - used) / used
    time_off = said["duration_s"] / took_s - 1
    record_property(
        "figures",
        f"{rows} rows at {tpm:,} tokens a minute: {said['duration_s']:.0f} s said, {took_s:.0f} s taken "
        f"({time_off:+.1%}); tokens {tokens:.1%} off",
    )
    assert abs(time_off) < 0.1
    assert tokens < 0.03
