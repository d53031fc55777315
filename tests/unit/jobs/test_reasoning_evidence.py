"""Quotes must be in the inputs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.reasoning_evidence import MAX_QUOTES, QuotableText, checked

INPUTS = {"a": "The lamp came two\nweeks   late. It is broken.", "b": "Lovely lamp!"}


def quote(name: str, text: str) -> dict[str, str]:
    return {"input": name, "quote": text}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is broken.", "It is broken."),
        ("  It is broken. ", "It is broken."),
        ("came two weeks late", "came two\nweeks   late"),
        ("it is broken.", None),
        ("The lamp came late", None),
        ("came twoweeks late", None),
        ("...", None),
        ("", None),
        (" ", None),
    ],
)
def test_a_quote_is_literal_but_for_white_space(text: str, found: str | None) -> None:
    evidence = checked([quote("a", text)], INPUTS)

    assert [(one.input, one.text) for one in evidence.quotes] == ([] if found is None else [("a", found)])
    assert evidence.dropped == (found is None)
    for one in evidence.quotes:
        assert INPUTS["a"][one.start : one.end] == one.text


def test_a_quote_of_another_input_is_moved_there() -> None:
    evidence = checked([quote("a", "Lovely"), quote("none", "broken")], INPUTS)

    assert [(one.input, one.text) for one in evidence.quotes] == [("b", "Lovely"), ("a", "broken")]


def test_each_quote_counts_once() -> None:
    evidence = checked([quote("a", "broken"), quote("a", "broken "), quote("a", "nowhere")], INPUTS)

    assert (len(evidence.quotes), evidence.dropped) == (1, 1)
    assert len(checked([quote("a", "nowhere")] * 1000, INPUTS).quotes) == 0
    assert checked([quote("a", "nowhere")] * 1000, INPUTS).dropped == MAX_QUOTES


@given(st.text(max_size=200), st.data())
def test_every_part_of_a_text_with_a_word_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    span = QuotableText(text).find(part)

    assert (span is not None) == any(character.isalnum() for character in part)
    if span is not None:
        assert text[slice(*span)] == part.strip()


@given(st.text(alphabet="ab \n\t", max_size=60), st.text(alphabet="ab \n\t", max_size=10))
def test_what_is_found_has_the_same_words(text: str, wanted: str) -> None:
    span = QuotableText(text).find(wanted)

    if span is not None:
        assert text[slice(*span)].split() == wanted.split()
    elif wanted.split():
        assert " ".join(wanted.split()) not in text


def test_looking_takes_no_time() -> None:
    text = QuotableText(("a" + " " * 500) * 4000)
    began = time.process_time()

    assert text.find("a b") is None
    assert text.find("a " * 3000 + "b") is None
    assert text.find("a " * 3000) == (0, 3000 * 501 - 500)
    assert time.process_time() - began < 2.0
