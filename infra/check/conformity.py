"""Holds a resource that would be deployed against its schema."""

import re
from collections.abc import Iterator
from typing import Any

from infra.check.schemas import Schema
from infra.check.syntax import Finding
from infra.check.values import Deployed, Runtime, kind_of

_ALWAYS = ("name", "location")  # read-only in some schemas, and written all the same


def check(resource: Deployed, schema: Schema) -> list[Finding]:
    """What the schema doesn't allow. The API version has to be the one that the schemas hold, the newest they know."""
    found: list[Finding] = []
    if resource.version != schema["version"]:
        found.append(
            _finding(
                resource,
                resource.line,
                "api-version",
                f"{resource.type}@{resource.version}: {schema['version']} is the one that can be checked",
            )
        )
    named = {**resource.body, "name": resource.name.rpartition("/")[2]}
    for line, path, message in _check(schema["body"], named, "", resource.line, schema["types"], resource.body.lines):
        found.append(_finding(resource, line, "schema", f"{resource.symbol}{path}: {message}"))
    return found


def _finding(resource: Deployed, line: int, rule: str, message: str) -> Finding:
    return Finding(resource.path, line, rule, message)


type _Wrong = tuple[int, str, str]


def _check(
    wanted: Any, value: Any, path: str, line: int, types: dict[str, Any], lines: dict[str, int] | None = None
) -> Iterator[_Wrong]:
    """Each place where the value isn't of the wanted type: its line, its path, and what is wrong."""
    if isinstance(value, Runtime) or value is None or wanted == "any":
        return
    match wanted:
        case {"ref": name}:
            if not isinstance(value, dict):
                yield line, path, f"an object is expected, not {value!r}"
                return
            yield from _check_object(types[name], value, path, lines or getattr(value, "lines", {}), line, types)
        case {"array": inner}:
            if not isinstance(value, list):
                yield line, path, f"an array is expected, not {value!r}"
                return
            for position, item in enumerate(value):
                yield from _check(inner, item, f"{path}[{position}]", getattr(item, "line", 0) or line, types)
        case {"values": allowed}:
            if value not in allowed:
                yield line, path, f"{value!r} is none of {', '.join(map(repr, allowed))}"
        case str():
            if kind_of(value) != wanted:
                yield line, path, f"{wanted} is expected, not {value!r}"


def _check_object(
    wanted: dict[str, Any], value: dict[str, Any], path: str, lines: dict[str, int], line: int, types: dict[str, Any]
) -> Iterator[_Wrong]:
    if "variants" in wanted:
        by = wanted["discriminator"]
        chosen = value.get(by)
        if isinstance(chosen, Runtime):
            return
        if chosen not in wanted["variants"]:
            yield lines.get(by, line), f"{path}.{by}", f"{chosen!r} is none of {', '.join(wanted['variants'])}"
            return
        wanted = wanted["variants"][chosen]
    known = wanted["properties"]
    for key, item in value.items():
        where = lines.get(key, line)
        if key in known:
            yield from _check_property(known[key], key, item, f"{path}.{key}", where, types)
        elif "additional" in wanted:
            yield from _check(wanted["additional"], item, f"{path}.{key}", where, types)
        else:
            alike = next((name for name in known if name.lower() == key.lower()), None)
            yield where, f"{path}.{key}", f"there is no such property{f'; is it {alike}?' if alike else ''}"
    for key, rules in known.items():
        if rules["required"] and key not in value:
            yield line, f"{path}.{key}", "is missing"


def _check_property(
    rules: dict[str, Any], key: str, value: Any, path: str, line: int, types: dict[str, Any]
) -> Iterator[_Wrong]:
    if rules["readonly"] and key not in _ALWAYS:
        yield line, path, "only Azure writes it"
        return
    if wrong := _beyond(rules, value):
        yield line, path, wrong
    yield from _check(rules["type"], value, path, line, types)


def _beyond(rules: dict[str, Any], value: Any) -> str | None:
    if isinstance(value, Runtime | bool):
        return None
    size, low, high = value, rules.get("minValue"), rules.get("maxValue")
    if isinstance(value, str | list):
        size, low, high = len(value), rules.get("minLength"), rules.get("maxLength")
    if not isinstance(size, int):
        return None
    if (low is not None and size < low) or (high is not None and size > high):
        return f"{value!r} must be from {low} to {high}"
    return None


# Microsoft, "Naming rules and restrictions for Azure resources".
_NAMES = {
    "Microsoft.CognitiveServices/accounts": r"[a-zA-Z0-9][a-zA-Z0-9-]{1,63}",
    "Microsoft.ServiceBus/namespaces": r"[a-zA-Z][a-zA-Z0-9-]{4,48}[a-zA-Z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]",
    "Microsoft.Storage/storageAccounts/tableServices/tables": r"[A-Za-z][A-Za-z0-9]{2,62}",
    "Microsoft.Web/sites": r"[a-zA-Z0-9][a-zA-Z0-9-]{0,58}[a-zA-Z0-9]",
}


def check_name(resource: Deployed) -> list[Finding]:
    """Whether Azure allows the resource's name; only where it is known beforehand."""
    name = resource.name.rpartition("/")[2]
    pattern = _NAMES.get(resource.type)
    if pattern is None or isinstance(name, Runtime) or re.fullmatch(pattern, name):
        return []
    return [_finding(resource, resource.line, "name", f"{name!r} is not allowed for a {resource.type}")]
