"""The functions of Bicep that our files use. One that is missing here is reported as unknown."""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from infra.check.values import SUBSCRIPTION, Object, Runtime, as_text


def _unique_string(*seeds: Any) -> str:
    # Azure's own hash isn't published; what counts is 13 letters and digits that depend on the seeds.
    digest = int.from_bytes(hashlib.sha256("|".join(map(as_text, seeds)).encode()).digest()[:9])
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[digest >> 5 * i & 31] for i in range(13))


def _guid(*seeds: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(map(as_text, seeds))))


def _empty(value: Any) -> bool:
    return value is None or (not isinstance(value, Runtime) and len(value) == 0)


def _contains(container: Any, item: Any) -> bool:
    return item in container


def _union(*values: Any) -> Any:
    if isinstance(values[0], list):
        merged: list[Any] = []
        for value in values:
            merged += [item for item in value if item not in merged]
        return merged
    result = Object(getattr(values[0], "line", 0))
    for value in values:
        result.update(value)
        result.lines.update(getattr(value, "lines", {}))
    return result


def _concat(*values: Any) -> Any:
    if isinstance(values[0], list):
        return [item for value in values for item in value]
    return "".join(map(as_text, values))


def _format(template: str, *values: Any) -> str:
    return template.format(*map(as_text, values))


def _resource_id(*parts: Any) -> str:
    kind_at = next(i for i, part in enumerate(parts) if "/" in part)
    scope = {0: "<scope>", 1: f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{parts[0]}"}[kind_at]
    provider, *kinds = parts[kind_at].split("/")
    pairs = zip(kinds, parts[kind_at + 1 :], strict=True)
    return f"{scope}/providers/{provider}/" + "/".join(f"{kind}/{name}" for kind, name in pairs)


def _subscription_resource_id(kind: str, *names: str) -> str:
    provider, *kinds = kind.split("/")
    pairs = zip(kinds, names, strict=True)
    middle = "/".join(f"{kind}/{name}" for kind, name in pairs)
    return f"/subscriptions/{SUBSCRIPTION}/providers/{provider}/{middle}"


def _to_object(value: dict[str, Any]) -> Object:
    result = Object()
    result.update(value)
    return result


def _take(value: Any, count: int) -> Any:
    return value if isinstance(value, Runtime) else value[:count]


def _split(value: str, separator: str) -> Any:
    return value if isinstance(value, Runtime) else value.split(separator)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": _concat,
    "contains": _contains,
    "empty": _empty,
    "format": _format,
    "guid": _guid,
    "int": int,
    "items": lambda value: [_to_object({"key": key, "value": value[key]}) for key in sorted(value)],
    "json": lambda value: _loaded(json.loads(value)),
    "join": lambda values, separator: separator.join(map(as_text, values)),
    "length": len,
    "listKeys": lambda resource, *_: Runtime(f"<keys of {resource}>"),
    "max": max,
    "min": min,
    "range": lambda start, count: list(range(start, start + count)),
    "replace": lambda value, old, new: value.replace(old, new),
    "resourceId": _resource_id,
    "split": _split,
    "string": lambda value: json.dumps(value) if isinstance(value, list | dict) else as_text(value),
    "subscriptionResourceId": _subscription_resource_id,
    "take": _take,
    "toLower": lambda value: value.lower(),
    "toUpper": lambda value: value.upper(),
    "union": _union,
    "uniqueString": _unique_string,
    "utcNow": lambda pattern="": "2026-11-01" if pattern else "20261101T000000Z",
}


def ambient(scope: str) -> dict[str, Callable[..., Any]]:
    """The functions that tell where a template is deployed to."""
    subscription = {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION}
    group = {"id": scope, "name": scope.rpartition("/")[2], "location": "swedencentral"}
    suffixes = {"storage": "core.windows.net", "sqlServerHostname": ".database.windows.net"}

    def resource_group(*names: str) -> Object:
        if not names:
            return _to_object(group)
        at = {1: SUBSCRIPTION, 2: names[0]}[len(names)]
        return _to_object({"id": f"/subscriptions/{at}/resourceGroups/{names[-1]}", "name": names[-1]})

    return {
        "deployment": lambda: _to_object({"name": "main", "location": "swedencentral"}),
        "environment": lambda: _to_object({"suffixes": _to_object(suffixes)}),
        "resourceGroup": resource_group,
        "subscription": lambda: _to_object(subscription),
        "tenant": lambda: _to_object({"tenantId": "<tenant>"}),
    }


def _loaded(value: Any) -> Any:
    if isinstance(value, dict):
        return _to_object({key: _loaded(item) for key, item in value.items()})
    return [_loaded(item) for item in value] if isinstance(value, list) else value
