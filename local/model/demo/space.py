"""What is known about the embedding space: its centre, its loudest directions, and where sentiment lies.

The numbers are in data/space.npz, computed by `python -m local.model.demo.fit` from data/sentiment_sentences.tsv:
sentences written for this purpose in nine languages.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).with_name("data")
SPACE_FILE = DATA / "space.npz"


@dataclass(frozen=True, slots=True)
class Space:
    """Attributes:

    centre: mean embedding of general sentences.
    common: orthonormal rows, the directions in which those vary most, whatever they mean.
    sentiment_weights, sentiment_bias: linear head, embedding -> about -1 (negative) to 1 (positive).
    """

    centre: NDArray[np.float64]
    common: NDArray[np.float64]
    sentiment_weights: NDArray[np.float64]
    sentiment_bias: float

    @classmethod
    def load(cls, path: Path = SPACE_FILE) -> Self:
        with np.load(path) as data:
            return cls(data["centre"], data["common"], data["sentiment_weights"], float(data["sentiment_bias"]))

    def save(self, path: Path = SPACE_FILE) -> None:
        """Write the file that `load` reads."""
        np.savez(
            path,
            centre=self.centre,
            common=self.common,
            sentiment_weights=self.sentiment_weights,
            sentiment_bias=self.sentiment_bias,
        )

    def meaning(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Normalised rows without the centre and the common directions.

        All embeddings of E5 lie in a narrow cone; without what they share, cosines tell topics apart ("all but the
        top", Mu and Viswanath 2018).
        """
        centred = np.asarray(vectors, dtype=np.float64) - self.centre
        centred -= (centred @ self.common.T) @ self.common
        norms: NDArray[np.float64] = np.linalg.norm(centred, axis=-1, keepdims=True)
        return centred / np.maximum(norms, 1e-9)

    def sentiment(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sentiment of each row, clipped to -1..1."""
        return np.clip(np.asarray(vectors, dtype=np.float64) @ self.sentiment_weights + self.sentiment_bias, -1.0, 1.0)
