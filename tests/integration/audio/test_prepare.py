"""From a good file to chunks."""

import asyncio
import itertools
import re
import shutil
from array import array
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from shared.audio.ffmpeg import run_ffmpeg
from shared.audio.flac import flac_duration_s
from shared.audio.prepare import Prepared, prepare
from shared.errors import ConfigurationError, SluiceError
from tests.integration.audio.conftest import LIMITS, names, running_ffmpegs
from tests.support import media

RATE_HZ = 16_000


def joined(prepared: Prepared) -> bytes:
    """The samples of all chunks, without what is in them twice."""
    return b"".join(media.samples(chunk.path)[round(chunk.overlap_s * RATE_HZ) * 2 :] for chunk in prepared.chunks)


async def loudness_lufs(ffmpeg: Path, path: Path) -> float:
    finished = await run_ffmpeg(ffmpeg, ["-i", str(path), "-af", "ebur128=framelog=verbose", "-f", "null", "-"], 30)
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", "\n".join(finished.log))[-1])


@pytest.mark.parametrize("name", sorted(media.FORMATS))
async def test_every_format(ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path, name: str) -> None:
    source = media.encode(speech, tmp_path, name)
    content = source.read_bytes()
    prepared = await prepare(source, folder, ffmpeg, LIMITS)

    assert prepared.duration_s == pytest.approx(4, abs=0.12)  # frames, and what encoders put before them
    (chunk,) = prepared.chunks
    assert (chunk.index, chunk.start_s, chunk.end_s, chunk.overlap_s) == (0, 0, prepared.duration_s, 0)
    assert chunk.size == chunk.path.stat().st_size
    assert flac_duration_s(chunk.path) == prepared.duration_s
    assert await loudness_lufs(ffmpeg, chunk.path) == pytest.approx(-23, abs=0.3)
    assert names(folder) == [chunk.path.name]
    assert source.read_bytes() == content


async def test_what_is_told_of_a_file(ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path) -> None:
    prepared = await prepare(media.encode(speech, tmp_path, "mkv"), folder, ffmpeg, LIMITS)
    assert (prepared.codec, prepared.container) == ("vorbis", "matroska,webm")


async def test_chunks_are_16_khz_mono_16_bit_flac(ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path) -> None:
    source = media.encode(speech, tmp_path, "ogg", "-ac", "2")
    prepared = await prepare(source, folder, ffmpeg, LIMITS)
    finished = await run_ffmpeg(ffmpeg, ["-i", str(prepared.chunks[0].path)], 10)
    assert any("Audio: flac, 16000 Hz, mono, s16" in line for line in finished.log)


async def test_samples_are_the_recordings_own_but_louder(ffmpeg: Path, speech: Path, folder: Path) -> None:
    prepared = await prepare(speech, folder, ffmpeg, LIMITS)
    before, after = array("h", media.samples(speech)), array("h", media.samples(prepared.chunks[0].path))
    loudest = max(range(len(before)), key=lambda i: abs(before[i]))
    gain = after[loudest] / before[loudest]
    assert len(before) == len(after)
    assert gain != pytest.approx(1, abs=0.05)
    assert max(abs(b * gain - a) for b, a in zip(before, after, strict=True)) < 3


async def test_chunks_meet_in_pauses_and_nothing_is_lost(
    ffmpeg: Path, minute: Path, folder: Path, tmp_path: Path
) -> None:
    whole_folder = tmp_path / "whole"
    whole_folder.mkdir()
    whole = await prepare(minute, whole_folder, ffmpeg, replace(LIMITS, chunk_s=150))
    split = await prepare(minute, folder, ffmpeg, replace(LIMITS, chunk_s=20))

    assert len(whole.chunks) == 1
    assert len(split.chunks) >= 5
    assert [chunk.index for chunk in split.chunks] == list(range(len(split.chunks)))
    assert all(chunk.overlap_s == 0 for chunk in split.chunks)
    assert all(chunk.end_s - chunk.start_s <= 20 for chunk in split.chunks)
    assert all(after.start_s == before.end_s for before, after in itertools.pairwise(split.chunks))
    assert joined(split) == joined(whole)
    loud = media.samples(whole.chunks[0].path)
    for chunk in split.chunks[1:]:
        seam = round(chunk.start_s * RATE_HZ) * 2
        assert max(map(abs, array("h", loud[seam - 3200 : seam + 3200]))) < 600, "0.1 s on both sides are quiet"


