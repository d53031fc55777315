"""Answers at once with fixed values: for load tests and benchmarks, where the limits matter and the answers don't."""

import hashlib
import json
import random
from collections.abc import Sequence
from typing import Any, override

from local.model.engines.protocol import ChatCall, ChatResult, Engine, Segment, Transcript
from local.model.schema_filler import Field, Values, fill
from local.model.schema_numbers import NumberRange

MODEL_NAME = "sluice-instant-engine (fixed answers for load tests)"
_DIMENSIONS = 384
_TEXT = "A fixed answer."


class FixedValues(Values):
    """The first option, the least number, one element."""

    @override
    def text(self, field: Field, limit: int | None) -> str:
        return _TEXT[:limit]

    @override
    def number(self, field: Field, allowed: NumberRange) -> float:
        return 0.0

    @override
    def boolean(self, field: Field) -> bool:
        return False

    @override
    def choose(self, field: Field, options: Sequence[Any], most: int) -> list[Any]:
        return [options[0]]

    @override
    def count(self, field: Field, least: int, most: int) -> int:
        return max(least, min(1, most))

    @override
    def element(self, field: Field, index: int) -> "FixedValues":
        return self


class InstantEngine(Engine):
    """Needs no model and no time."""

    name = "instant"

    @override
    async def chat(self, call: ChatCall) -> ChatResult:
        """See Engine."""
        kind = (call.response_format or {}).get("type", "text")
        text = _TEXT
        if call.response_format and kind == "json_schema":
            text = json.dumps(fill(call.response_format["json_schema"].get("schema", {}), FixedValues()))
        elif kind == "json_object":
            text = json.dumps({"answer": _TEXT})
        return ChatResult(texts=[text] * call.choices, model=MODEL_NAME)

    @override
    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See Engine. Random directions, the same for the same text: near means nothing."""
        return [_direction(text) for text in texts]

    @override
    async def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """See Engine."""
        return Transcript((Segment(0.0, 1.0, f" {_TEXT}"),), flac_duration_s(audio) or 1.0)

    @override
    async def close(self) -> None:
        """See Engine."""


def flac_duration_s(audio: bytes) -> float | None:
    """Seconds, as a FLAC file says (RFC 9639, section 8.2); None where it doesn't, or for another file."""
    if len(audio) < 26 or audio[:4] != b"fLaC":
        return None
    facts = int.from_bytes(audio[18:26])  # 20 bits of sample rate, 8 of channels and depth, 36 of samples
    rate_hz, samples = facts >> 44, facts & (1 << 36) - 1
    return samples / rate_hz if rate_hz and samples else None


def _direction(text: str) -> list[float]:
    rng = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())
    numbers = [rng.gauss(0, 1) for _ in range(_DIMENSIONS)]
    norm = sum(number * number for number in numbers) ** 0.5
    return [number / norm for number in numbers]
