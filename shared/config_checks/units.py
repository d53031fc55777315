"""What number is meant by a value in another unit or notation."""

import re

from shared.config_checks.given import seconds_of
from shared.config_setting import Setting

_NUMBER = re.compile(r"(-?[\d.,_' ]*\d)\s*([A-Za-zµ]*)")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_GROUPED = re.compile(r"-?\d{1,3}([,_' .]\d{3})+")
_SECONDS = {
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
_BYTES = {
    **dict.fromkeys(("b", "byte", "bytes"), 1.0),
    **dict.fromkeys(("k", "kb"), 1e3),
    **dict.fromkeys(("m", "mb"), 1e6),
    **dict.fromkeys(("g", "gb"), 1e9),
    **dict.fromkeys(("t", "tb"), 1e12),
    "kib": 1024.0,
    "mib": 1024.0**2,
    "gib": 1024.0**3,
}
_COUNTS = {**dict.fromkeys(("k", "thousand"), 1e3), **dict.fromkeys(("m", "mio", "million"), 1e6)}
_SECONDS_OF_UNIT = {"seconds": 1.0, "minutes": 60.0, "days": 86_400.0}
_GUESSES = {  # what a bare number that is out of range may be in
    "seconds": (("milliseconds", 0.001), ("hours", 3600.0), ("minutes", 60.0)),
    "minutes": (("seconds", 1 / 60),),
    "days": (("hours", 1 / 24), ("seconds", 1 / 86_400)),
    "bytes": (("megabytes", 1e6), ("gigabytes", 1e9), ("kilobytes", 1e3)),
}

# Below these a value is allowed, but nearly always meant in a larger unit.
_USUAL = {
    "AZURE_OPENAI_TIMEOUT_S": (5.0, "minutes", 60.0),
    "AZURE_OPENAI_REASONING_TIMEOUT_S": (11.0, "minutes", 60.0),
    "AZURE_OPENAI_TRANSCRIPTION_TIMEOUT_S": (11.0, "minutes", 60.0),
    "AUDIO_MAX_DURATION_S": (25.0, "hours", 3600.0),
    "AUDIO_FFMPEG_TIMEOUT_S": (11.0, "minutes", 60.0),
    "AUDIO_MAX_BYTES": (100_000.0, "megabytes", 1e6),
    "SLUICE_MAX_BODY_BYTES": (64_000.0, "kilobytes", 1e3),
    "SLUICE_LOGS_ROTATION_BYTES": (64_000.0, "kilobytes", 1e3),
    "SLUICE_LOGS_MAX_DISK_BYTES": (1_000_000.0, "kilobytes", 1e3),
}


def meant(setting: Setting, value: str) -> tuple[str, float] | None:
    """What a wrong value of a number is probably: how it is written, and the number in the setting's own unit.

    Returns:
        None where nothing within the setting's range can be meant.
    """
    for how, number in _readings(setting, value):
        if _within(setting, number):
            return how, _rounded(number)
    return None


def unusual(setting: Setting, value: str) -> tuple[str, float] | None:
    """The same for a value that is allowed, but much smaller than anybody needs."""
    usual = _USUAL.get(setting.name)
    number = _float(value)
    if usual is None or number is None or number >= usual[0]:
        return None
    least, unit, factor = usual
    return (unit, _rounded(number * factor)) if number * factor >= least and _within(setting, number * factor) else None


def _readings(setting: Setting, value: str) -> list[tuple[str, float]]:
    unit = setting.measure
    scale = _SECONDS_OF_UNIT.get(unit)
    found: list[tuple[str, float]] = []
    if scale is not None:
        span = seconds_of(value) if ":" in value else _iso_s(value)
        if span is not None:
            found.append(("a time span", span / scale))
    match = _NUMBER.fullmatch(value)
    if match is None:
        return found
    number, suffix = _float(_plain(match[1])), match[2].lower()
    if number is None:
        return found
    if not suffix:
        found.append(("grouped digits", number))
        found += [(guess, number * factor) for guess, factor in _GUESSES.get(unit, ())]
    elif scale is not None and suffix in _SECONDS:
        found.append(("a number with a unit", number * _SECONDS[suffix] / scale))
    elif unit == "bytes" and suffix in _BYTES:
        found.append(("a number with a unit", number * _BYTES[suffix]))
    elif scale is None and unit != "bytes" and suffix in _COUNTS:
        found.append(("a number with a unit", number * _COUNTS[suffix]))
    return found


def _plain(text: str) -> str:
    return re.sub(r"[,_' .]", "", text) if _GROUPED.fullmatch(text) else text.replace(",", ".").replace("_", "")


def _iso_s(text: str) -> float | None:
    match = _ISO.fullmatch(text.upper())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int((part or "0")[:9]) for part in match.groups())
    return 86_400.0 * days + 3600.0 * hours + 60.0 * minutes + seconds


def _within(setting: Setting, number: float) -> bool:
    low = float("-inf") if setting.low is None else setting.low
    high = float("inf") if setting.high is None else setting.high
    return low <= number <= high


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _rounded(number: float) -> float:
    return round(number, 3)