async def test_chunks_overlap_where_there_is_no_pause(ffmpeg: Path, folder: Path, tmp_path: Path) -> None:
    source = media.make(tmp_path / "noise.wav", "anoisesrc=d=50:a=0.2:seed=1:r=16000")
    prepared = await prepare(source, folder, ffmpeg, replace(LIMITS, chunk_s=20))

    assert [(c.start_s, c.end_s, c.overlap_s) for c in prepared.chunks] == [(0, 20, 0), (18, 34, 2), (32, 50, 2)]
    first, second = (media.samples(chunk.path) for chunk in prepared.chunks[:2])
    assert first[18 * RATE_HZ * 2 :] == second[: 2 * RATE_HZ * 2]
    assert len(joined(prepared)) == 50 * RATE_HZ * 2


async def test_no_chunk_is_larger_than_the_endpoint_takes(ffmpeg: Path, folder: Path, tmp_path: Path) -> None:
    """Noise is what FLAC can't compress."""
    source = media.make(tmp_path / "noise.wav", "anoisesrc=d=60:a=1:seed=1:r=16000")
    prepared = await prepare(source, folder, ffmpeg, replace(LIMITS, chunk_s=600, max_chunk_bytes=500_000))
    assert all(chunk.size <= 500_000 for chunk in prepared.chunks)
    assert max(chunk.size for chunk in prepared.chunks) > 350_000, "and not much smaller than need be"


async def test_the_default_audio_stream_of_several(ffmpeg: Path, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "languages.mkv"
    tones = ("-f", "lavfi", "-i", "sine=300:d=2", "-f", "lavfi", "-i", "sine=3000:d=3")
    video = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:d=3")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-disposition:a:0", "0", "-disposition:a:1", "default")
    media.run(*tones, *video, *maps, "-c:v", "mpeg4", source)
    assert (await prepare(source, folder, ffmpeg, LIMITS)).duration_s == pytest.approx(3, abs=0.1)


async def test_gaps_in_the_timestamps_lose_nothing(ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path) -> None:
    """The second half claims to be played 25 hours later."""
    source = tmp_path / "gap.mkv"
    shift = ("-bsf:a", "setts=ts='if(gt(N,30),TS+90000000,TS)'")
    media.run("-i", media.encode(speech, tmp_path, "no_xing.mp3"), "-c", "copy", *shift, source)
    limits = replace(LIMITS, max_duration_s=200_000)
    assert (await prepare(source, folder, ffmpeg, limits)).duration_s == pytest.approx(4, abs=0.12)


@pytest.mark.parametrize(
    "name",
    [
        "-i.wav",
        "concat:a|b.wav",
        "frame%03d.wav",
        "a b'c\"d;$(id).wav",
        "pipe:0",
        "http:.wav",
        "two\nlines.wav",
        "[info] x.wav",
        "list.m3u8",
    ],
)
async def test_names_mean_nothing(ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    shutil.copyfile(speech, source)
    assert (await prepare(source, folder, ffmpeg, LIMITS)).duration_s == 4


async def test_paths_may_be_relative(
    ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(speech, "speech.wav")
    assert (await prepare(Path("speech.wav"), Path(folder.name), ffmpeg, LIMITS)).duration_s == 4


async def test_cancelled_it_leaves_nothing(ffmpeg: Path, folder: Path, tmp_path: Path) -> None:
    source = media.make(tmp_path / "noise.wav", "anoisesrc=d=300:r=8000")
    task = asyncio.create_task(prepare(source, folder, ffmpeg, replace(LIMITS, chunk_s=10)))
    while "chunk-0001.flac" not in names(folder):  # in the middle of writing chunks
        assert not task.done()
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(folder) == []
    assert running_ffmpegs() == []


async def test_a_full_disk_is_noticed_before_work(
    ffmpeg: Path, speech: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1_000_000, 900_000, 100_000))
    with pytest.raises(SluiceError, match="0 MB free") as caught:
        await prepare(speech, folder, ffmpeg, LIMITS)
    assert caught.value.code == "no_disk_space"
    assert names(folder) == []


async def test_an_old_ffmpeg_is_not_the_recordings_fault(speech: Path, folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "ffmpeg"
    stream = "[info]   Stream #0:0: Audio: pcm_s16le, 8000 Hz, mono, s16"
    old.write_text(
        "#!/bin/sh\necho \"[info] Input #0, wav, from 'file:source':\" >&2\n"
        f"echo '{stream}' >&2\necho \"[AVFilterGraph @ 0x1] [error] No such filter: 'ebur128'\" >&2\nexit 1\n"
    )
    old.chmod(0o755)
    with pytest.raises(ConfigurationError, match="No such filter"):
        await prepare(speech, folder, old, LIMITS)
