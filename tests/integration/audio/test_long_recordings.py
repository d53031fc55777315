"""Minutes of synthetic speech in parallel chunks: what the seams cost, and that nothing is lost over half an hour."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

import shared.audio.prepare as preparation
from shared.audio.cuts import plan_cuts
from shared.audio.prepare import AudioLimits
from tests.support.audio_world import AudioWorld
from tests.support.speech import Spoken, speak
from tests.support.spoken_sentences import sentences
from tests.support.word_errors import errors_by_word, word_error_rate, word_errors, words_of

pytestmark = pytest.mark.accept

# As the app has them, but for the length of chunks in the shorter runs.
LIMITS = AudioLimits(max_bytes=10**9, max_duration_s=4 * 3600, chunk_s=300, overlap_s=5, timeout_s=300)
WHOLE_S = 800


@dataclass(frozen=True)
class Heard:
    """Attributes: chunks: from where to where, in seconds; text: all of it."""

    chunks: list[tuple[float, float]]
    text: str

    @property
    def seams(self) -> list[tuple[float, float]]:
        """From where to where, in seconds."""
        return [(after[0], before[1]) for before, after in pairwise(self.chunks)]


async def listen(world: AudioWorld, path: Path, chunk_s: float) -> Heard:
    reference = await world.upload(path)
    manifest = await world.prepare(reference, replace(LIMITS, chunk_s=chunk_s))
    driven = await world.run(reference, manifest)
    return Heard([(c["start_s"], c["end_s"]) for c in manifest["chunks"]], driven.result["text"])


def errors_near(spoken: list[Spoken], heard: Heard, seams: list[tuple[float, float]], near_s: float) -> int:
    """Wrong words in the sentences of which something is said in a seam or at most so far from it."""
    errors = iter(errors_by_word(" ".join(s.text for s in spoken), heard.text))
    counted = 0
    for sentence in spoken:
        wrong = sum(next(errors) for _ in words_of(sentence.text))
        if any(sentence.start_s < end_s + near_s and sentence.end_s > start_s - near_s for start_s, end_s in seams):
            counted += wrong
    return counted


@dataclass
class Tally:
    """Wrong words of one way to cut, over several recordings.

    Attributes:
        added: of those near the seams, how many more there are than in the unsplit files.
    """

    words: int = 0
    wrong: int = 0
    seams: int = 0
    added: int = 0

    def __str__(self) -> str:
        at_seams = f", {self.added:+d} errors at {self.seams} seams" if self.seams else ""
        return f"WER {self.wrong / self.words:.2%}{at_seams}"


async def test_seams_add_no_error(
    world: AudioWorld, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Three times five minutes and more, cut into minutes: in pauses, and where there seem to be none.

    A recogniser hears a sentence well or badly by chance, as it seems, depending on what came before it in the same
    chunk; therefore the errors of three recordings are added up.
    """
    unsplit, in_pauses, in_mid_speech = Tally(), Tally(), Tally()
    for seed in (1, 2, 3):
        path = tmp_path / f"speech-{seed}.wav"
        spoken = speak(sentences(100, seed=seed), path, pause_s=0.3, words_per_minute=160)
        assert spoken[-1].end_s > 300
        whole = await listen(world, path, WHOLE_S)
        assert len(whole.chunks) == 1
        count(unsplit, spoken, whole, whole, 0.0)

        split = await listen(world, path, 60)
        assert len(split.chunks) >= 6
        assert all(start_s == end_s for start_s, end_s in split.seams)
        count(in_pauses, spoken, split, whole, 5.0)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(preparation, "plan_cuts", lambda duration_s, _, *rest: plan_cuts(duration_s, [], *rest))
            split = await listen(world, path, 60)
        assert all(end_s - start_s == pytest.approx(5.0, abs=0.002) for start_s, end_s in split.seams)
        count(in_mid_speech, spoken, split, whole, 0.0)

    record_property("figures", f"unsplit {unsplit}; in pauses {in_pauses}; in mid-speech {in_mid_speech}")
    assert in_pauses.added <= 0
    assert in_pauses.wrong <= unsplit.wrong
    # Where speech is cut, one chunk ends and the other begins within a sentence, which costs the recogniser something.
    assert in_mid_speech.added <= in_mid_speech.seams
    assert in_mid_speech.wrong <= 0.05 * in_mid_speech.words


def count(tally: Tally, spoken: list[Spoken], heard: Heard, whole: Heard, near_s: float) -> None:
    truth = " ".join(sentence.text for sentence in spoken)
    tally.words += len(words_of(truth))
    tally.wrong += word_errors(truth, heard.text)
    tally.seams += len(heard.seams)
    tally.added += errors_near(spoken, heard, heard.seams, near_s) - errors_near(spoken, whole, heard.seams, near_s)


async def test_half_an_hour(world: AudioWorld, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    path = tmp_path / "speech.wav"
    spoken = speak(sentences(560, seed=2), path, pause_s=0.3, words_per_minute=160)
    assert spoken[-1].end_s > 1800
    reference = await world.upload(path)

    started = time.monotonic()
    manifest = await world.prepare(reference)
    prepared = time.monotonic()
    driven = await world.run(reference, manifest)
    ended = time.monotonic()

    assert len(manifest["chunks"]) >= 6
    assert world.most_at_once == len(manifest["chunks"])
    text, _ = await world.file(driven.result["files"]["txt"])
    rate = word_error_rate(" ".join(sentence.text for sentence in spoken), text)
    assert rate <= 0.05
    assert driven.result["duration_s"] == pytest.approx(spoken[-1].end_s, abs=0.1)
    record_property(
        "figures",
        f"{spoken[-1].end_s / 60:.1f} minutes in {len(manifest['chunks'])} parallel chunks, WER {rate:.2%}; prepared "
        f"in {prepared - started:.1f} s, transcribed and merged in {ended - prepared:.1f} s",
    )
