"""What is declared of an endpoint."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query or a header.

    Attributes:
        schema: of its value, as JSON schema.
    """

    name: str
    description: str
    schema: dict[str, object] = field(default_factory=lambda: {"type": "string"})
    where: str = "query"
    required: bool = False


def printable(most: int) -> dict[str, object]:
    """The schema of a text without control characters."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: of the function, and of the operation.
        permission: that the caller needs; None: nobody is asked.
        change: whether it changes anything: then it is written into the audit log.
        media: type of the body; None where there is none, "" where it is not looked at.
        body: name of the body's model.
        answers: status to name of the model, or to a description where there is no model.
        durable: whether it needs the client of durable functions.
    """

    name: str
    method: str
    route: str
    permission: str | None
    summary: str
    tag: str
    answers: dict[int, str]
    change: bool = False
    media: str | None = None
    body: str | None = None
    parameters: tuple[Parameter, ...] = ()
    durable: bool = False
