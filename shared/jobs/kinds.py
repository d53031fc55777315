"""The port to kinds of jobs: what intake and the runner need to know of each. Those of several calls: steps.py."""

from dataclasses import dataclass
from typing import Any, Protocol

from shared.config import Queues
from shared.model.client import ModelClient


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that didn't fit the output schema, and why."""

    output: str
    error: str


class Kind(Protocol):
    """What intake, failures and the publisher know of a kind of job."""

    name: str
    queues: Queues

    def decode(self, body: bytes) -> Any:
        """Read a request.

        Raises:
            InvalidMessageError: says what is wrong, and in which field.
        """
        ...

    def estimate(self, request: Any) -> int:
        """What the endpoint will charge to the quota for the first call, or for the largest that is sure to be made.

        May take tenths of a second.
        """
        ...


class JobKind(Kind, Protocol):
    """A kind of job that takes one call. `decode` and `run` know nothing of queues and stores."""

    def estimate(self, request: Any, draft: Draft | None = None) -> int:
        """As for Kind, of the call that `run` makes."""
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
