"""Seams: what several recognisers heard of one stream of words becomes that stream again."""

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.audio.seams import HeardChunk, merge
from shared.audio.transcript import Segment

VOCABULARY = ["no", "yes", "the", "a", "kettle", "Kettle.", "customer"]


@dataclass(frozen=True)
class Said:
    start_s: float
    end_s: float
    word: str


def seconds(least: float, most: float) -> st.SearchStrategy[float]:
    """Numbers with which floats make no rounding errors: whether a word lies within a chunk is never a close thing."""
    return st.integers(math.ceil(least * 128), math.floor(most * 128)).map(lambda ticks: ticks / 128)


@st.composite
def streams(draw: st.DrawFn, most: int = 40, *, repeats: bool = False) -> list[Said]:
    """Words with their times, one after the other; none of them twice, or of a small vocabulary."""
    words = [str(number) for number in range(draw(st.integers(1, most)))]
    if repeats:
        words = draw(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=most))
    at_s, stream = 0.0, []
    for word in words:
        at_s += draw(st.sampled_from([0, 2, 12, 40])) / 128
        length_s = draw(seconds(0.05, 0.6))
        stream.append(Said(at_s, at_s + length_s, word))
        at_s += length_s
    return stream


@st.composite
def even_streams(draw: st.DrawFn, least: int = 1) -> list[Said]:
    """Words that take about as long to say as they are long to write; none of them twice."""
    at_s, stream = 0.0, []
    for number in range(draw(st.integers(least, 80))):
        word = "kettle"[: draw(st.integers(3, 6))] + str(number)
        length_s = len(word) * draw(st.floats(0.06, 0.09))
        stream.append(Said(at_s, at_s + length_s, word))
        at_s += length_s + draw(st.floats(0.0, 0.1))
    return stream


@st.composite
def chunkings(draw: st.DrawFn, length_s: float, least_overlap_s: float) -> list[tuple[float, float]]:
    """Chunks that cover the whole and overlap."""
    cuts = sorted(draw(st.lists(seconds(0, length_s), max_size=5)))
    chunks, start_s = [], 0.0
    for cut_s in cuts:
        end_s = min(length_s, max(cut_s, start_s + 2 * least_overlap_s))
        chunks.append((start_s, end_s))
        start_s = max(start_s, end_s - draw(seconds(least_overlap_s, 3 * least_overlap_s)))
    return [*chunks, (start_s, length_s)]


def heard(words: list[Said], start_s: float, end_s: float, per_segment: int = 1) -> HeardChunk:
    """What a recogniser hears that makes no mistake: the words that lie wholly within."""
    within = [w for w in words if w.start_s >= start_s and w.end_s <= end_s]
    grouped = [within[i : i + per_segment] for i in range(0, len(within), per_segment)]
    segments = [
        Segment(g[0].start_s - start_s, g[-1].end_s - start_s, " " + " ".join(w.word for w in g)) for g in grouped
    ]
    return HeardChunk(start_s, end_s, segments)


def written(segments: tuple[Segment, ...]) -> list[str]:
    return " ".join(segment.text for segment in segments).split()


@given(data=st.data())
def test_exact_recognisers_lose_and_repeat_nothing(data: st.DataObject) -> None:
    """Whatever is said, also the same word again and again."""
    stream = data.draw(streams(repeats=True))
    length_s = stream[-1].end_s
    chunks = data.draw(chunkings(length_s, least_overlap_s=0.75))
    merged = merge(heard(stream, *chunk) for chunk in chunks)
    assert written(merged) == [w.word for w in stream]
    assert [s.start_s for s in merged] == pytest.approx([w.start_s for w in stream])
    assert [s.end_s for s in merged] == pytest.approx([w.end_s for w in stream])


