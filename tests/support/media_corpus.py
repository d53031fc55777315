"""Broken, truncated, mislabelled and hostile media files: the same ones every time.

Made of a good recording in every accepted format (tests/support/media.py), damaged with a seeded generator, and of what
no encoder makes (tests/support/media_forging.py).
"""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import media, media_forging

_CUTS = 5  # of each file


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file of the corpus.

    Attributes:
        codes: of the errors that it may end with; None where it may also be good enough, or fail in any way.
    """

    path: Path
    codes: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return self.path.name


def make_corpus(speech: Path, folder: Path, port: int, seed: int = 0) -> list[MediaFile]:
    """Write the corpus.

    Args:
        speech: some seconds of a recording.
        port: of 127.0.0.1, which some of the files name.
        seed: of what is damaged, and where files are cut.
    """
    good = {name: media.encode(speech, folder, name) for name in media.FORMATS}
    noise = random.Random(seed)
    kinds = (
        _cut(good, folder, noise),
        _flipped(good, folder, noise),
        _holes(good, folder),
        _crossed(good, folder),
        _mislabelled(good, folder),
        _forged(good["wav"], folder, port),
        _made(good, speech, folder),
    )
    return [file for kind in kinds for file in kind]


def _write(folder: Path, name: str, content: bytes, *codes: str) -> MediaFile:
    path = folder / name
    assert not path.exists(), name
    path.write_bytes(content)
    return MediaFile(path, frozenset(codes) or None)


def _cut(good: dict[str, Path], folder: Path, noise: random.Random) -> Iterator[MediaFile]:
    """Within the head, and at other places."""
    for name, path in good.items():
        content = path.read_bytes()
        for i in range(_CUTS):
            size = noise.randrange(1, len(content) if i else 1000)
            yield _write(folder, f"cut_{i}.{name}", content[:size])


def _flipped(good: dict[str, Path], folder: Path, noise: random.Random) -> Iterator[MediaFile]:
    """One byte in a thousand, one in thirty, and some of the head."""
    for name, path in good.items():
        content = path.read_bytes()
        for every, end in ((1000, len(content)), (30, len(content)), (20, 600)):
            broken = bytearray(content)
            for _ in range(max(3, end // every)):
                broken[noise.randrange(min(end, len(broken)))] = noise.randrange(256)
            yield _write(folder, f"flipped_{every}.{name}", bytes(broken))


def _holes(good: dict[str, Path], folder: Path) -> Iterator[MediaFile]:
    """A part in the middle is missing, or is all zeros."""
    for name, path in good.items():
        content = path.read_bytes()
        begin, end = len(content) * 2 // 5, len(content) * 3 // 5
        yield _write(folder, f"hole.{name}", content[:begin] + content[end:])
        yield _write(folder, f"zeros.{name}", content[:begin] + bytes(end - begin) + content[end:])


def _crossed(good: dict[str, Path], folder: Path) -> Iterator[MediaFile]:
    """The head of one with the body of another."""
    names = list(good)
    for i, name in enumerate(names):
        other = names[(i + 7) % len(names)]
        content = good[name].read_bytes()[:1000] + good[other].read_bytes()[1000:]
        yield _write(folder, f"head_{name.replace('.', '_')}.{other}", content)


def _mislabelled(good: dict[str, Path], folder: Path) -> Iterator[MediaFile]:
    for name, ending in (("mp3", "wav"), ("wav", "mp3"), ("m4a", "flac"), ("webm", "m4a"), ("mp4", "txt")):
        path = folder / f"mislabelled_{name}.{ending}"
        shutil.copyfile(good[name], path)
        yield MediaFile(path)


def _forged(existing: Path, folder: Path, port: int) -> Iterator[MediaFile]:
    for name, content in media_forging.pointers(port, str(existing)).items():
        yield _write(folder, f"pointer_{name}", content, "audio_unreadable")
    for name, content in media_forging.others().items():
        yield _write(folder, f"other_{name}", content, "audio_unreadable")
    for name, content in media_forging.liars().items():
        yield _write(folder, f"liar_{name}", content)
    for ending in ("wav", "mp3", "mp4"):
        yield _write(folder, f"empty.{ending}", b"", "audio_empty")


def _made(good: dict[str, Path], speech: Path, folder: Path) -> Iterator[MediaFile]:
    """What an encoder does make, and nobody can transcribe; or that is odd."""
    for ending in ("wav", "mp3", "flac", "webm", "m4a"):
        silent = media.make(folder / f"silent.{ending}", "anullsrc=d=3")
        yield MediaFile(silent, frozenset({"audio_silent"}))
    for ending in ("mp4", "mkv", "avi"):
        mute = media.make(folder / f"mute.{ending}", "testsrc=size=64x64:rate=5:duration=2")
        yield MediaFile(mute, frozenset({"audio_no_stream"}))
    for ending in ("wav", "flac", "m4a"):
        short = media.make(folder / f"short.{ending}", "sine=d=0.01")
        yield MediaFile(short, frozenset({"audio_zero_length"}))
    for codec in ("dca", "truehd"):
        path = folder / f"{codec}.mkv"
        media.run("-i", speech, "-strict", "-2", "-ar", "48000", "-c:a", codec, path)
        yield MediaFile(path, frozenset({"audio_codec_unsupported"}))
    attached = folder / "attached.mkv"
    media.run("-i", good["mp3"], "-attach", good["wav"], "-metadata:s:t", "mimetype=text/plain", "-c", "copy", attached)
    yield MediaFile(attached)
    encrypted = folder / "encrypted.mp4"
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0" * 32, "-encryption_kid", "1" * 32)
    media.run("-i", good["m4a"], "-c", "copy", *key, encrypted)
    yield MediaFile(encrypted)
    gap = folder / "gap.mkv"
    media.run("-i", good["mp3"], "-c", "copy", "-bsf:a", "setts=ts='if(gt(N,30),TS+90000000,TS)'", gap)
    yield MediaFile(gap)
    changing = b"".join(
        media.make(folder / f"part_{rate}.mp3", f"sine=d=1:sample_rate={rate}").read_bytes() for rate in (44100, 16000)
    )
    yield _write(folder, "changing.mp3", changing * 3)
    # The length that the header of a movie states, in its time scale (ISO/IEC 14496-12, section 8.2.2).
    movie = bytearray(good["faststart.m4a"].read_bytes())
    head = movie.index(b"mvhd")
    movie[head + 20 : head + 24] = b"\xff\xff\xff\xf0"
    yield _write(folder, "long_movie.m4a", bytes(movie))
