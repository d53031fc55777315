"""Words that a text is about."""

import re
import unicodedata
from collections import Counter
from functools import cache

from local.model.demo.space import DATA

_WORD = re.compile(r"[^\W\d_][\w'-]*\w|[^\W\d_]")
# Japanese and Chinese write no spaces: runs of ideographs and of katakana are taken for words.
_CJK_RUN = re.compile(r"[\u4e00-\u9fff]{2,}|[\u30a0-\u30ff]{2,}")
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_SHORTEST_WORD = 4


@cache
def stop_words() -> frozenset[str]:
    """Words of all known languages that are never keywords."""
    lines = (DATA / "stop_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if line and not line.startswith("#") for word in line.split()[1:])


def keywords(text: str, most: int) -> list[str]:
    """Up to `most` words in lower case: the most frequent first, of equally frequent ones the longest."""
    folded = unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")
    words = [word for word in _WORD.findall(folded) if not _CJK.search(word) and len(word) >= _SHORTEST_WORD]
    words += _CJK_RUN.findall(folded)
    counts = Counter(word for word in words if word not in stop_words())
    return sorted(counts, key=lambda word: (-counts[word], -len(word), word))[:most]
