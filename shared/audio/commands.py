"""FFmpeg's arguments for each of its runs."""

from pathlib import Path

from shared.audio.accepted import CODECS, CONTAINERS
from shared.audio.levels import FRAME_S

RATE_HZ = 16_000
MAX_ERROR_RATE = 0.1  # share of frames that may be damaged

_MAX_BLOCK_BYTES = 256 * 1024 * 1024  # of memory, for what a header of a few bytes may ask for
_MONO = f"aformat=sample_rates={RATE_HZ}:channel_layouts=mono"
# Both measure while they pass samples on: loudness by EBU R 128 for the log, and the level of each frame for standard
# output.
_MEASURE = (
    f"ebur128=framelog=verbose,asetnsamples=n={round(RATE_HZ * FRAME_S)}:p=0,"
    "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=RMS_level,"
    "ametadata=print:key=lavfi.astats.Overall.RMS_level:file=pipe\\\\:1"
)


def look_at(source: Path) -> list[str]:
    """Open a file and describe it in the log. Ends with an error, as no output is asked for."""
    return _unchecked_input(source)


def decode(source: Path, stream: int, longest_s: float, whole: Path) -> list[str]:
    """Decode one stream into 16 kHz mono, measuring it on the way. Stops at `longest_s`.

    Timestamps are made anew from the number of samples: what the file says of them may jump anywhere.
    """
    filters = f"{_MONO},asetpts=N/SR/TB,atrim=end={longest_s:.3f},{_MEASURE},aformat=sample_fmts=s16"
    return [
        *("-max_error_rate", str(MAX_ERROR_RATE)),
        *_unchecked_input(source),
        *("-map", f"0:{stream}", "-vn", "-sn", "-dn", "-af", filters),
        *_flac_output(whole),
    ]


def cut(whole: Path, start_s: float, end_s: float, gain_db: float, chunk: Path) -> list[str]:
    """Write a part of what decode() made, louder by `gain_db`. What then exceeds full scale is clipped."""
    return [
        *("-threads", "1", "-ss", f"{start_s:.6f}", "-t", f"{end_s - start_s:.6f}"),
        *("-f", "flac", "-i", f"file:{whole}"),
        *("-af", f"volume={gain_db:.2f}dB:precision=float"),
        *_flac_output(chunk),
    ]


def _unchecked_input(source: Path) -> list[str]:
    """No network, no other file, no rare decoder."""
    decoders = [decoder for names in CODECS.values() for decoder in names]
    return [
        *("-max_alloc", str(_MAX_BLOCK_BYTES)),
        *("-protocol_whitelist", "file,pipe"),
        *("-format_whitelist", ",".join(CONTAINERS)),
        *("-codec_whitelist", ",".join(decoders)),
        *("-threads", "1"),
        *("-i", f"file:{source}"),
    ]


def _flac_output(path: Path) -> list[str]:
    """Without what the source's tags say."""
    return [
        *("-map_metadata", "-1", "-map_chapters", "-1", "-threads", "1"),
        *("-ac", "1", "-ar", str(RATE_HZ), "-c:a", "flac", "-sample_fmt", "s16", "-f", "flac", f"file:{path}"),
    ]
