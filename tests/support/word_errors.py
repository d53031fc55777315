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


def errors_by_word(truth: str, heard: str) -> list[int]:
    """Where the errors are: how many at each word that was said. What was inserted counts to the word before it."""
    said, written = words_of(truth), words_of(heard)
    rows = [list(range(len(written) + 1))]
    for i, word in enumerate(said, 1):
        row = [i]
        for j, other in enumerate(written, 1):
            row.append(min(rows[-1][j - 1] + (word != other), rows[-1][j] + 1, row[-1] + 1))
        rows.append(row)
    errors = [0] * len(said)
    i, j = len(said), len(written)
    while i or j:
        here = rows[i][j]
        if i and j and here == rows[i - 1][j - 1] + (said[i - 1] != written[j - 1]):
            i, j = i - 1, j - 1
            errors[i] += said[i] != written[j]
        elif i and here == rows[i - 1][j] + 1:
            i -= 1
            errors[i] += 1
        else:
            j -= 1
            errors[max(0, i - 1)] += 1
    return errors
