"""Transcripts: what is written is read back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.audio.transcript import Segment, Transcript, segment
from shared.audio.words import joined, plain, word_key, word_spans

texts = st.text(max_size=120).map(plain).filter(bool)
times = st.floats(0, 500_000).map(lambda s: round(s, 3))


@st.composite
def transcripts(draw: st.DrawFn, texts: st.SearchStrategy[str] = texts) -> Transcript:
    starts = sorted(draw(st.lists(times, max_size=8)))
    segments = tuple(Segment(start, round(start + draw(st.floats(0, 60)), 3), draw(texts)) for start in starts)
    return Transcript(segments, draw(times), draw(st.sampled_from([None, "en", "de"])))


@given(transcripts())
def test_json_comes_back(transcript: Transcript) -> None:
    text = transcript.to_json()
    text.encode()  # every character can be stored
    assert Transcript.from_dict(json.loads(text)) == transcript


@given(transcripts())
def test_plain_text_has_all_words(transcript: Transcript) -> None:
    written, said = transcript.to_text(), [segment.text for segment in transcript.segments]
    assert "".join(written.split()) == "".join("".join(said).split())


def test_a_pause_begins_a_line() -> None:
    segments = (Segment(0, 2, "One."), Segment(2.5, 4, "Two."), Segment(6, 7, "Three."))
    assert Transcript(segments, 7).to_text() == "One. Two.\nThree.\n"
    assert Transcript(segments, 7).text == "One. Two. Three."


def test_nothing_said_is_nothing_written() -> None:
    silent = Transcript((), 12.0)
    assert (silent.text, silent.to_text()) == ("", "")
    assert json.loads(silent.to_json()) == {"text": "", "language": None, "duration_s": 12.0, "segments": []}


def test_scripts_without_spaces_are_joined_without() -> None:
    assert (
        joined(["\u4eca\u65e5\u306f", "\u5929\u6c17\u3002", "\u3044\u3044"])
        == "\u4eca\u65e5\u306f\u5929\u6c17\u3002\u3044\u3044"
    )
    assert joined(["Hello", "", "you"]) == "Hello you"


def test_a_segment_is_clean() -> None:
    assert segment(1.0, 0.5, " a\n\tb\x00 \ud800c ") == Segment(1.0, 1.0, "a b c")
    assert segment(0, 1, " \n\x07 ") is None


@given(st.text())
def test_words_are_all_of_the_text_but_its_spaces(text: str) -> None:
    clean = plain(text)
    spans = word_spans(clean)
    assert "".join(clean[a:b] for a, b in spans) == clean.replace(" ", "")
    assert [s for s, _ in spans] == sorted({s for s, _ in spans})
    assert all(word_key(clean[a:b]) for a, b in spans)


def test_words_of_scripts_without_spaces_are_characters() -> None:
    text = "\u4eca\u65e5\u306f\u3002 ok \u0e17\u0e35\u0e48"
    assert [text[a:b] for a, b in word_spans(text)] == ["\u4eca", "\u65e5", "\u306f\u3002", "ok", "\u0e17\u0e35\u0e48"]


def test_case_and_punctuation_make_no_other_word() -> None:
    assert word_key("Hello,") == word_key("hello") != word_key("hallo")
    assert word_key("...") == "..."
