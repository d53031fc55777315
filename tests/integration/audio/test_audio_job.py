"""Audio jobs from a blob to their files: real storage, FFmpeg and Whisper; only the orchestration is missing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import shared.audio.prepare as preparation
from shared.audio.cuts import plan_cuts
from shared.audio.errors import SilentAudioError
from shared.audio.prepare import AudioLimits
from shared.audio.transcript import Transcript
from shared.storage.audio_files import MissingAudioError
from tests.support import media
from tests.support.audio_world import AudioWorld
from tests.support.subtitles import read_srt, read_vtt
from tests.support.word_errors import word_error_rate, words_of

SAID = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
LIMITS = AudioLimits(max_bytes=10_000_000, max_duration_s=60, chunk_s=30, overlap_s=2.0, timeout_s=60)


async def test_a_real_voice(world: AudioWorld) -> None:
    reference = await world.upload(media.JFK)
    manifest = await world.prepare(reference)
    assert (manifest["container"], manifest["codec"]) == ("flac", "flac")
    assert manifest["source"]["container"] == world.inbox
    assert len(await world.chunks_left()) == 1

    driven = await world.run(reference, manifest, analyse="feedback", timestamps=True, audio_id="jfk")
    result = driven.result
    assert word_error_rate(SAID, result["text"]) <= 0.05
    assert (result["audio_id"], result["language"], result["chunks"]) == ("jfk", "en", 1)
    assert result["duration_s"] == pytest.approx(11.0, abs=0.1)
    assert result["analysis"]["feedback"]["sentiment"]["label"] in ("positive", "neutral", "negative", "mixed")
    assert await world.chunks_left() == []
    await _check_files(world, result)


async def _check_files(world: AudioWorld, result: dict[str, Any]) -> None:
    """All four say the same."""
    texts = {}
    for ending, content_type in (
        ("json", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
        ("srt", "application/x-subrip; charset=utf-8"),
        ("vtt", "text/vtt; charset=utf-8"),
    ):
        texts[ending], found = await world.file(result["files"][ending])
        assert found == content_type
    transcript = Transcript.from_dict(json.loads(texts["json"]))
    assert transcript.text == result["text"]
    assert result["segments"] == json.loads(texts["json"])["segments"]
    assert words_of(texts["txt"]) == words_of(result["text"])
    for cues in (read_srt(texts["srt"]), read_vtt(texts["vtt"])):
        assert words_of(" ".join(line for cue in cues for line in cue.lines)) == words_of(result["text"])
        assert cues[0].start_ms == round(transcript.segments[0].start_s * 1000)
        assert cues[-1].end_ms <= result["duration_s"] * 1000 + 1


async def test_two_chunks_that_meet_in_a_pause(world: AudioWorld) -> None:
    reference = await world.upload(media.JFK)
    manifest = await world.prepare(reference, replace(LIMITS, chunk_s=8.0))
    assert [chunk["overlap_s"] for chunk in manifest["chunks"]] == [0.0, 0.0]
    driven = await world.run(reference, manifest, timestamps=True)
    assert driven.names == [["transcribe-0001", "transcribe-0002"]]
    assert word_error_rate(SAID, driven.result["text"]) <= 0.05
    await _check_files(world, driven.result)


async def test_two_chunks_that_overlap(world: AudioWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "plan_cuts", lambda duration_s, _, *rest: plan_cuts(duration_s, [], *rest))
    reference = await world.upload(media.JFK)
    manifest = await world.prepare(reference, replace(LIMITS, chunk_s=8.0))
    assert [chunk["overlap_s"] for chunk in manifest["chunks"]] == [0.0, 2.0]
    driven = await world.run(reference, manifest, timestamps=True)
    assert word_error_rate(SAID, driven.result["text"]) <= 0.05
    await _check_files(world, driven.result)


async def test_a_summary(world: AudioWorld) -> None:
    reference = await world.upload(media.JFK)
    driven = await world.run(reference, await world.prepare(reference), analyse="summary", language="en")
    assert driven.names == [["transcribe-0001"], ["summary"]]
    summary = driven.result["analysis"]["summary"]
    assert set(summary) == {"summary", "key_points", "action_items", "topics", "language", "profile_version"}
    assert "country" in summary["summary"]


async def test_prepared_again_it_is_the_same(world: AudioWorld) -> None:
    reference = await world.upload(media.JFK)
    assert await world.prepare(reference) == await world.prepare(reference)
    assert len(await world.chunks_left()) == 1


async def test_what_can_not_be_prepared_leaves_nothing(world: AudioWorld, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    media.run("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "2", silence)
    with pytest.raises(SilentAudioError):
        await world.prepare(await world.upload(silence))
    with pytest.raises(MissingAudioError):
        await world.prepare(f"{world.inbox}/none.mp3")
    assert await world.chunks_left() == []
    assert [path for path in world.folder.iterdir() if path.is_dir()] == []


async def test_sound_without_speech_is_no_failure(world: AudioWorld, tmp_path: Path) -> None:
    """What Whisper makes of it is its own affair; the job has to end well."""
    noise = tmp_path / "noise.wav"
    media.run("-f", "lavfi", "-i", "anoisesrc=r=16000:a=0.1:seed=1", "-t", "3", noise)
    reference = await world.upload(noise)
    driven = await world.run(reference, await world.prepare(reference), analyse="summary", timestamps=True)
    assert isinstance(driven.result["text"], str)
    assert driven.result["analysis"] is None or driven.result["text"]
