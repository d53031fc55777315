"""Maps what a model calls a topic to the hashtags that the profile knows."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence


class HashtagMapping:
    """Known hashtags and their synonyms, compared without regard to case, accents, hyphens and the leading #.

    Args:
        synonyms: hashtag -> other words for it.

    Raises:
        ValueError: a synonym stands for two hashtags.
    """

    def __init__(self, synonyms: Mapping[str, Sequence[str]]) -> None:
        self._known: dict[str, str] = {}
        for hashtag, words in synonyms.items():
            for word in (hashtag, *words):
                other = self._known.setdefault(_folded(word), hashtag)
                if other != hashtag:
                    raise ValueError(f"The synonym {word!r} stands for both {other} and {hashtag}.")

    def map(self, tags: Iterable[str], limit: int) -> list[str]:
        """The known hashtags among these, in order, each once, at most `limit`. What isn't known is dropped."""
        found = dict.fromkeys(known for tag in tags if (known := self._known.get(_folded(tag))))
        return list(found)[:limit]


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", plain)
