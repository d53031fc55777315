"""The operations of the token counter: what each takes, checked.

Each payload is a dict with at least an `id`: the same id means the same operation, however often it arrives. Times are
seconds of the server's clock. A booking is written `[start_s, tokens, epoch]`, as the answer to `book` gave it.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidMessageError, PermanentError

MAX_JOBS = 1000
MAX_HEARD = 2000

_Seconds = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
_Tokens = Annotated[int, Field(ge=1, le=10**10)]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Epoch = Annotated[int, Field(ge=0, le=10**12)]
_Limits = Annotated[dict[str, Any], Field(max_length=10)]


class OversizedRequestError(PermanentError):
    """The request needs more tokens than a whole minute of the quota has: it can never run."""

    code = "oversized_request"

    def __init__(self, tokens: int, tpm: int) -> None:
        super().__init__(
            f"The request needs {tokens} tokens; the quota is {tpm} tokens per minute, so it can never run. "
            "Shorten the input, ask for fewer output tokens, or raise the quota.",
            field="tokens",
        )


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=400)]


class Book(_Payload):
    """The pump's one call.

    Attributes:
        jobs: tokens of each call that wants a booking, in the order of their turn.
        reserved: position of a job that was passed over for long: it goes first, and beyond the horizon if need be.
        delay_s, horizon_s: no start earlier than, and none later than, from now.
        spacing_s: each job starts so much later at the earliest than the one before it.
        limits: of the settings; applied where they changed since the last call.
        settled: bookings that were used, each with the time of sending: [start_s, tokens, epoch, sent_s].
        released: bookings that were not used.
        observed: of answered calls: [sent_s, tokens, remaining], with `x-ratelimit-remaining-tokens` of the answer.
        usage: what was billed since the last call: calls, prompt tokens, completion tokens.
    """

    jobs: Annotated[list[_Tokens], Field(max_length=MAX_JOBS)] = []
    reserved: Annotated[int, Field(ge=0, lt=MAX_JOBS)] | None = None
    delay_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    horizon_s: Annotated[float, Field(ge=0, le=60)] | None = None
    spacing_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    limits: _Limits | None = None
    settled: Annotated[list[tuple[_Seconds, _Tokens, _Epoch, _Seconds]], Field(max_length=MAX_HEARD)] = []
    released: Annotated[list[tuple[_Seconds, _Tokens, _Epoch]], Field(max_length=MAX_HEARD)] = []
    observed: Annotated[list[tuple[_Seconds, _Tokens, _Count]], Field(max_length=MAX_HEARD)] = []
    usage: tuple[_Count, _Count, _Count] = (0, 0, 0)


class Lock(_Payload):
    """Start now or not at all."""

    tokens: _Tokens
    limits: _Limits | None = None


class Report(_Payload):
    """What a locked call used in the end."""

    request_id: Annotated[str, Field(max_length=100)]
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0


class Release(_Payload):
    """A locked call wasn't made."""

    request_id: Annotated[str, Field(max_length=100)]


class Throttled(_Payload):
    """The endpoint answered 429.

    Attributes:
        retry_after_s: as it came, whatever it is.
        epoch: of the booking of the call, where it had one.
        request_id: of the lock of the call, where it had one.
        sent_s, tokens: of the call, where it was rejected because of tokens (the error's text says which limit).
    """

    retry_after_s: Any = None
    epoch: _Epoch | None = None
    request_id: Annotated[str, Field(max_length=100)] | None = None
    sent_s: _Seconds | None = None
    tokens: _Tokens | None = None


class Configure(_Payload):
    """Change limits; those not named stay.

    Attributes:
        base: limits of the settings, where the caller knows them: applied before, as with `book` and `lock`.
    """

    limits: _Limits
    base: _Limits | None = None


class Status(_Payload):
    """Read only.

    Attributes:
        limits: of the settings: answered is what will hold once the next call brings them.
    """

    limits: _Limits | None = None


type Operation = Book | Lock | Report | Release | Throttled | Configure | Status

_FORMS: dict[str, type[Operation]] = {
    "book": Book,
    "lock": Lock,
    "report": Report,
    "release": Release,
    "throttled": Throttled,
    "configure": Configure,
    "status": Status,
}


def parse(operation: object, payload: object) -> Operation:
    """Read an operation.

    Raises:
        InvalidMessageError: says what is wrong, and in which field.
    """
    form = _FORMS.get(operation) if isinstance(operation, str) else None
    if form is None:
        raise InvalidMessageError(f"Unknown operation; there are {', '.join(_FORMS)}.", field="operation")
    if not isinstance(payload, dict):
        raise InvalidMessageError("The payload must be a JSON object.")
    try:
        return form.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:80]
        raise InvalidMessageError(f"{field}: {first['msg']}.", field=field) from None
