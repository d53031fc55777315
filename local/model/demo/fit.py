"""Computes data/space.npz from data/sentiment_sentences.tsv: `python -m local.model.demo.fit` (about 10 s).

The sentiment head is a ridge regression from embeddings to -1, 0, 1. Its one parameter, the penalty, was chosen by
cross-validation over the same sentences, leaving out one language at a time.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.model.demo.embedder import Embedder
from local.model.demo.space import DATA, SPACE_FILE, Space

SENTENCES_FILE = DATA / "sentiment_sentences.tsv"
_TARGETS = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
_PENALTY = 0.2
_COMMON_DIRECTIONS = 2


def read_sentences(path: Path = SENTENCES_FILE) -> list[tuple[str, str, str]]:
    """Rows of (language, "positive" | "neutral" | "negative", sentence)."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row[0], row[1], row[2]) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def ridge(
    vectors: NDArray[np.float64], targets: NDArray[np.float64], penalty: float = _PENALTY
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias that minimise squared error + penalty * |weights|^2."""
    centre, mean = vectors.mean(axis=0), float(targets.mean())
    x = vectors - centre
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (targets - mean))
    return weights, mean - float(centre @ weights)


def fit(embedder: Embedder) -> Space:
    """Compute the space from the sentences file."""
    rows = read_sentences()
    vectors = np.asarray(embedder.embed([sentence for _, _, sentence in rows]), dtype=np.float64)
    targets = np.array([_TARGETS[label] for _, label, _ in rows])
    weights, bias = ridge(vectors, targets)
    centre = vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(vectors - centre, full_matrices=False)
    return Space(centre, directions[:_COMMON_DIRECTIONS], weights, bias)


if __name__ == "__main__":
    fit(Embedder()).save(SPACE_FILE)
