"""What is accepted as a caller's JSON schema: enough to describe an answer, and nothing that could hang a validator.

Schemas come from outside. Refused is what would fetch something, what leads back to itself (checking an answer against
it can take exponential time), and what becomes too large when its references are followed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from shared.errors import InvalidMessageError
from shared.model.strict_schema import MAX_PROPERTIES

MAX_BYTES = 16_384
MAX_LEVELS = 16
"""Schemas within schemas; an array of objects is two levels below the object that holds it."""
MAX_NODES = 1_000
"""Schemas in all, those counted several times that are referred to from several places."""
MAX_PATTERN_CHARS = 200
MAX_PATTERN_REPEATS = 100_000

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MAX_NESTING = 64
_REFUSED = {
    **dict.fromkeys(("$id", "$anchor", "$dynamicAnchor"), "names for schemas aren't known here: use #/$defs"),
    **dict.fromkeys(("$dynamicRef", "$recursiveRef"), "references must name their target: use $ref and #/$defs"),
    "$vocabulary": "there is one vocabulary",
    "definitions": "call it $defs",
    "dependencies": "call it dependentRequired or dependentSchemas",
    "patternProperties": "use additionalProperties",
    "unevaluatedProperties": "use additionalProperties",
    "unevaluatedItems": "use items",
}
_ONE = ("items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "dependentSchemas")
_REFERENCE = re.compile(r"#/\$defs/([^/#%~]{1,100})")
_REPEAT = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")

type Path = tuple[str, ...]


def check_caller_schema(schema: Mapping[str, Any], field: str) -> None:
    """Check a schema at intake. Takes some milliseconds, whatever it holds.

    Args:
        field: where it was given, for the error.

    Raises:
        InvalidMessageError: says what isn't accepted and where, as a path such as "response_schema.properties.tags".
    """
    if _nesting(schema) > _MAX_NESTING:
        _reject((field,), f"is nested more than {_MAX_NESTING} levels deep")
    try:
        size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
    except ValueError:
        _reject((field,), "holds numbers or characters that JSON doesn't have")
    if size > MAX_BYTES:
        _reject((field,), f"has {size} bytes, {MAX_BYTES} are allowed")
    if schema.get("$schema", _DRAFT) not in (_DRAFT, f"{_DRAFT}#"):
        _reject((field, "$schema"), "must be draft 2020-12, or left out")
    for path, node in _everywhere(schema, (field,)):
        if refused := sorted(_REFUSED.keys() & node.keys()):
            _reject(path, f"has {refused[0]!r}, which isn't accepted: {_REFUSED[refused[0]]}")
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, re.error, OverflowError, RecursionError) as error:
        where = (str(part) for part in getattr(error, "absolute_path", ()))
        _reject((field, *where), f"is not a JSON schema of draft 2020-12: {getattr(error, 'validator', 'pattern')!r}")
    properties = 0
    for path, node in _everywhere(schema, (field,)):
        properties += len(node.get("properties", {}))
        if "pattern" in node:
            _check_pattern(node["pattern"], (*path, "pattern"))
        if "$ref" in node and _target(schema, node["$ref"]) is None:
            _reject((*path, "$ref"), "must be #/$defs/NAME, and the name must be there")
    if properties > MAX_PROPERTIES:
        _reject((field,), f"has {properties} properties, {MAX_PROPERTIES} are allowed")
    _Size(schema, field).check()


def subschemas(node: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas directly within a schema, `$defs` left out."""
    for keyword in _ONE:
        if keyword in node:
            yield (keyword,), node[keyword]
    for keyword in _LISTS:
        if isinstance(children := node.get(keyword), list):
            yield from (((keyword, str(index)), child) for index, child in enumerate(children))
    for keyword in _NAMED:
        if isinstance(children := node.get(keyword), Mapping):
            yield from (((keyword, name), child) for name, child in children.items())


class _Size:
    """Follows references, each once: how deep and how large the schema is when all are written out."""

    def __init__(self, root: Mapping[str, Any], field: str) -> None:
        self._root = root
        self._field = field
        self._known: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()

    def check(self) -> None:
        for name, definition in self._root.get("$defs", {}).items():
            self._of_reference(name, definition, (self._field, "$defs", name))
        levels, nodes = self._of(self._root, (self._field,))
        if levels > MAX_LEVELS:
            _reject((self._field,), f"has {levels} levels, {MAX_LEVELS} are allowed")
        if nodes > MAX_NODES:
            _reject((self._field,), f"holds {nodes} schemas when its references are followed, {MAX_NODES} are allowed")

    def _of(self, node: Any, path: Path) -> tuple[int, int]:
        """Levels and nodes."""
        if not isinstance(node, Mapping):
            return 1, 1
        below = [self._of(child, (*path, *step)) for step, child in subschemas(node)]
        levels, nodes = 1 + max((levels for levels, _ in below), default=0), 1 + sum(nodes for _, nodes in below)
        if "$ref" in node and (name := _REFERENCE.fullmatch(node["$ref"])):
            beyond = self._of_reference(name[1], self._root["$defs"][name[1]], path)
            levels, nodes = max(levels, beyond[0]), nodes + beyond[1]
        return levels, nodes

    def _of_reference(self, name: str, definition: Any, path: Path) -> tuple[int, int]:
        if name in self._open:
            _reject(path, "leads back to itself: write out as many levels as you need")
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self._of(definition, path)
            self._open.discard(name)
        return self._known[name]


def _everywhere(node: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """All schemas, as they are written."""
    if not isinstance(node, Mapping):
        return
    yield path, node
    for step, child in subschemas(node):
        yield from _everywhere(child, (*path, *step))
    if isinstance(definitions := node.get("$defs"), Mapping):
        for name, child in definitions.items():
            yield from _everywhere(child, (*path, "$defs", name))


def _target(root: Mapping[str, Any], reference: str) -> Any:
    match = _REFERENCE.fullmatch(reference)
    return root.get("$defs", {}).get(match[1]) if match else None


def _check_pattern(pattern: str, path: Path) -> None:
    """Check that a pattern can be built. It is run under a time limit (validators.py)."""
    if len(pattern) > MAX_PATTERN_CHARS:
        _reject(path, f"has {len(pattern)} characters, {MAX_PATTERN_CHARS} are allowed")
    repeats = 1
    for counts in _REPEAT.findall(pattern):
        repeats *= max([1, *(int(count[:9]) for count in counts if count)])
    if repeats > MAX_PATTERN_REPEATS:
        _reject(path, f"repeats too much: its counts multiplied may be {MAX_PATTERN_REPEATS} at most")
    try:
        re.compile(pattern)
        regex.compile(pattern)
    except (re.error, regex.error, OverflowError, RecursionError, ValueError, KeyError):
        _reject(path, "is not a regular expression")


def _nesting(node: Any) -> int:
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth <= _MAX_NESTING and isinstance(current, Mapping | list):
            inner = current.values() if isinstance(current, Mapping) else current
            waiting += [(part, depth + 1) for part in inner if isinstance(part, Mapping | list)]
    return deepest


def _reject(path: Path, reason: str) -> Any:
    where = ".".join(path)
    raise InvalidMessageError(f"The schema in {where[:300]} {reason}.", field=where[:300])
