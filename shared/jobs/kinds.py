"""The port to kinds of jobs: what intake and the runner need to know of each."""

from dataclasses import dataclass
from typing import Any, Protocol

from shared.config import Queues
from shared.model.client import ModelClient


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that didn't fit the output schema, and why."""

    output: str
    error: str


class JobKind(Protocol):
    """One kind of job. `decode` and `run` know nothing of queues and stores."""

    name: str
    queues: Queues

    def decode(self, body: bytes) -> Any:
        """Read a request.

        Raises:
            InvalidMessageError: says what is wrong, and in which field.
        """
        ...

    def estimate(self, request: Any, draft: Draft | None = None) -> int:
        """What the endpoint will charge to the quota for the call that `run` makes. May take tenths of a second."""
        ...

    async def run(self, request: Any, *, model: ModelClient, draft: Draft | None = None) -> dict[str, Any]:
        """Make one model call and return the result.

        Args:
            draft: where given, the call is a repair of this answer.

        Raises:
            InvalidOutputError: the answer doesn't fit; the next call may repair it.
            PermanentError: trying again can't help.
            TransientError: a later attempt may succeed.
        """
        ...
