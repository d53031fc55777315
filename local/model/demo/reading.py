"""What the demonstration engine finds in one text, each finding computed when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from local.model.demo.choices import Chooser
from local.model.demo.embedder import Embedder, Vectors
from local.model.demo.keywords import keywords
from local.model.demo.language import LanguageDetector
from local.model.demo.sentiment import Sentiment, summed_up
from local.model.demo.space import Space
from local.model.demo.texts import clauses, sentences, shortened, spread_order

# Embedding costs about 1 ms a token on one core: 140 tokens are some 550 characters of English. Of longer texts,
# clauses from the beginning, the end and evenly between are read.
TOKEN_BUDGET = 140
_MOST_CLAUSES = 16
_LONGEST_CLAUSE_CHARS = 300
SUMMARY_CHARS = 200
# A summary should hold the verdict: a strong feeling counts like this much more centrality.
_VERDICT_WEIGHT = 0.15


@dataclass(frozen=True, slots=True)
class Tools:
    """What every reading uses; loaded once."""

    embedder: Embedder
    space: Space
    chooser: Chooser
    detector: LanguageDetector

    @staticmethod
    def load() -> "Tools":
        """Load all models: about 1.5 s and 150 MB."""
        embedder, space = Embedder(), Space.load()
        return Tools(embedder, space, Chooser(embedder, space), LanguageDetector())


class Reading:
    """One text, read."""

    def __init__(self, text: str, tools: Tools) -> None:
        self.text = text
        self.tools = tools

    @cached_property
    def sentences(self) -> list[str]:
        return sentences(self.text)

    @cached_property
    def _clauses(self) -> list[tuple[str, int]]:
        """The clauses that are embedded, each with the index of its sentence, in the order of the text."""
        every = [(clause, i) for i, sentence in enumerate(self.sentences) for clause in clauses(sentence)]
        left, chosen = TOKEN_BUDGET, list[int]()
        for i in spread_order(len(every)):
            cost = self.tools.embedder.count_tokens(every[i][0][:_LONGEST_CLAUSE_CHARS])
            if not chosen or cost <= left:
                left -= cost
                chosen.append(i)
            if len(chosen) == _MOST_CLAUSES or left <= 0:
                break
        return [(every[i][0][:_LONGEST_CLAUSE_CHARS], every[i][1]) for i in sorted(chosen)]

    @cached_property
    def vectors(self) -> Vectors:
        """Embeddings of the clauses that are read."""
        return self.tools.embedder.embed([clause for clause, _ in self._clauses])

    @cached_property
    def _feelings(self) -> NDArray[np.float64]:
        return self.tools.space.sentiment(self.vectors)

    @cached_property
    def sentiment(self) -> Sentiment:
        return summed_up(self._feelings.tolist())

    @cached_property
    def language(self) -> str:
        """ISO 639-1 code."""
        return self.tools.detector.detect(self.text)

    def keywords(self, most: int) -> list[str]:
        return keywords(self.text, most)

    @cached_property
    def ranking(self) -> list[int]:
        """Indexes of the sentences that were read, the most telling first."""
        if not self._clauses:
            return []
        meaning = self.tools.space.meaning(self.vectors)
        weight = meaning @ meaning.mean(axis=0) + _VERDICT_WEIGHT * np.abs(self._feelings)
        return list(dict.fromkeys(self._clauses[i][1] for i in np.argsort(-weight, kind="stable")))

    def key_sentences(self, most: int) -> list[str]:
        """Up to `most` telling sentences in the order of the text."""
        return [self.sentences[i] for i in sorted(self.ranking[:most])]

    @cached_property
    def summary(self) -> str:
        """The most telling sentence, up to 200 characters; the text itself where it has no sentence."""
        return shortened(self.sentences[self.ranking[0]] if self.ranking else self.text, SUMMARY_CHARS)

    def closest(self, question: str) -> str:
        """The sentence nearest in meaning to a question or a description; "" for an empty text."""
        if not self._clauses:
            return ""
        space = self.tools.space
        likeness = space.meaning(self.vectors) @ space.meaning(self.tools.embedder.embed([question]))[0]
        return self.sentences[self._clauses[int(likeness.argmax())][1]]

    def likeness(self, statement: str) -> float:
        """How near the nearest clause is to a statement: cosine, -1..1, over 0.3 where they are about the same."""
        if not self._clauses:
            return 0.0
        space = self.tools.space
        return float((space.meaning(self.vectors) @ space.meaning(self.tools.embedder.embed([statement]))[0]).max())

    def part(self, index: int) -> "Reading":
        """A reading of one sentence only: the index-th most telling, counted around."""
        if not self.ranking:
            return self
        return Reading(self.sentences[self.ranking[index % len(self.ranking)]], self.tools)
