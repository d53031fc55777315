"""Which of several answers to the same task wins."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SENTENCE_MARKS = " \t\n.!?,;:…\"'`\u201c\u201d\u2018\u2019"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sample.

    Attributes:
        confidence: as the model reported it, 0..1.
    """

    answer: Any
    confidence: float


@dataclass(frozen=True, slots=True)
class Vote:
    """Attributes:

    winner: index of the sample that stands for the answer with the most votes.
    votes: how many samples gave this answer.
    confidence: the mean of what they reported.
    """

    winner: int
    votes: int
    confidence: float


def vote(candidates: Sequence[Candidate]) -> Vote:
    """Count equal answers.

    The most votes win; of equally many, the answer whose samples are surer on average, then the one that came first.
    Of its samples, the surest stands for it.

    Args:
        candidates: at least one, in the order of the samples.
    """
    groups: dict[str, list[int]] = {}
    for index, candidate in enumerate(candidates):
        groups.setdefault(answer_key(candidate.answer), []).append(index)

    def mean(group: list[int]) -> float:
        return sum(candidates[index].confidence for index in group) / len(group)

    best = max(groups.values(), key=lambda group: (len(group), mean(group), -group[0]))
    winner = max(best, key=lambda index: (candidates[index].confidence, -index))
    return Vote(winner, len(best), mean(best))


def answer_key(answer: Any) -> str:
    """Equal for answers that say the same.

    JSON is compared value by value: the order of names doesn't count, nor does 1 differ from 1.0. Of a text that is the
    whole answer, case, white space, and punctuation around it don't count. Long texts hardly ever agree.
    """
    if isinstance(answer, str):
        folded = unicodedata.normalize("NFKC", answer).casefold()
        return json.dumps(" ".join(folded.split()).strip(_SENTENCE_MARKS))
    return json.dumps(_canonical(answer), sort_keys=True)


def _canonical(value: Any) -> Any:
    match value:
        case dict():
            return {name: _canonical(part) for name, part in value.items()}
        case list():
            return [_canonical(part) for part in value]
        case float() if value.is_integer():
            return int(value)
    return value
