"""Validators of JSON schemas that come from outside: they fetch nothing, and their patterns can't run for long."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from shared.errors import ConfigurationError

PATTERN_TIMEOUT_S = 0.1
"""For one pattern on one text."""


class PatternTimeoutError(Exception):
    """A pattern of the schema takes too long."""


def _pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        return
    try:
        found = regex.search(pattern, instance, timeout=PATTERN_TIMEOUT_S)
    except TimeoutError:
        raise PatternTimeoutError from None
    if found is None:
        yield ValidationError("the pattern isn't found")


_Validator: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern}
)


def validator_for(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator for a schema of draft 2020-12; the same one for equal schemas. Its methods raise PatternTimeoutError.

    Raises:
        ConfigurationError: the schema is wrong.
    """
    return _validator(json.dumps(schema, sort_keys=True))


@lru_cache(maxsize=64)
def _validator(schema_json: str) -> Draft202012Validator:
    schema = json.loads(schema_json)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigurationError(f"The output schema is wrong at {error.json_path}: {error.message}.") from None
    # An empty registry: the default one would fetch references over the network.
    return _Validator(schema, registry=Registry())
