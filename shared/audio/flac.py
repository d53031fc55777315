"""The length of a FLAC file, from its header (RFC 9639, section 8.2: the streaminfo block)."""

from pathlib import Path

_HEAD_BYTES = 26


def flac_duration_s(path: Path) -> float:
    """Seconds that the header states, exactly; 0 where there is no FLAC file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return 0.0
    if len(head) < _HEAD_BYTES or head[:4] != b"fLaC":
        return 0.0
    # 20 bits sample rate, 3 channels, 5 bits per sample, 36 number of samples
    fields = int.from_bytes(head[18:26])
    rate_hz = fields >> 44
    return (fields & ((1 << 36) - 1)) / rate_hz if rate_hz else 0.0
