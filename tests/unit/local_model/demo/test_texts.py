"""Finding and splitting texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.model.demo.keywords import keywords
from local.model.demo.texts import clauses, sentences, shortened, spread_order, user_text


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([user("plain")], "plain"),
        ([user("before\n<<<DATA\nthe text\nDATA>>>\nafter")], "the text"),
        ([user("<<<DATA\nold\nDATA>>> <<<DATA\nnew\nDATA>>>")], "new"),
        ([user("<<<DATA\nthe text\nDATA>>>"), {"role": "assistant", "content": "no"}, user("try again")], "the text"),
        ([user([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}])], "a\nb"),
        ([user("DATA>>> upside down <<<DATA")], "DATA>>> upside down <<<DATA"),
        ([{"role": "system", "content": "x"}], ""),
        ([user(None)], ""),
    ],
)
def test_user_text(messages: list[dict[str, Any]], text: str) -> None:
    assert user_text(messages) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 euros. Fine.", ["It costs 3.50 euros.", "Fine."]),
        ("一つ目です。二つ目です！", ["一つ目です。", "二つ目です！"]),  # noqa: RUF001 - Japanese punctuation
        ('He said "no." Then he left.', ['He said "no.', "Then he left."]),
        ("line one\n\nline two", ["line one", "line two"]),
        ("... !!!", []),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("The food was good, but the service was slow.", ["The food was good", "but the service was slow."]),
        ("Das Essen war gut, aber zu spät.", ["Das Essen war gut", "aber zu spät."]),
        ("It is big, red and loud.", ["It is big, red and loud."]),
        ("Yes, but no.", ["Yes, but no."]),
    ],
)
def test_clauses(sentence: str, parts: list[str]) -> None:
    assert clauses(sentence) == parts


@given(st.text())
def test_any_text_is_split_without_inventing_anything(text: str) -> None:
    for sentence in sentences(text):
        assert sentence in text.replace("\x00", " ")
        assert all(clause in sentence for clause in clauses(sentence))


@given(st.integers(0, 300))
def test_spread_order_is_a_permutation_that_begins_with_the_ends(count: int) -> None:
    order = spread_order(count)

    assert sorted(order) == list(range(count))
    assert order[:2] == [0, count - 1][: min(count, 2)]


@given(st.text(), st.integers(1, 50))
def test_shortened_is_short(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit


def test_shortened_cuts_between_words() -> None:
    assert shortened("The quick brown fox, running", 22) == "The quick brown fox…"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The battery, the BATTERY and the charger. It is a battery!", ["battery", "charger"]),
        ("Der Akku ist nach einer Stunde leer und der Akku wird heiß.", ["akku", "stunde"]),
        ("電池がすぐ切れる。電池を交換した。", ["電池", "交換"]),
        ("it is what it is", []),
    ],
)
def test_keywords(text: str, words: list[str]) -> None:
    assert keywords(text, 2) == words
