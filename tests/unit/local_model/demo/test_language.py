"""Which language short texts are in."""

from pathlib import Path

import pytest

from local.model.demo.language import LANGUAGES
from local.model.demo.reading import Tools

ROOT = Path(__file__).parents[4]
SENTENCES = [
    tuple(line.split("\t"))
    for line in (ROOT / "tests/data/short_sentences.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def test_every_language_has_short_sentences() -> None:
    assert {language for language, _ in SENTENCES} == set(LANGUAGES)
    assert len(SENTENCES) == 86


def test_short_sentences(tools: Tools) -> None:
    wrong = [(said, tools.detector.detect(said), language) for language, said in SENTENCES]
    assert [one for one in wrong if one[1] != one[2]] == []


@pytest.mark.parametrize("text", ["", "12345", "fantastic bargain!", "hooray!", "(laptop, intel p4-2.0, xp os)."])
def test_what_could_be_in_many_languages_is_taken_for_english(text: str, tools: Tools) -> None:
    assert tools.detector.detect(text) == "en"


def test_long_texts_need_no_bias(tools: Tools) -> None:
    for language in LANGUAGES:
        text = " ".join(said for of, said in SENTENCES if of == language)
        assert tools.detector.detect(text) == language