@given(data=st.data())
def test_cuts_in_silence_need_no_overlap(data: st.DataObject) -> None:
    stream = data.draw(streams(repeats=True))
    ends = data.draw(st.lists(st.sampled_from(stream), max_size=5))
    cuts = sorted({word.end_s for word in ends} - {stream[-1].end_s})
    bounds = [0.0, *cuts, stream[-1].end_s]
    merged = merge(heard(stream, a, b, per_segment=3) for a, b in pairwise(bounds))
    assert written(merged) == [w.word for w in stream]


@given(data=st.data(), per_segment=st.integers(1, 12))
def test_words_are_found_within_segments(data: st.DataObject, per_segment: int) -> None:
    """Segments of several words: when each was said is a guess."""
    stream = data.draw(even_streams())
    chunks = data.draw(chunkings(stream[-1].end_s, least_overlap_s=2.0))
    merged = merge(heard(stream, *chunk, per_segment=per_segment) for chunk in chunks)
    assert written(merged) == [w.word for w in stream]


@given(data=st.data())
def test_models_without_times(data: st.DataObject) -> None:
    """Two chunks of text alone: the end of the one is the beginning of the other."""
    stream = data.draw(even_streams())
    length_s = stream[-1].end_s
    cut_s = data.draw(st.floats(0.0, length_s))
    chunks = [heard(stream, 0.0, min(length_s, cut_s + 1.5)), heard(stream, max(0.0, cut_s - 1.5), length_s)]
    texts = [HeardChunk(c.start_s, c.end_s, (), "".join(s.text for s in c.segments)) for c in chunks]
    assert written(merge(texts)) == [w.word for w in stream]


@given(data=st.data())
def test_what_one_mishears_at_its_edge_the_other_mends(data: st.DataObject) -> None:
    """Both err in the quarter of the overlap that is at their edge: they drop words, or hear others."""
    stream = data.draw(even_streams(least=30))
    length_s = stream[-1].end_s
    overlap_s = data.draw(st.floats(3.0, 6.0))
    start_s = data.draw(st.floats(0.0, length_s - overlap_s))
    end_s = start_s + overlap_s

    def err(word: Said, edge: bool, mistake: str) -> Said | None:
        if not edge:
            return word
        return data.draw(st.sampled_from([word, Said(word.start_s, word.end_s, mistake), None]))

    before = [e for w in stream if (e := err(w, w.end_s > end_s - overlap_s / 4, "mist")) is not None]
    after = [e for w in stream if (e := err(w, w.start_s < start_s + overlap_s / 4, "fog")) is not None]
    per_segment = data.draw(st.integers(1, 5))
    merged = merge([heard(before, 0.0, end_s, per_segment), heard(after, start_s, length_s, per_segment)])
    assert written(merged) == [w.word for w in stream]


@given(data=st.data())
def test_changed_words_are_neither_lost_nor_repeated(data: st.DataObject) -> None:
    """Words that any of them hears wrongly, anywhere, with times that are a little off."""
    words = [f"word{number}" for number in range(data.draw(st.integers(12, 60)))]
    stream = [Said(0.5 * i, 0.5 * i + 0.4, word) for i, word in enumerate(words)]
    chunks = data.draw(chunkings(stream[-1].end_s, least_overlap_s=3.0))

    def misheard(chunk: HeardChunk, mistake: str) -> HeardChunk:
        moved_s = data.draw(st.floats(-0.3, 0.3))
        wrong = {words[i] for i in range(data.draw(st.integers(0, 4)), len(words), 5)}
        segments = [
            Segment(s.start_s + moved_s, s.end_s + moved_s, mistake if s.text.strip() in wrong else s.text)
            for s in chunk.segments
        ]
        return HeardChunk(chunk.start_s, chunk.end_s, segments)

    merged = merge(misheard(heard(stream, *chunk), f"mist{i}") for i, chunk in enumerate(chunks))
    assert all(word.startswith("mist") or word == truth for word, truth in zip(written(merged), words, strict=True))


