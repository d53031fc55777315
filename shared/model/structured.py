"""Structured output: what is asked of the endpoint, and what is accepted of its answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from jsonschema.exceptions import ValidationError, best_match
from referencing.exceptions import Unresolvable

from shared.errors import ConfigurationError, InvalidOutputError
from shared.model.client import ChatMessage
from shared.model.strict_schema import check_strict_name, check_strict_schema
from shared.model.tokens import DEFAULT_MODEL, count_message_tokens
from shared.model.validators import PatternTimeoutError, validator_for

# Of a keyword's value, what an error text shows at most (an enum may have hundreds of values).
_SHOWN_CHARS = 200


def response_format_for(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `response_format` that makes the endpoint keep to a schema.

    Args:
        name: a name for the schema, which the model sees.

    Raises:
        ConfigurationError: the endpoint would reject the name or the schema (see strict_schema.py).
    """
    check_strict_name(name)
    check_strict_schema(schema)
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": dict(schema)}}


def parse_output(
    text: str,
    schema: Mapping[str, Any],
    finish_reason: str = "stop",
    *,
    prepare: Callable[[Any], Any] = lambda value: value,
) -> dict[str, Any]:
    """Read a model's answer. The whole answer must be one JSON object that fits the schema.

    Args:
        schema: JSON schema, draft 2020-12; references only within itself. May demand more than strict mode can.
        finish_reason: of the completion.
        prepare: changes the JSON before it is checked.

    Raises:
        InvalidOutputError: `field` is the JSON path at fault; the text says what was expected there and never quotes
            the answer, which is in `output`.
        ConfigurationError: the schema itself is wrong.
    """
    validator = validator_for(schema)
    if finish_reason == "length":
        raise InvalidOutputError(
            "The answer was cut off at max_tokens, so it isn't complete JSON: allow more tokens or ask for less.",
            field="$",
            output=text,
        )
    try:
        value = json.loads(text, parse_constant=_reject_constant)
        # "\ud800" in JSON is no character, and 1e999 no number: they can't be stored.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        value = prepare(value)
        violation = best_match(validator.iter_errors(value))
    except (ValueError, ArithmeticError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidOutputError(f"The answer isn't valid JSON{where}.", field="$", output=text) from None
    except PatternTimeoutError:
        raise InvalidOutputError(
            "The answer can't be checked: a pattern of the schema takes too long.", field="$", output=text
        ) from None
    except Unresolvable as error:
        raise ConfigurationError(f"The output schema refers to {error.ref!r}, which isn't in it.") from None
    if violation is not None:
        path = _path(violation)
        raise InvalidOutputError(f"The answer is wrong at {path}: {_expected(violation)}.", field=path, output=text)
    if not isinstance(value, dict):
        raise InvalidOutputError("The answer is wrong at $: it must be an object.", field="$", output=text)
    return value


def repair_messages(messages: Sequence[ChatMessage], output: str, error: str) -> list[ChatMessage]:
    """The conversation that asks the model to mend its answer. One such call is made, then the job fails.

    Args:
        messages: of the call that was answered with `output`.
        error: what is wrong with it (the text of the InvalidOutputError).
    """
    mend = f"{error} Answer again with the whole JSON object, corrected, and nothing else."
    return [*messages, {"role": "assistant", "content": output}, {"role": "user", "content": mend}]


def estimate_repair_tokens(output: str, error: str, model: str = DEFAULT_MODEL) -> int:
    """What the endpoint charges for a repair beyond what it charges for the call that was answered with `output`."""
    return count_message_tokens(repair_messages([], output, error), model)


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} isn't JSON")


def _path(violation: ValidationError) -> str:
    """Where in the answer, such as "$.tags[2]". Names that the schema doesn't know are the model's words: a `*`."""
    known = set(violation.absolute_schema_path)
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{part if part in known else '*'}"
        for part in violation.absolute_path
    )
    return "$" + "".join(parts)


def _expected(violation: ValidationError) -> str:
    """What the schema demands there, in the schema's words: jsonschema's own text quotes the answer."""
    demanded = json.dumps(violation.validator_value, ensure_ascii=False)
    shown = demanded if len(demanded) <= _SHOWN_CHARS else f"{demanded[:_SHOWN_CHARS]}..."
    match violation.validator:
        case "type":
            return f"its type must be {shown}"
        case "enum" | "const":
            return f"it must be one of {shown}"
        case "required":
            return f"it must have {shown}"
        case "additionalProperties":
            return "it has properties that the schema doesn't name"
        case keyword:
            return f"it doesn't fulfil {keyword!r}: {shown}"
