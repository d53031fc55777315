"""Which of several options is meant: nearest in meaning, by name and explanation."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from local.model.demo.embedder import Embedder
from local.model.demo.space import Space

# Options below this share of the best one's similarity are not picked beside it.
_NEAR_THE_BEST = 0.8


class Chooser:
    """Compares a text with options. Embeddings of options come from the embedder's cache after their first use."""

    def __init__(self, embedder: Embedder, space: Space) -> None:
        self._embedder = embedder
        self._space = space

    def similarities(
        self, vectors: NDArray[np.floating], options: Sequence[str], explanations: Mapping[str, str]
    ) -> NDArray[np.float64]:
        """How near each option is to the text.

        Args:
            vectors: embeddings of the text's clauses.
            explanations: option -> what it stands for, where that is known.

        Returns:
            One mean cosine an option, -1..1.
        """
        if len(vectors) == 0:
            return np.zeros(len(options))
        text = self._space.meaning(vectors).mean(axis=0)
        anchors = [self._anchors(option, explanations.get(option, "")) for option in options]
        flat = self._space.meaning(self._embedder.embed([anchor for group in anchors for anchor in group]))
        ends = np.cumsum([len(group) for group in anchors])
        return np.array([(rows @ text).mean() for rows in np.split(flat, ends[:-1])])

    def nearest(
        self, vectors: NDArray[np.floating], options: Sequence[str], explanations: Mapping[str, str], most: int = 1
    ) -> list[str]:
        """The nearest option, and up to `most` - 1 others that are nearly as near, best first."""
        scores = self.similarities(vectors, options, explanations)
        order = np.argsort(-scores, kind="stable")
        best = scores[order[0]]
        return [
            options[i] for rank, i in enumerate(order[:most]) if rank == 0 or scores[i] >= best * _NEAR_THE_BEST > 0
        ]

    @staticmethod
    def _anchors(option: str, explanation: str) -> list[str]:
        name = " ".join(re.findall(r"\w+", option.replace("_", " "))) or option
        if not explanation:
            return [name]
        phrases = [phrase.strip() for phrase in re.split(r"[,;]", explanation) if phrase.strip()]
        return [f"{name}: {explanation}", name, *phrases]


def explanations_in(text: str, options: Sequence[str]) -> dict[str, str]:
    """What a text says of options, in lines or parts such as "- delivery: late or damaged parcels".

    Args:
        text: a schema's description, or a prompt.
    """
    found: dict[str, str] = {}
    for option in options:
        pattern = rf"(?:^|[\n;.(,])[ \t]*(?:[-*•]\s*)?[\"'`]?{re.escape(option)}[\"'`]?\s*[:=]\s*([^\n;]+)"
        if match := re.search(pattern, text):
            found[option] = match.group(1).strip()
    return found
