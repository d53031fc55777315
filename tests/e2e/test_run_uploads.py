"""An uploaded file of full size, read by the app, which is killed meanwhile."""

import csv
import random
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.browser.scene import app
from tests.e2e.test_runs import comments
from tests.support.run_command import RunCommand
from tests.support.stack import stack

ROWS, KILLS = 200_000, 2


def workers(running: Stack) -> list[psutil.Process]:
    host = psutil.Process(running.parts["host"].pid)
    return [host, *host.children(recursive=True)]


def memory_mb(running: Stack) -> float:
    """Of the largest process of the host and its workers."""
    sizes = [0.0]
    for process in workers(running):
        try:
            sizes.append(process.memory_info().rss / 1e6)
        except psutil.Error:
            continue
    return max(sizes)


@pytest.mark.accept
@pytest.mark.timeout(2400)
def test_an_uploaded_file_of_full_size_is_read_whatever_is_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    comments(tmp_path / "comments.csv", ROWS)
    sluice = RunCommand(tmp_path)
    # Little is let through, so that the machine has time to read.
    env = {"SLUICE_RUN_WINDOW": "1", "OPENAI_TOKEN_LIMIT_PER_MINUTE": "10000", "SLUICE_LOGS": "off"}
    with stack(tmp_path / ".sluice", model_args=["--engine", "instant"], host_env=env) as running:
        with BlobServiceClient.from_connection_string(running.settings["AzureWebJobsStorage"]) as storage:
            storage.get_blob_client("runs-in", "comments.csv").upload_blob((tmp_path / "comments.csv").read_bytes())
        app(running, "runs", {"kind": "feedback", "blob": "runs-in/comments.csv", "name": "up"})
        kills: list[int] = []
        before_mb, peak_mb, reading_s, at_s = memory_mb(running), 0.0, 0.0, time.monotonic()
        rows, until = 0, random.randint(1, ROWS // 2)
        while not (run := app(running, "runs/up"))["read_to_end"]:
            moved, at = run["rows"] > rows, time.monotonic()
            reading_s, at_s, rows = reading_s + (at - at_s if moved else 0.0), at, run["rows"]
            peak_mb = max(peak_mb, memory_mb(running))
            if len(kills) < KILLS and rows >= until:
                workers(running)[-1].kill()
                kills.append(rows)
                until = rows + random.randint(1, (ROWS - rows) // 2)
            time.sleep(0.5)
        sluice("run", "cancel", "up", "--yes")
        sluice.until("up", ("cancelled",), 300)
        sluice("results", "export", "up", "--to", "up-results.csv")
    assert len(kills) == KILLS
    assert (run["rows"], run["rejected"]) == (ROWS, 0)
    with (tmp_path / "up-results.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [f"c{n}" for n in range(ROWS)], "each once, in order"
    record_property(
        "figures",
        f"{ROWS:,} rows of an uploaded file read by the app, killed with {' and '.join(f'{n:,}' for n in kills)} read; "
        f"about {ROWS / reading_s:,.0f} rows/s while it read; its memory {before_mb:.0f} MB before, "
        f"{peak_mb:.0f} MB at most",
    )
    assert peak_mb < before_mb + 200
