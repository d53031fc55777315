"""Prints, as JSON, the schemas of resource types that only Microsoft's management SDKs have.

Run by the Python of the environment that holds those SDKs: it imports nothing of ours. What a model's attribute is
called in JSON, and which are required, comes from the model's own tables; enumerations come from its documentation.
"""

import enum
import importlib
import inspect
import json
import re
import sys
from typing import Any

# Resource type: SDK, module that knows the API version, model.
MODELS = {
    "Microsoft.Insights/actionGroups": ("monitor", "operations._action_groups_operations", "ActionGroupResource"),
    "Microsoft.Insights/metricAlerts": ("monitor", "operations._metric_alerts_operations", "MetricAlertResource"),
    "Microsoft.Insights/scheduledQueryRules": (
        "monitor",
        "operations._scheduled_query_rules_operations",
        "ScheduledQueryRuleResource",
    ),
    "Microsoft.DurableTask/schedulers": ("durabletask", "_configuration", "Scheduler"),
    "Microsoft.DurableTask/schedulers/taskHubs": ("durabletask", "_configuration", "TaskHub"),
    "Microsoft.Network/privateDnsZones": ("privatedns", "_configuration", "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("privatedns", "_configuration", "VirtualNetworkLink"),
}
_VERSION = re.compile(r'"api[_-]version", (?:_params\.pop\("api-version", )?"([\d-]+(?:-preview)?)"')
_FIELD = re.compile(r":ivar (\w+): (.*?)\n\s*:vartype \1: (.*?)(?=\n\s*:ivar|\Z)", re.DOTALL)
_KNOWN = re.compile(r"Known values are:? (.*?)\.(?:\s|$)", re.DOTALL)
_PRIMITIVES = {"str": "string", "int": "int", "float": "int", "bool": "bool", "~datetime.timedelta": "string"}


def schema(package: str, where: str, model: str) -> dict[str, Any]:
    """The schema of one resource type."""
    models = importlib.import_module(f"azure.mgmt.{package}.models")
    source = inspect.getsource(importlib.import_module(f"azure.mgmt.{package}.{where}"))
    found = _VERSION.search(source)
    if found is None:
        raise SystemExit(f"azure-mgmt-{package} no longer says its API version in {where}")
    types: dict[str, Any] = {}
    _add(models, model, types)
    body = types[model]["properties"]
    body["name"] = {"type": "string", "required": True, "readonly": False}
    return {"version": found[1], "body": {"ref": model}, "types": types}


def _add(models: Any, name: str, types: dict[str, Any]) -> None:
    """Add a model, and those it is made of, to the types."""
    if name in types:
        return
    model = getattr(models, name)
    entry = types[name] = {"properties": {}}
    documented = {field: (" ".join(about.split()), kind.strip()) for field, about, kind in _fields(model)}
    for attribute, path in _paths(model).items():
        about, kind = documented.get(attribute, ("", "any"))
        rules = getattr(model, "_validation", {}).get(attribute, {})
        field = {
            "type": _type(models, kind, about, types),
            "required": "Required." in about or bool(rules.get("required")),
            "readonly": bool(rules.get("readonly")) or _only_read(model, attribute),
        }
        _put(entry, path, field, types, name)
    subtypes = vars(model).get("_subtype_map", {})  # not of a base: a variant has none of its own
    for attribute, variants in subtypes.items():
        entry["discriminator"] = _paths(model)[attribute][0]
        entry["variants"] = {}
        for value, subtype in variants.items():
            _add(models, subtype, types)
            variant = types[subtype]
            variant["properties"][entry["discriminator"]]["type"] = {"values": [value]}
            entry["variants"][value] = variant


def _fields(model: type) -> list[tuple[str, str, str]]:
    return [match for base in reversed(model.__mro__) for match in _FIELD.findall(inspect.cleandoc(base.__doc__ or ""))]


def _paths(model: Any) -> dict[str, list[str]]:
    """Where each attribute is in the JSON."""
    if hasattr(model, "_attribute_map"):
        parts = {name: re.split(r"(?<!\\)\.", where["key"]) for name, where in model._attribute_map.items()}
        return {name: [part.replace("\\.", ".") for part in path] for name, path in parts.items() if path != [""]}
    if not getattr(model, "_attr_to_rest_field", None):
        model.__new__(model)  # the fields are collected with the first instance
    return {name: [field._rest_name] for name, field in model._attr_to_rest_field.items()}


def _only_read(model: Any, attribute: str) -> bool:
    field = getattr(model, "_attr_to_rest_field", {}).get(attribute)
    return field is not None and field._visibility == ["read"]


def _put(entry: dict[str, Any], path: list[str], field: dict[str, Any], types: dict[str, Any], name: str) -> None:
    """A path such as properties.severity makes the object in between."""
    *outer, last = path
    for part in outer:
        inner = f"{name}.{part}"
        types.setdefault(inner, {"properties": {}})
        entry["properties"].setdefault(part, {"type": {"ref": inner}, "required": False, "readonly": False})
        if field["required"]:
            entry["properties"][part]["required"] = True
        entry, name = types[inner], inner
    entry["properties"][last] = field


def _type(models: Any, kind: str, about: str, types: dict[str, Any]) -> Any:
    if listed := re.fullmatch(r"(?:list|List)\[(.*)\]", kind, re.DOTALL):
        return {"array": _type(models, listed[1], about, types)}
    if mapped := re.fullmatch(r"(?:dict|Dict)\[str, (.*)\]", kind, re.DOTALL):
        name = f"<{kind}>"
        types[name] = {"properties": {}, "additional": _type(models, mapped[1], "", types)}
        return {"ref": name}
    named = re.search(r"~azure\.mgmt\.\w+\.models\.(\w+)$", kind)
    if named:
        found = getattr(models, named[1])
        if issubclass(found, enum.Enum):
            return {"values": [member.value for member in found]}
        _add(models, named[1], types)
        return {"ref": named[1]}
    known = _KNOWN.search(about)
    if kind == "str" and known:
        return {"values": re.findall(r'"([^"]+)"', known[1])}
    return _PRIMITIVES.get(kind, "any")


if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name in MODELS]
    sys.stdout.write(json.dumps({name: schema(*MODELS[name]) for name in wanted}))
