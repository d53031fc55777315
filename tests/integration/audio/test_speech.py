"""Synthetic speech, for other tests: is it speech, and where it says it is?"""

import wave
from pathlib import Path

import pytest

from shared.audio.prepare import prepare
from tests.integration.audio.conftest import LIMITS
from tests.support.speech import speak


def test_sentences_follow_each_other(tmp_path: Path) -> None:
    sentences = ["One.", "The second sentence is a good deal longer than the first.", "Three."]
    spoken = speak(sentences, tmp_path / "speech.wav", pause_s=0.5)
    with wave.open(str(tmp_path / "speech.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        assert file.getnframes() / 22_050 == pytest.approx(spoken[-1].end_s)
    assert [sentence.text for sentence in spoken] == sentences
    assert [s.start_s for s in spoken[1:]] == [s.end_s for s in spoken[:-1]]
    lengths = [s.end_s - s.start_s for s in spoken]
    assert lengths[1] > 2 * max(lengths[0], lengths[2])
    assert min(lengths) > 0.7


def test_slower_takes_longer(tmp_path: Path) -> None:
    (slow,) = speak(["A sentence of some words."], tmp_path / "slow.wav", words_per_minute=100)
    (fast,) = speak(["A sentence of some words."], tmp_path / "fast.wav", words_per_minute=200)
    assert slow.end_s > 1.3 * fast.end_s


def test_unknown_voices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the voice nobody"):
        speak(["Hello."], tmp_path / "speech.wav", voice="nobody")


async def test_its_pauses_are_found(ffmpeg: Path, folder: Path, tmp_path: Path) -> None:
    """Each cut is in the silence after a sentence."""
    path = tmp_path / "speech.wav"
    spoken = speak([f"Number {i} says a few words" for i in range(30)], path)
    prepared = await prepare(path, folder, ffmpeg, LIMITS)
    assert len(prepared.chunks) > 2
    for chunk in prepared.chunks[1:]:
        assert min(abs(chunk.start_s - (sentence.end_s - 0.25)) for sentence in spoken) < 0.25
