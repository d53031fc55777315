"""Which sentences of several texts are about a question: by meaning, on a budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.model.demo.keywords import keywords
from local.model.demo.material import Source
from local.model.demo.reading import Tools
from local.model.demo.texts import sentences, spread_order

# Embedding costs about 1 ms a token on one core.
_TOKEN_BUDGET = 300
_LONGEST_SENTENCE_CHARS = 300
_MOST_SENTENCES = 400
# Cosine of centred embeddings from which a sentence has to do with a question, and the least share of the best one's.
_RELATED = 0.1
_NEAR_THE_BEST = 0.5


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of a source.

    Attributes:
        place: of the source, and of the sentence in it: the order of the texts.
        score: cosine, -1..1.
    """

    source: Source
    text: str
    place: tuple[int, int]
    score: float


class Passages:
    """The sentences of some sources, ranked by a question.

    Args:
        asked: the question.
    """

    def __init__(self, sources: Sequence[Source], asked: str, tools: Tools) -> None:
        self.tools = tools
        self.ranked = sorted(self._scored(sources, asked), key=lambda passage: -passage.score)

    @property
    def related(self) -> list[Passage]:
        """Those that have to do with the question, the best first; the best one at least, where there is any."""
        least = max(_RELATED, _NEAR_THE_BEST * self.ranked[0].score) if self.ranked else 0.0
        return [passage for passage in self.ranked if passage.score >= least] or self.ranked[:1]

    @property
    def related_sources(self) -> list[Source]:
        """Their sources, each once, in the order of the texts."""
        found = {passage.place[0]: passage.source for passage in self.related}
        return [found[index] for index in sorted(found)]

    def closest(self, source: Source | None, wanted: str) -> str:
        """The sentence nearest to a description, of one source or of all."""
        of_source = [passage.text for passage in self.ranked if source is None or passage.source is source]
        if not of_source:
            return ""
        scores = self._similarities(of_source, wanted)
        return of_source[max(range(len(of_source)), key=lambda index: scores[index])]

    def _scored(self, sources: Sequence[Source], asked: str) -> list[Passage]:
        chosen = self._chosen(sources, asked)
        scores = self._similarities([text for _, text, _ in chosen], asked)
        return [
            Passage(source, text, place, score) for (source, text, place), score in zip(chosen, scores, strict=True)
        ]

    def _chosen(self, sources: Sequence[Source], asked: str) -> list[tuple[Source, str, tuple[int, int]]]:
        """Sentences to look at: those that share words with the question first, then a sample of all texts."""
        every = [
            (source, sentence, (index, number))
            for index, source in enumerate(sources)
            for number, sentence in enumerate(sentences(source.text))
        ]
        spread = [every[index] for index in spread_order(len(every))[: _MOST_SENTENCES * 10]]
        words = set(keywords(asked, 50))
        spread.sort(key=lambda one: -len(words & set(keywords(one[1][:_LONGEST_SENTENCE_CHARS], 50))))
        left = _TOKEN_BUDGET
        chosen: list[tuple[Source, str, tuple[int, int]]] = []
        for one in spread[:_MOST_SENTENCES]:
            cost = self.tools.embedder.count_tokens(one[1][:_LONGEST_SENTENCE_CHARS])
            if not chosen or cost <= left:
                chosen.append(one)
                left -= cost
        return chosen

    def _similarities(self, texts: Sequence[str], wanted: str) -> list[float]:
        if not texts or not wanted:
            return [0.0] * len(texts)
        space, embed = self.tools.space, self.tools.embedder.embed
        vectors = space.meaning(embed([text[:_LONGEST_SENTENCE_CHARS] for text in texts]))
        return [float(score) for score in vectors @ space.meaning(embed([wanted[:_LONGEST_SENTENCE_CHARS]]))[0]]
