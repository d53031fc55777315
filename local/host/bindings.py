"""From what a worker indexed to what the host runs: names resolved, unusable functions told apart."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from local.host.app_settings import find_setting, is_true
from local.host.contracts import Function
from local.host.deferred import DEFERRABLE, is_deferred

_UNRESOLVED_KEYS = frozenset({"name", "type", "direction", "connection"})
_PLACEHOLDER = re.compile(r"%([^%]*)%")
# Utility.cs of azure-functions-host.
_VALID_NAME = re.compile(r"(?!host\Z)[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE | re.ASCII)


class BindingError(Exception):
    """A function can't be started. The others can."""


@dataclass(frozen=True, slots=True)
class AppFunction:
    """One function that the app declares, whether it can run or not.

    Attributes:
        state: "ready", "disabled" by a setting, or "failed" to start for the reason in `error`.
        function: what listeners get; for a failed function its bindings are as written.
    """

    function: Function
    state: Literal["ready", "disabled", "failed"]
    error: str = ""
    script_file: str = ""
    bindings: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return self.function.name


@dataclass(frozen=True, slots=True)
class SupportedBindings:
    """Binding types that this host has code for, written as the SDK's decorators write them."""

    triggers: Collection[str]
    inputs: Collection[str] = field(default=("blob",))
    outputs: Collection[str] = field(default=())


def build_functions(
    indexed: Sequence[Mapping[str, Any]],
    settings: Mapping[str, str],
    supported: SupportedBindings,
    only: Collection[str] | None = None,
) -> list[AppFunction]:
    """Turn the worker's metadata into functions, in the order of their names: that is also the order of their routes.

    Args:
        indexed: per function name, function_id, script_file, raw_bindings (JSON texts) and retry.
        only: host.json's `functions`: the names to run; None means all.
    """
    wanted = None if only is None else {name.lower() for name in only}
    chosen = [entry for entry in indexed if wanted is None or entry["name"].lower() in wanted]
    return [_build(entry, settings, supported) for entry in sorted(chosen, key=lambda entry: entry["name"].upper())]


def resolve_names(text: str, settings: Mapping[str, str]) -> str:
    """Replace every `%NAME%` by the setting of that name.

    Raises:
        BindingError: there is no such setting, or a `%` has no partner.
    """

    def value(match: re.Match[str]) -> str:
        found = find_setting(settings, match[1])
        if found is None:
            raise BindingError(f"'%{match[1]}%' does not resolve to a value: no app setting is named '{match[1]}'")
        return found

    if text.count("%") % 2:
        raise BindingError(f"the '%' at position {text.rfind('%')} of '{text}' does not have a closing '%'")
    return _PLACEHOLDER.sub(value, text)


def _build(entry: Mapping[str, Any], settings: Mapping[str, str], supported: SupportedBindings) -> AppFunction:
    raw = tuple(json.loads(binding) for binding in entry["raw_bindings"])
    name = entry["name"]

    def function(bindings: Sequence[Mapping[str, Any]]) -> Function:
        trigger = next((b for b in bindings if _type(b).endswith("trigger")), {})
        inputs = tuple(b for b in bindings if b is not trigger and _direction(b) == "IN")
        outputs = tuple(b for b in bindings if _direction(b) == "OUT")
        return Function(name, entry["function_id"], trigger, inputs, outputs, entry["retry"])

    try:
        if not _VALID_NAME.fullmatch(name):
            raise BindingError(f"'{name}' is not a valid function name")
        if _is_disabled(name, settings):
            return AppFunction(function(raw), "disabled", "", entry["script_file"], raw)
        resolved = [_resolve(binding, settings) for binding in raw]
        _check_supported(function(resolved), resolved, supported)
    except BindingError as error:
        return AppFunction(function(raw), "failed", str(error), entry["script_file"], raw)
    return AppFunction(function(resolved), "ready", "", entry["script_file"], raw)


def _resolve(binding: Mapping[str, Any], settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        key: resolve_names(value, settings) if isinstance(value, str) and key not in _UNRESOLVED_KEYS else value
        for key, value in binding.items()
    }


def _check_supported(function: Function, bindings: Sequence[Mapping[str, Any]], supported: SupportedBindings) -> None:
    for binding in bindings:
        if is_deferred(binding) and binding.get("type") not in DEFERRABLE:
            raise BindingError(
                f"parameter '{binding['name']}' uses an SDK type binding (azurefunctions-extensions-bindings-...), "
                "which the local host supports for blobs only"
            )
    if not function.trigger:
        raise BindingError("it has no trigger")
    _require("trigger", [function.trigger], supported.triggers)
    _require("input binding", function.inputs, supported.inputs)
    _require("output binding", function.outputs, supported.outputs)


def _require(role: str, bindings: Sequence[Mapping[str, Any]], supported: Collection[str]) -> None:
    for binding in bindings:
        if binding.get("type") not in supported:
            raise BindingError(
                f"{role} type '{binding.get('type')}' is not supported by the local host "
                f"(supported: {', '.join(sorted(supported)) or 'none'})"
            )


def _is_disabled(name: str, settings: Mapping[str, str]) -> bool:
    # Linux has no dots in variable names: the underscore form stands beside the documented one.
    names = (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs_{name}_Disabled")
    return any(is_true(find_setting(settings, setting)) for setting in names)


def _type(binding: Mapping[str, Any]) -> str:
    return str(binding.get("type", "")).lower()


def _direction(binding: Mapping[str, Any]) -> str:
    return str(binding.get("direction", "")).upper()
