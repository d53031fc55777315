"""What was kept of the steps of a job: a blob each, below the job's own, so that it goes with the job.

The names hold a digest of the body: a replay of the same body finds what was done, one of a mended body doesn't.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from shared.jobs.record import JobRecord
from shared.jobs.steps import PREPARED, Outputs
from shared.storage.payloads import BlobStore


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What came of one step.

    Attributes:
        output: JSON; where it isn't valid yet, the answer that a repair call is to mend is in `draft`.
        draft, draft_error: see Draft.
        input_tokens, output_tokens, audio_s, calls: of all its calls that were answered.
        model: that answered last.
    """

    output: dict[str, Any] | None = None
    draft: str | None = None
    draft_error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    audio_s: float = 0.0
    calls: int = 0
    model: str | None = None


class StepOutputs:
    """Keeps them. All methods raise StorageError when storage fails.

    Args:
        blobs: the app's own container for payloads.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def keep(self, record: JobRecord, step: str, kept: StepRecord) -> None:
        """Keep what came of a step. The last one written stays; all are as good as each other."""
        await self._blobs.write(f"{_prefix(record)}{step}.json", json.dumps(asdict(kept)).encode())

    async def get(self, record: JobRecord, step: str) -> StepRecord:
        """What came of one step; an empty record where it has none."""
        found = await self._load(f"{_prefix(record)}{step}.json")
        return found or StepRecord()

    async def all(self, record: JobRecord) -> dict[str, StepRecord]:
        """By the step's name."""
        prefix = _prefix(record)
        found: dict[str, StepRecord] = {}
        after = None
        while True:
            blobs, after = await self._blobs.find(prefix, after)
            for blob in blobs:
                if (kept := await self._load(blob.name)) is not None:
                    found[blob.name.removeprefix(prefix).removesuffix(".json")] = kept
            if after is None:
                return found

    async def some(self, record: JobRecord, steps: Iterable[str]) -> Outputs:
        """The outputs of these steps, those left out that have none."""
        found = {step: (await self.get(record, step)).output for step in steps}
        return {step: output for step, output in found.items() if output is not None}

    async def _load(self, name: str) -> StepRecord | None:
        data = await self._blobs.read_if_there(name)
        return None if data is None else StepRecord(**json.loads(data))


def outputs_of(kept: dict[str, StepRecord]) -> Outputs:
    """The outputs of the steps that are done; that of a preparation where there was something to prepare."""
    done = {step: found.output for step, found in kept.items() if found.output is not None}
    return {step: output for step, output in done.items() if output or step != PREPARED}


def _prefix(record: JobRecord) -> str:
    return f"{record.blob_prefix}/steps/{record.body.sha256[:16]}/"
