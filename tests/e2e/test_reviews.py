"""Real reviews with human ratings, through the whole stack with the demonstration engine."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from tests.support.ledger import settle_ledger
from tests.support.stack import stack

ROOT = Path(__file__).parents[2]
REVIEWS = ROOT.parent / "shared" / "data" / "feedback" / "reviews.jsonl"
SAMPLES = ROOT / "cli" / "samples" / "feedback.jsonl"


@pytest.mark.accept
@pytest.mark.timeout(900)
@pytest.mark.skipif(not REVIEWS.exists(), reason="the reviews are shared data beside the project, not part of it")
def test_reviews_end_once_and_sentiment_agrees_as_often_as_vaders(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rows = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    outcomes = _through_the_stack(tmp_path, REVIEWS)
    assert len(outcomes) == len(rows) == 150
    scores = {o["result"]["feedback_id"]: o["result"]["sentiment"]["score"] for o in outcomes}
    vader = SentimentIntensityAnalyzer()
    rated = [row for row in rows if row["mean_rating"] != 0]
    ours = sum((scores[row["id"]] > 0) == (row["mean_rating"] > 0) for row in rated)
    theirs = sum((vader.polarity_scores(row["text"])["compound"] > 0) == (row["mean_rating"] > 0) for row in rated)
    record_property(
        "figures",
        f"150 outcomes, 0 lost, 0 twice; sign of the human rating met in {ours} of {len(rated)} by the demonstration "
        f"engine, in {theirs} by VADER",
    )
    assert ours >= theirs


@pytest.mark.accept
def test_every_sample_comment_gets_a_result(tmp_path: Path) -> None:
    outcomes = _through_the_stack(tmp_path, SAMPLES)
    rows = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]
    assert len(outcomes) == len(rows) >= 20
    assert {o["status"] for o in outcomes} == {"succeeded"}
    by_id = {o["result"]["feedback_id"]: o["result"] for o in outcomes}
    agree = sum(
        (by_id[r["feedback_id"]]["sentiment"]["score"] > 0) == (r["rating"] > 3) for r in rows if r["rating"] != 3
    )
    clear = sum(r["rating"] != 3 for r in rows)
    assert agree >= 0.9 * clear, f"the sentiment of {agree} of {clear} samples agrees with their stars"


def _through_the_stack(tmp_path: Path, file: Path) -> list[dict[str, Any]]:
    """Send a file with the sluice command to a stack of its own, check the ledger, return the outcomes."""
    with stack(tmp_path / ".sluice") as running:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "send", "feedback", str(file), "--run", "all", "--wait", "--json"],
            cwd=tmp_path,
            env={"PATH": "", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outcomes = [json.loads(line) for line in done.stdout.splitlines()]
        job_ids = [o["job_id"] for o in outcomes]
        ledger = asyncio.run(settle_ledger(running.settings, "feedback", job_ids, timeout_s=60, exclusive=True))
        assert ledger.balanced, ledger.summary()
        return outcomes
