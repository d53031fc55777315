"""Whether a value fits the declaration of a parameter."""

from collections.abc import Callable
from typing import Any

from tree_sitter import Node

from infra.check.syntax import Declaration, named, properties, text
from infra.check.values import Runtime, kind_of


def check_value(declared: Declaration, value: Any, evaluate: Callable[[Node], Any]) -> str | None:
    """What is wrong with a parameter's value; None where it fits."""
    assert declared.type is not None
    if wrong := _of_type(declared.type, value, evaluate):
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


def _of_type(node: Node, value: Any, evaluate: Callable[[Node], Any]) -> str | None:
    """What is wrong with a value by its declared type."""
    match node.type:
        case "type" | "parenthesized_type":
            return _of_type(named(node)[0], value, evaluate)
        case "nullable_type":
            return None if value is None else _of_type(named(node)[0], value, evaluate)
        case "primitive_type":
            kind = kind_of(value)
            return None if kind in ("any", text(node)) and value is not None else f"it is no {text(node)}"
        case "array_type":
            if isinstance(value, Runtime):
                return None
            if not isinstance(value, list):
                return "it is no array"
            return next((wrong for item in value if (wrong := _of_type(named(node)[0], item, evaluate))), None)
        case "union_type":
            allowed = [evaluate(part) for part in _union(node)]
            return None if isinstance(value, Runtime) or value in allowed else f"allowed are {allowed}"
        case "object":
            return _of_object(node, value, evaluate)
        case _:
            return f"the type {text(node)} isn't supported by this check"


def _union(node: Node) -> list[Node]:
    return [leaf for part in named(node) for leaf in (_union(part) if part.type == "union_type" else [part])]


def _of_object(node: Node, value: Any, evaluate: Callable[[Node], Any]) -> str | None:
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
        elif wrong := _of_type(of, value[key], evaluate):
            return f"{key}: {wrong}"
    return None
