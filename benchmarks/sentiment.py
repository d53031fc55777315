"""Sentiment of the demonstration engine, against VADER, on reviews that people have rated.

    python -m benchmarks.sentiment [--json] [--reviews FILE]

Each review counts as agreed when the sign of the score is the sign of the mean of its human ratings. The file holds one
JSON object a line with `text` and `mean_rating`. Also measured: milliseconds for a whole feedback answer (sentiment,
category, language, summary, action) in one thread, embeddings not cached.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Row, show

DEFAULT_REVIEWS = Path(__file__).parents[2] / "shared" / "data" / "feedback" / "reviews.jsonl"
_SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": ["positive", "neutral", "negative", "mixed"]},
        "score": {"type": "number"},
        "category": {"enum": ["product quality", "delivery", "customer service", "price", "usability"]},
        "summary": {"type": "string"},
        "suggested_action": {"type": "string"},
        "language": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class Review:
    """Attributes: mean_rating: of several people; below 0 is negative."""

    text: str
    mean_rating: float


def read_reviews(path: Path) -> list[Review]:
    """Raises:
    OSError: the file can't be read.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Review(row["text"], row["mean_rating"]) for row in map(json.loads, lines)]


def agreement(scores: Sequence[float], reviews: Sequence[Review]) -> float:
    """Percentage of reviews whose score has the sign of the rating."""
    agreed = sum(_sign(score) == _sign(review.mean_rating) for score, review in zip(scores, reviews, strict=True))
    return 100 * agreed / len(reviews)


async def measure_engine(reviews: Sequence[Review]) -> tuple[list[float], list[float]]:
    """Scores, and milliseconds, of each review."""
    from local.model.engines.embedded import EmbeddedEngine
    from local.model.engines.protocol import ChatCall

    engine = EmbeddedEngine()
    response_format = {"type": "json_schema", "json_schema": {"name": "feedback", "schema": _SCHEMA}}
    scores, milliseconds = [], []
    for text in ["warm up", *(review.text for review in reviews)]:
        call = ChatCall({}, [{"role": "user", "content": text}], response_format)
        start = time.perf_counter()
        answer: dict[str, Any] = json.loads((await engine.chat(call)).texts[0])
        milliseconds.append(1000 * (time.perf_counter() - start))
        scores.append(answer["score"])
    await engine.close()
    return scores[1:], milliseconds[1:]


def vader_scores(reviews: Sequence[Review]) -> list[float]:
    """VADER's compound score of each whole review."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return [analyzer.polarity_scores(review.text)["compound"] for review in reviews]


def run(reviews: Sequence[Review], *, as_json: bool) -> float:
    """Measure, print, and return the engine's agreement over VADER's."""
    scores, milliseconds = asyncio.run(measure_engine(reviews))
    ours, theirs = agreement(scores, reviews), agreement(vader_scores(reviews), reviews)
    middling = [ms for ms, review in zip(milliseconds, reviews, strict=True) if 800 <= len(review.text) <= 1200]
    rows = [
        Row("demonstration engine agrees", ours, ours, ours, "%"),
        Row("VADER agrees", theirs, theirs, theirs, "%"),
        Row("one answer", statistics.median(milliseconds), min(milliseconds), max(milliseconds), "ms"),
        Row("one answer, 800 to 1,200 characters", statistics.median(middling), min(middling), max(middling), "ms"),
    ]
    ratio = ours / theirs
    show(f"Sentiment of {len(reviews)} reviews", rows, ("engine / VADER", ratio, "at least 1"), as_json=as_json)
    return ratio


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentiment", description="Compare sentiment with VADER.")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--reviews", type=Path, default=DEFAULT_REVIEWS, help="one JSON object a line (%(default)s)")
    given = parser.parse_args()
    try:
        reviews = read_reviews(given.reviews)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{given.reviews} can't be read as reviews: {error}\n")
        return 1
    return 0 if run(reviews, as_json=given.json) >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
