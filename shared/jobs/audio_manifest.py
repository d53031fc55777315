"""What audio-prepare made of a recording: the output of the step `prepare`, which is done before the first round."""

from dataclasses import asdict, dataclass
from typing import Any

from shared.jobs.steps import Outputs

PREPARE_STEP = "prepare"


@dataclass(frozen=True, slots=True)
class ChunkBlob:
    """A part of the recording, as a blob.

    Attributes:
        index: from 0.
        start_s, end_s: seconds of the whole.
        overlap_s: how much of its beginning repeats the end of the chunk before.
        blob: its name in the app's own container.
        size: bytes.
    """

    index: int
    start_s: float
    end_s: float
    overlap_s: float
    blob: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Attributes:

    codec, container: of the recording, as FFmpeg names them.
    source: where it came from; no secrets.
    """

    duration_s: float
    codec: str
    container: str
    chunks: tuple[ChunkBlob, ...]
    source: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {**asdict(self), "chunks": [asdict(chunk) for chunk in self.chunks]}

    @classmethod
    def of(cls, outputs: Outputs) -> "Manifest":
        """The manifest among the outputs of a job's steps."""
        data = outputs[PREPARE_STEP]
        return cls(**{**data, "chunks": tuple(ChunkBlob(**chunk) for chunk in data["chunks"])})
