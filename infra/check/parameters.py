"""Whether a value fits the declaration of a parameter."""

from collections.abc import Callable, Mapping
from typing import Any

from tree_sitter import Node

from infra.check.syntax import Declaration, named, properties, text
from infra.check.values import Runtime, kind_of


def check_value(
    declared: Declaration, value: Any, types: Mapping[str, Node], evaluate: Callable[[Node], Any]
) -> str | None:
    """What is wrong with a parameter's value; None where it fits.

    Args:
        types: those that the file declares.
        evaluate: gives the value of an expression of the file.
    """
    assert declared.type is not None
    if wrong := _of_type(declared.type, value, types):
        return wrong
    if isinstance(value, Runtime):
        return None
    given = {name: evaluate(arguments[0]) for name, arguments in declared.decorators.items() if arguments}
    if "allowed" in given and value not in given["allowed"]:
        return f"allowed are {given['allowed']}"
    size = value if isinstance(value, int) else len(value) if isinstance(value, str | list) else None
    if size is not None:
        low = given.get("minValue", given.get("minLength"))
        high = given.get("maxValue", given.get("maxLength"))
        if (low is not None and size < low) or (high is not None and size > high):
            return f"it must be from {low} to {high}"
    return None


def _of_type(node: Node, value: Any, types: Mapping[str, Node]) -> str | None:
    """What is wrong with a value by its declared type."""
    match node.type:
        case "type":
            return _of_type(named(node)[0], value, types)
        case "identifier" if text(node) in types:
            return _of_type(types[text(node)], value, types)
        case "nullable_type":
            return None if value is None else _of_type(named(node)[0], value, types)
        case "primitive_type":
            return None if value is not None and kind_of(value) in ("any", text(node)) else f"it is no {text(node)}"
        case "object":
            return _of_object(node, value, types)
        case _:
            return f"the type {text(node)} isn't supported by this check"


def _of_object(node: Node, value: Any, types: Mapping[str, Node]) -> str | None:
    if not isinstance(value, dict):
        return "it is no object"
    declared = {text(key): of for key, of in properties(node)}
    for key in value:
        if key not in declared:
            return f"there is no {key} in it; there are {', '.join(declared)}"
    for key, of in declared.items():
        if key not in value:
            if of.type != "nullable_type":
                return f"{key} is missing"
        elif wrong := _of_type(of, value[key], types):
            return f"{key}: {wrong}"
    return None
