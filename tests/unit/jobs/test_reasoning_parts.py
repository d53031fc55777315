"""Splitting inputs."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.jobs.reasoning_parts import Passage, split_inputs, split_text
from shared.model.tokens import count_tokens


def words(text: str) -> int:
    """A token is a word, or a run of up to ten characters of one."""
    return sum(-(-len(word) // 10) for word in text.split())


TEXTS = st.text(alphabet="ab .\n!?ä文。", max_size=400) | st.text(max_size=80)


@given(TEXTS, st.integers(2, 60), st.integers(0, 20))
def test_pieces_cover_the_text_in_order_and_keep_to_the_limit(text: str, limit: int, overlap: int) -> None:
    pieces = list(split_text(text, limit, overlap, words))

    covered = 0
    for start, end, tokens in pieces:
        assert start <= covered < end or (start == end == 0 and text == "")
        assert tokens <= limit
        assert words(text[start:end]) <= limit
        covered = end
    assert covered == len(text)
    assert [end for _, end, _ in pieces] == sorted({end for _, end, _ in pieces})


@given(TEXTS, st.integers(4, 40))
@example("? a a ???????????\n\n?", 4)  # an empty line has no tokens
def test_without_overlap_the_pieces_are_the_text(text: str, limit: int) -> None:
    assert "".join(text[start:end] for start, end, _ in split_text(text, limit, 0, words)) == text


@given(TEXTS, st.integers(8, 40), st.integers(1, 30))
def test_overlaps_are_no_longer_than_wanted(text: str, limit: int, overlap: int) -> None:
    pieces = list(split_text(text, limit, overlap, words))
    for (_, before, _), (start, _, _) in pairwise(pieces):
        assert words(text[start:before]) <= overlap


PARAGRAPH = "One two three four five. Six seven eight nine ten."
LONG = "\n\n".join([PARAGRAPH] * 30)


@pytest.mark.parametrize(
    ("text", "limit", "ends"),
    [
        (LONG, 130, "\n\n"),
        (LONG.replace("\n\n", "\n"), 130, "\n"),
        (LONG.replace("\n\n", " "), 103, ". "),
        ("word " * 900, 130, "word"),
        ("x" * 5000, 130, "x"),
        ("\u65e5\u672c\u3002" * 400, 130, "\u3002"),
    ],
    ids=["paragraphs", "lines", "sentences", "words", "nothing", "CJK"],
)
def test_texts_are_cut_at_the_best_border(text: str, limit: int, ends: str) -> None:
    pieces = [text[start:end] for start, end, _ in split_text(text, limit, 0, words)]

    assert len(pieces) > 1
    assert all(piece.endswith(ends) for piece in pieces[:-1])


def test_what_is_said_across_a_border_is_repeated() -> None:
    pieces = list(split_text(LONG, 120, 15, words))

    assert all(LONG[start:before].strip() == PARAGRAPH for (_, before, _), (start, _, _) in pairwise(pieces))


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=6), st.integers(30, 90))
def test_parts_hold_all_inputs_and_keep_to_the_limit(texts: list[str], part_tokens: int) -> None:
    label = 5
    parts = split_inputs(texts, part_tokens, 4, label, words)

    for part in parts:
        assert sum(words(texts[one.input][one.start : one.end]) + label for one in part) <= part_tokens
    for index, text in enumerate(texts):
        passages = [one for part in parts for one in part if one.input == index]
        assert (passages[0].start, passages[-1].end) == (0, len(text))
        assert all(one.start <= before.end for before, one in pairwise(passages))


def test_short_inputs_share_a_part() -> None:
    assert split_inputs(["a b", "c d", "e f"], 14, 0, 5, words) == [
        (Passage(0, 0, 3), Passage(1, 0, 3)),
        (Passage(2, 0, 3),),
    ]


def test_real_tokens() -> None:
    text = "\n\n".join(
        f"Paragraph {i}: the parcel number {i * 7919} came late, as so many did in {i}." for i in range(2000)
    )
    pieces = list(split_text(text, 4000, 100, count_tokens))

    assert len(pieces) == -(-count_tokens(text) // 3800) or len(pieces) == -(-count_tokens(text) // 3900)
    for start, end, tokens in pieces:
        assert count_tokens(text[start:end]) <= tokens <= 4000