@given(data=st.data(), off_s=st.floats(-4.0, 4.0))
def test_times_may_be_seconds_off(data: st.DataObject, off_s: float) -> None:
    """As Whisper's are at times: the words tell where they belong."""
    stream = data.draw(even_streams(least=30))
    length_s = stream[-1].end_s
    start_s = data.draw(st.floats(0.0, length_s - 5.0))
    before = heard(stream, 0.0, start_s + 5.0, per_segment=4)
    moved = [Segment(max(0.0, s.start_s + off_s), max(0.0, s.end_s + off_s), s.text) for s in before.segments]
    assume(all(s.start_s < start_s + 5.0 for s in moved))  # else it counts as invented
    merged = merge([HeardChunk(0.0, start_s + 5.0, moved), heard(stream, start_s, length_s, per_segment=4)])
    assert written(merged) == [w.word for w in stream]


def test_what_has_nothing_in_common_is_kept() -> None:
    """One of them missed what the other heard: no time is trusted to say what is repeated."""
    before = HeardChunk(0.0, 10.0, [Segment(6.0, 10.0, " The old man promised the picture for the first time.")])
    after = HeardChunk(8.0, 14.0, [Segment(0.0, 4.0, " My brother found a key at the beginning of September.")])
    assert [s.text for s in merge([before, after])] == [before.segments[0].text.strip(), after.segments[0].text.strip()]


def test_a_seam_within_a_sentence() -> None:
    before = HeardChunk(0.0, 10.0, [Segment(6.0, 10.0, " the kettle is red and it whistles too")])
    after = HeardChunk(8.0, 14.0, [Segment(0.0, 4.0, " And it whistles too loudly for us.")])
    merged = merge([before, after])
    assert [s.text for s in merged] == ["the kettle is red and it whistles", "too loudly for us."]
    assert merged[0].start_s == 6.0
    assert merged[-1].end_s == 12.0
    assert merged[0].end_s == pytest.approx(merged[1].start_s, abs=0.6)


def test_what_begins_beyond_the_end_of_its_chunk_was_invented() -> None:
    invented = [Segment(1.0, 2.0, " Hello."), Segment(5.0, 7.0, " Thank you.")]
    assert merge([HeardChunk(20.0, 25.0, invented)]) == (Segment(21.0, 22.0, "Hello."),)


def test_what_ends_beyond_the_end_of_its_chunk_is_cut_off() -> None:
    heard = [Segment(-0.5, 2.0, " Hello."), Segment(4.0, 9.0, " Bye.")]
    assert merge([HeardChunk(20.0, 25.0, heard)]) == (Segment(20.0, 22.0, "Hello."), Segment(24.0, 25.0, "Bye."))


def test_segments_out_of_order_are_put_in_order() -> None:
    chunk = HeardChunk(0.0, 9.0, [Segment(5.0, 6.0, "b"), Segment(1.0, 2.0, "a"), Segment(7, 7, " ")])
    assert written(merge([chunk])) == ["a", "b"]


def test_nothing_heard() -> None:
    assert merge([]) == ()
    assert merge([HeardChunk(0, 10, (), " \n"), HeardChunk(8, 20, ())]) == ()


def test_silence_on_one_side_of_a_seam() -> None:
    spoken = HeardChunk(0.0, 10.0, [Segment(7.0, 7.5, "yes")])
    assert written(merge([spoken, HeardChunk(8.0, 20.0, ())])) == ["yes"]
    assert written(merge([HeardChunk(0.0, 10.0, ()), HeardChunk(8.0, 12.0, [Segment(3.0, 3.5, "yes")])])) == ["yes"]


@given(
    st.lists(
        st.builds(
            HeardChunk,
            st.floats(0, 100),
            st.floats(0, 100),
            st.lists(st.builds(Segment, st.floats(-5, 50), st.floats(-5, 50), st.text(max_size=20)), max_size=4),
            st.text(max_size=20),
        ),
        max_size=5,
    )
)
def test_anything_merges(chunks: list[HeardChunk]) -> None:
    merged = merge(chunks)
    assert all(s.start_s <= s.end_s and s.text == s.text.strip() != "" for s in merged)
    assert [s.start_s for s in merged] == sorted(s.start_s for s in merged)
