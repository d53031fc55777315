"""Word error rate: what a transcript has wrong, of what was said."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words, without case, punctuation and kinds of apostrophes."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return _WORD.findall(plain)


def word_errors(truth: str, heard: str) -> int:
    """Least number of words to insert, drop or change that turns the one into the other (Levenshtein)."""
    said, written = words_of(truth), words_of(heard)
    row = list(range(len(written) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(written, 1):
            changed = diagonal + (word != other)
            diagonal, row[j] = row[j], min(changed, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def word_error_rate(truth: str, heard: str) -> float:
    """Errors by words that were said: 0 is right, 0.05 one word in twenty."""
    return word_errors(truth, heard) / max(1, len(words_of(truth)))
