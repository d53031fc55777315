"""The transcript of a whole recording, as data, JSON and plain text. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from shared.audio.words import joined, plain

_PARAGRAPH_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech.

    Attributes:
        start_s, end_s: in seconds from the beginning of the recording.
        text: on one line, without spaces around it.
    """

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        segments: in the order of their starts.
        duration_s: of the recording.
        language: ISO 639-1 code; None where it isn't known.
    """

    segments: tuple[Segment, ...]
    duration_s: float
    language: str | None = None

    @property
    def text(self) -> str:
        """All of it on one line."""
        return joined(segment.text for segment in self.segments)

    def as_dict(self) -> dict[str, Any]:
        """As the JSON file has it; times to the millisecond."""
        return {
            "text": self.text,
            "language": self.language,
            "duration_s": round(self.duration_s, 3),
            "segments": segments_as_dicts(self.segments),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Transcript":
        """What `as_dict` made."""
        segments = tuple(Segment(s["start_s"], s["end_s"], s["text"]) for s in data["segments"])
        return cls(segments, data["duration_s"], data["language"])

    def to_json(self) -> str:
        """The JSON file."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1) + "\n"

    def to_text(self) -> str:
        """The plain text file: a line for what is said without a pause of two seconds."""
        lines: list[list[Segment]] = []
        for segment in self.segments:
            if lines and segment.start_s - lines[-1][-1].end_s < _PARAGRAPH_PAUSE_S:
                lines[-1].append(segment)
            else:
                lines.append([segment])
        return "".join(f"{joined(s.text for s in line)}\n" for line in lines)


def segments_as_dicts(segments: tuple[Segment, ...]) -> list[dict[str, Any]]:
    """As JSON has them; times to the millisecond."""
    return [{"start_s": round(s.start_s, 3), "end_s": round(s.end_s, 3), "text": s.text} for s in segments]


def segment(start_s: float, end_s: float, text: str) -> Segment | None:
    """A segment of text as a model gives it; None where there is no text."""
    clean = plain(text)
    return Segment(start_s, max(start_s, end_s), clean) if clean else None
