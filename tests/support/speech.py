"""Synthetic speech, offline: eSpeak NG, whose library and data the package espeakng-loader brings."""

import ctypes
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Of speak_lib.h, API revision 12.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE = 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence, and where it is in the file."""

    text: str
    start_s: float
    end_s: float


def speak(
    sentences: Iterable[str], path: Path, *, pause_s: float = 0.4, voice: str = "en-us", words_per_minute: int = 150
) -> list[Spoken]:
    """Write sentences, one after the other, to a WAV file: 22,050 Hz, mono, 16 bits. An hour takes some 4 s.

    Args:
        pause_s: silence after each sentence, besides the tenths of a second that the voice itself leaves.

    Returns:
        The sentences, each to the end of its pause.
    """
    espeak = _espeak()
    espeak.set_voice(voice, words_per_minute)
    spoken: list[Spoken] = []
    frames = 0
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, espeak.rate_hz, 0, "NONE", ""))
        for text in sentences:
            samples = espeak.samples(text) + bytes(2 * round(pause_s * espeak.rate_hz))
            file.writeframes(samples)
            start, frames = frames, frames + len(samples) // 2
            spoken.append(Spoken(text, start / espeak.rate_hz, frames / espeak.rate_hz))
    return spoken


class _Espeak:
    """The library: one voice and one text at a time in a process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate_hz: int = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate_hz <= 0:
            raise RuntimeError(f"eSpeak NG did not start with the data in {data.decode()}")
        self._samples = bytearray()
        self._callback = _Callback(self._take)  # kept, as the library calls it
        self._library.espeak_SetSynthCallback(self._callback)

    def set_voice(self, name: str, words_per_minute: int) -> None:
        _check(self._library.espeak_SetVoiceByName(name.encode()), f"the voice {name}")
        _check(self._library.espeak_SetParameter(_RATE, words_per_minute, 0), f"{words_per_minute} words a minute")

    def samples(self, text: str) -> bytes:
        self._samples.clear()
        encoded = text.encode()
        _check(
            self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None), text
        )
        _check(self._library.espeak_Synchronize(), text)
        return bytes(self._samples)

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: int) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, count * 2)
        return 0


def _check(code: int, what: str) -> None:
    if code != 0:
        raise RuntimeError(f"eSpeak NG refused {what} (code {code})")


@cache
def _espeak() -> _Espeak:
    return _Espeak()
