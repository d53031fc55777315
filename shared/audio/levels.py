"""How loud a recording is, and where its pauses are. Pure.

A pause is found by the mean level of short frames against the loudness of the whole: so it is found in a quiet or noisy
recording too, and a single click doesn't hide it.
"""

import math
import re
from array import array
from dataclasses import dataclass, field
from itertools import chain

FRAME_S = 0.05
_FLOOR_DB = -120.0  # digital silence has no level
# ITU-R BS.1770: what is quieter than this is no part of the programme ...
_ABSOLUTE_GATE_LUFS = -70.0
# ... and neither is what is so much quieter than the rest. We take it for a pause.
_PAUSE_BELOW_LU = 10.0
_SHORTEST_PAUSE_S = 0.3
_SILENT_DB = -60.0

_LEVEL = "lavfi.astats.Overall.RMS_level="
_LOUDNESS = re.compile(r"\s+I:\s+(-?\d+(?:\.\d+)?) LUFS")


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch without speech, in seconds of the whole."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(slots=True)
class Levels:
    """What the measuring filters of commands.decode() say, read line by line. Takes 4 bytes for each frame.

    Attributes:
        loudness_lufs: of the whole; None where it is too short or too quiet to have one.
        frames_db: mean level of each frame of 50 ms, in dB below full scale.
    """

    loudness_lufs: float | None = None
    frames_db: array[float] = field(default_factory=lambda: array("f"))

    def read_output(self, line: str) -> None:
        """Take in a line of standard output."""
        if line.startswith(_LEVEL):
            try:
                level_db = float(line[len(_LEVEL) :])
            except ValueError:
                return
            self.frames_db.append(max(_FLOOR_DB, level_db) if not math.isnan(level_db) else _FLOOR_DB)

    def read_log(self, line: str) -> None:
        """Take in a line of the log."""
        if match := _LOUDNESS.fullmatch(line):
            loudness = float(match[1])
            self.loudness_lufs = loudness if loudness > _ABSOLUTE_GATE_LUFS else None

    @property
    def silent(self) -> bool:
        """Whether no frame is louder than -60 dB."""
        return all(level_db <= _SILENT_DB for level_db in self.frames_db)

    def pauses(self) -> list[Pause]:
        """The pauses of at least 0.3 s, in order."""
        if not self.frames_db:
            return []
        loudness = self.loudness_lufs if self.loudness_lufs is not None else max(self.frames_db)
        pauses: list[Pause] = []
        quiet = 0
        for i, level_db in enumerate(chain(self.frames_db, [math.inf])):
            if level_db < loudness - _PAUSE_BELOW_LU:
                quiet += 1
                continue
            if quiet * FRAME_S >= _SHORTEST_PAUSE_S:
                pauses.append(Pause(round((i - quiet) * FRAME_S, 3), round(i * FRAME_S, 3)))
            quiet = 0
        return pauses
