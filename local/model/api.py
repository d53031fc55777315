"""What the API's operations have in common: how a request is read, and what an answer is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from local.model.azure_errors import Operation
from local.model.deployments import Deployment
from local.model.faults import AnyFault


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid request.

    Attributes:
        deployment: what the body names in `model`; "" where it names none.
        searchable: the body as text, for the faults that look for something in it. Never logged.
        request: the operation's own form of the request.
    """

    deployment: str
    searchable: str
    request: Any


@dataclass(frozen=True, slots=True)
class Charge:
    """Attributes: prompt_tokens, max_tokens, choices: see Limits.charge."""

    prompt_tokens: int
    max_tokens: int | None = 0
    choices: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        body: JSON, or plain text.
        billed: tokens of prompt and answer together.
    """

    body: Mapping[str, Any] | str
    billed: int = 0


class ApiOperation(Protocol):
    """One operation of the API. Its methods raise ApiError for requests that Azure would refuse."""

    name: Operation

    async def read(self, request: web.Request) -> Asked:
        """Read and check the body."""
        ...

    def charge(self, asked: Asked, deployment: Deployment) -> Charge | None:
        """What the call costs on arrival; None where only requests are limited."""
        ...

    async def answer(self, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
        """Let the engine answer, and let the fault spoil the answer if it is of that kind."""
        ...
