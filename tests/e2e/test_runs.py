"""Whole runs: a file of comments in, a file of results out, whatever happens in between."""

import csv
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from local.stack_parts import AZURITE, MODEL, SERVICE_BUS
from tests.e2e.conftest import System
from tests.support.run_command import RunCommand
from tests.support.stack import stack

Record = Callable[[str, object], None]
# 200,000 take two cores one and a half hours: docs/runs.md, "How fast".
FULL_SIZE = int(os.environ.get("SLUICE_ACCEPT_ROWS", "20000"))
FILE_SIZE = 200_000
LOOK_S = 5.0  # between two looks at a run: the command that looks takes a second of processor time itself
# Some 230 jobs a second: far more than two cores put through.
QUOTA_TPM = 20_000_000


def comments(path: Path, count: int) -> None:
    """A CSV file with so many short comments."""
    dice = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "Comment", "Stars", "Region"])
        for n in range(count):
            words = " ".join(dice.choice(("late", "good", "broken", "kind", "slow", "again")) for _ in range(6))
            writer.writerow([f"c{n}", f"Order {n} was {words}.", n % 5 + 1, "=1+1" if n % 1000 == 0 else "north"])


def exported(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def pause_and_resume(sluice: RunCommand, name: str, rows: int, timeout_s: float) -> int:
    """When a tenth has ended. Returns how many had ended when it went on."""
    deadline = time.monotonic() + timeout_s
    while sluice.status(name)["ended"] < rows // 10:
        assert time.monotonic() < deadline
        time.sleep(LOOK_S)
    sluice("run", "pause", name)
    sluice.until(name, ("paused",), 60)
    while (resting := sluice.status(name))["states"].keys() & {"pending", "running"}:
        assert time.monotonic() < deadline, resting
        time.sleep(1)
    time.sleep(2)
    assert sluice.status(name)["ended"] == resting["ended"], "nothing ends while a run rests"
    partly = sluice("results", "export", name, "--to", f"{name}-partly.csv", "--ended")
    assert len(exported(sluice.folder / f"{name}-partly.csv")) == resting["ended"], partly.stderr
    sluice("run", "resume", name)
    return int(resting["ended"])


def run_through(sluice: RunCommand, name: str, rows: int, record: Record, *, rest: bool, timeout_s: float) -> None:
    """Start, kill -9, start again, pause and resume if wanted, wait, export: each row once, in order."""
    comments(sluice.folder / f"{name}.csv", rows)
    start = ("run", "start", "feedback", f"{name}.csv", "--name", name, "--map", "text=Comment,rating=Stars", "--yes")
    first = sluice.start(*start)
    killed_after_s = random.uniform(1.5, 3.0) if rows < 10_000 else random.uniform(4, 20)
    time.sleep(killed_after_s)
    first.kill()
    first.wait()
    again = sluice(*start)
    started = sluice.status(name)
    assert (started["rows"], started["jobs"], started["rejected"], started["read_to_end"]) == (rows, rows, 0, True)
    began, before = time.monotonic(), started["ended"]
    if rest:
        before = pause_and_resume(sluice, name, rows, timeout_s)
        began = time.monotonic()
    look_s = 1.0 if not rest else LOOK_S if rows < 10_000 else 30.0
    ended = sluice.until(name, ("ended",), timeout_s, every_s=look_s)
    speed = (rows - before) / (time.monotonic() - began)
    assert ended["states"] == {"succeeded": rows}
    done = sluice("results", "export", name, "--to", f"{name}-results.csv")
    found = exported(sluice.folder / f"{name}-results.csv")
    assert [row["id"] for row in found] == [f"c{n}" for n in range(rows)], "each row once, in the order of the file"
    assert Counter(row["result_status"] for row in found) == {"succeeded": rows}
    assert {row["Region"] for row in found} == {"north", "'=1+1"}, "no cell begins a formula"
    peak_mb = max(again.peak_mb, done.peak_mb)
    assert peak_mb < 300
    record(
        "figures",
        f"{rows:,} rows: start killed after {killed_after_s:.1f} s and gone on with; read at "
        f"{rows / again.seconds:,.0f} rows/s or more, put through at {speed:.1f} jobs/s, exported at "
        f"{rows / done.seconds:,.0f} rows/s; peak memory of the command {peak_mb:.0f} MB",
    )


@pytest.mark.parametrize(
    ("rows", "timeout_s"),
    [
        pytest.param(2_000, 400, marks=pytest.mark.timeout(500), id="2000"),
        pytest.param(FULL_SIZE, 7 * 3600, marks=pytest.mark.timeout(8 * 3600), id="full"),
    ],
)
@pytest.mark.accept
def test_a_run_ends_whole_whatever_interrupts_it(
    rows: int, timeout_s: float, tmp_path: Path, record_property: Record
) -> None:
    with stack(
        tmp_path / ".sluice",
        model_args=["--engine", "instant", "--no-limits"],
        host_env={"OPENAI_TOKEN_LIMIT_PER_MINUTE": str(QUOTA_TPM), "FUNCTIONS_WORKER_PROCESS_COUNT": "2"},
    ):
        run_through(RunCommand(tmp_path), "whole", rows, record_property, rest=True, timeout_s=timeout_s)


@pytest.mark.timeout(240)
def test_a_run_of_some_rows(system: System, unique: str, record_property: Record) -> None:
    """So few may end before a pause: that is for the larger ones, and for tests/integration/runs."""
    run_through(RunCommand(system.stack.data.parent), f"some-{unique}", 60, record_property, rest=False, timeout_s=150)


@pytest.mark.accept
@pytest.mark.timeout(3600)
def test_a_file_of_full_size_is_read_whatever_is_killed(tmp_path: Path, record_property: Record) -> None:
    """Without a host: reading and writing alone, at the size that the app needs hours for."""
    rows = FILE_SIZE
    comments(tmp_path / "comments.csv", rows)
    sluice = RunCommand(tmp_path)
    start = ("run", "start", "feedback", "comments.csv", "--name", "whole", "--yes")
    peaks, kills, stored = [], 0, 0
    with stack(tmp_path / ".sluice", parts=[AZURITE, SERVICE_BUS, MODEL], model_args=["--engine", "instant"]):
        for _ in range(3):
            running = sluice.start(*start)
            time.sleep(random.uniform(8, 15))
            running.kill()
            killed = running.wait()
            kills += killed.code < 0
            peaks.append(killed.peak_mb)
        stored = sluice.status("whole")["rows"]
        again = sluice(*start)
        status = sluice.status("whole")
        assert (status["rows"], status["jobs"], status["read_to_end"]) == (rows, rows, True)
        exports = {
            end: sluice("results", "export", "whole", "--to", f"whole.{end}") for end in ("csv", "xlsx", "parquet")
        }
    with (tmp_path / "whole.csv").open(encoding="utf-8-sig", newline="") as file:
        found = [row["id"] for row in csv.DictReader(file)]
    assert found == [f"c{n}" for n in range(rows)], "each row once, in the order of the file"
    peaks += [again.peak_mb, *(done.peak_mb for done in exports.values())]
    assert max(peaks) < 300
    assert kills == 3
    speeds = ", ".join(f"{end} {rows / done.seconds:,.0f}" for end, done in exports.items())
    record_property(
        "figures",
        f"{rows:,} rows: killed {kills} times with {stored:,} stored, then read on at "
        f"{(rows - stored) / again.seconds:,.0f} rows/s; exported at {speeds} rows/s, without results; "
        f"peak memory of the command {max(peaks):.0f} MB",
    )
