"""The texts that a reasoning job is about."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

from shared.errors import InvalidMessageError
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_request import ReasoningInput, ReasoningRequest, check_input_chars


class InputReader(Protocol):
    """Reads texts that a job only refers to."""

    def check(self, reference: str) -> None:
        """Look at a reference without reading what it refers to.

        Raises:
            InvalidMessageError: it is none that may be read.
        """
        ...

    async def read(self, reference: str) -> str:
        """Read a text.

        Raises:
            InvalidMessageError: there is none, it is too large, or it isn't UTF-8.
            StorageError: it can't be read now.
        """
        ...


class NoInputReader:
    """An InputReader for apps that accept texts only."""

    def check(self, reference: str) -> None:  # noqa: ARG002
        """See InputReader."""
        raise InvalidMessageError("Inputs can't be blobs in this app: give the text itself.")

    async def read(self, reference: str) -> str:
        """See InputReader."""
        self.check(reference)
        return ""


def check_references(request: ReasoningRequest, reader: InputReader) -> None:
    """Check at intake what inputs refer to.

    Raises:
        InvalidMessageError: `field` names the input by its id.
    """
    for one in request.inputs:
        if one.reference is not None:
            try:
                reader.check(one.reference)
            except InvalidMessageError as error:
                raise _about(one, error) from None


async def load_inputs(request: ReasoningRequest, reader: InputReader, limits: ReasoningLimits) -> dict[str, str]:
    """The texts by their inputs' ids.

    Raises:
        InvalidMessageError: one isn't there, or isn't text; `field` names the input by its id.
        StorageError: one can't be read now.
    """
    texts: dict[str, str] = {}
    chars = 0
    for one in request.inputs:
        texts[one.id] = await _load(one, reader)
        chars += len(texts[one.id])
        check_input_chars(chars, limits)
    return texts


def digest_of(texts: Mapping[str, str]) -> str:
    """Names contents: the same for the same texts under the same ids."""
    digest = hashlib.sha256()
    for name, text in texts.items():
        data = text.encode("utf-8", "surrogatepass")
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


async def _load(one: ReasoningInput, reader: InputReader) -> str:
    if one.reference is None:
        return one.text or ""
    try:
        text = await reader.read(one.reference)
    except InvalidMessageError as error:
        raise _about(one, error) from None
    if not text.strip():
        raise _about(one, InvalidMessageError("It holds no text."))
    return text


def _about(one: ReasoningInput, error: InvalidMessageError) -> InvalidMessageError:
    return InvalidMessageError(f"The input {one.id} can't be used: {error}", field=f"inputs.{one.id}")
