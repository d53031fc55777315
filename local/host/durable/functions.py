"""The durable functions of an app, by kind and name."""

from collections.abc import Mapping

from local.host.contracts import Function
from local.host.durable.scheduling import UnknownFunctionError

_KINDS = {
    "activityTrigger": ("activity", "an activity", "activity"),
    "orchestrationTrigger": ("orchestration", "an orchestrator", "orchestrator"),
    "entityTrigger": ("entityName", "an entity", "entity"),
}


class DurableFunctions:
    """Finds functions as the extension does: names have no case, and a trigger may give its function another name."""

    def __init__(self) -> None:
        self._functions: dict[str, dict[str, Function]] = {kind: {} for kind in _KINDS}
        self._names: dict[str, list[str]] = {kind: [] for kind in _KINDS}

    def __bool__(self) -> bool:
        return any(self._functions.values())

    def add(self, function: Function) -> None:
        """Take a function with one of the three triggers.

        Raises:
            ValueError: there is one of that kind and name already.
        """
        kind = function.trigger["type"]
        name = str(function.trigger.get(_KINDS[kind][0]) or function.name)
        if name.lower() in self._functions[kind]:
            raise ValueError(f"there is already {_KINDS[kind][1]} function named '{name}'")
        self._functions[kind][name.lower()] = function
        self._names[kind].append(name)

    def activity(self, name: str) -> Function | None:
        return self._functions["activityTrigger"].get(name.lower())

    def orchestrator(self, name: str) -> Function | None:
        return self._functions["orchestrationTrigger"].get(name.lower())

    def entity(self, name: str) -> Function | None:
        return self._functions["entityTrigger"].get(name.lower())

    def check_activity(self, name: str) -> None:
        self._check("activityTrigger", name)

    def check_orchestrator(self, name: str) -> None:
        self._check("orchestrationTrigger", name)

    def check_entity(self, name: str) -> None:
        self._check("entityTrigger", name)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many functions of each trigger type there are."""
        return {kind: len(functions) for kind, functions in self._functions.items()}

    def _check(self, kind: str, name: str) -> None:
        """GetInvalid...FunctionMessage in DurableTaskExtension.cs."""
        if name.lower() in self._functions[kind]:
            return
        _, what, plural = _KINDS[kind]
        known = f"The following are the known {plural} functions: '{"', '".join(self._names[kind])}'."
        if not self._names[kind]:
            known = f"No {plural} functions are currently registered!"
        raise UnknownFunctionError(
            f"The function '{name}' doesn't exist, is disabled, or is not {what} function. Additional info: {known}"
        )
