"""What the code expects of Azure, found by reading and indexing it."""

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared import config
from tests.support.app_functions import app_functions

ROOT = Path(__file__).parents[3]
DEPLOYED = [ROOT / "function_app.py", *sorted(ROOT.glob("shared/**/*.py")), *sorted(ROOT.glob("functions/**/*.py"))]
_LOCAL = {
    "AzureWebJobsStorage": "x",
    "ServiceBusConnection": "Endpoint=sb://x",
    "AZURE_OPENAI_REASONING_DEPLOYMENT_NAME": "x",  # without it, the others of that deployment aren't read
}


@dataclass(frozen=True)
class Code:
    """What the code uses.

    Attributes:
        received: queues that a trigger reads; `sent`: that the app writes.
        topics: Service Bus topics.
        blob_triggers: "container -> function", of those that Event Grid tells of blobs.
        polling: functions with a blob trigger that looks for blobs itself.
        settings: names that it reads.
        host: host.json.
        events: "event" and "event.field" of the log lines.
    """

    received: frozenset[str]
    sent: frozenset[str]
    topics: frozenset[str]
    containers: frozenset[str]
    tables: frozenset[str]
    blob_triggers: frozenset[str]
    polling: frozenset[str]
    settings: frozenset[str]
    host: dict[str, Any]
    events: frozenset[str]


@cache
def code() -> Code:
    """Read it."""
    triggers = list(_triggers())
    queues = {str(t["queueName"]).partition("/")[0] for _, t in triggers if t["type"] == "serviceBusTrigger"}
    blobs = {
        f"{str(trigger['path']).partition('/')[0]} -> {name}"
        for name, trigger in triggers
        if str(trigger["type"]).lower() == "blobtrigger"
    }
    constants = dict(_constants())
    return Code(
        received=frozenset(queues),
        sent=frozenset(_called(r"queue:|_queue$") | {config.webhook_queue({})}),
        topics=frozenset(value for name, value in constants.items() if name.endswith("_TOPIC")),
        containers=frozenset(
            {value for name, value in constants.items() if name.endswith("_CONTAINER")}
            | {trigger.partition(" ")[0] for trigger in blobs}
            | _called(r"containers?$")
        ),
        tables=frozenset(
            {value for name, value in constants.items() if name.endswith("_TABLE")} | _called(r"tables?$")
        ),
        blob_triggers=frozenset(blobs),
        polling=frozenset(
            name
            for name, trigger in triggers
            if str(trigger["type"]).lower() == "blobtrigger" and "eventgrid" not in str(trigger.get("source")).lower()
        ),
        settings=frozenset(_settings()),
        host=json.loads((ROOT / "host.json").read_text()),
        events=frozenset(_events()),
    )


def _triggers() -> Iterator[tuple[str, dict[str, Any]]]:
    for function in app_functions():
        yield function.get_function_name(), function.get_trigger().get_dict_repr()


def _configured(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The texts among the settings' defaults: "feedback.inbox", "feedback-in"."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            kind = "queue:" if "Queues" in type(value).__name__ else ""
            yield from _configured(getattr(value, field.name), f"{name}.{kind}{field.name}")
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _configured(item, name)


def _called(pattern: str) -> set[str]:
    """The defaults of settings whose name has this form: of queues, containers, tables."""
    settings = config.Settings.from_env(_LOCAL)
    return {value for name, value in _configured(settings) if re.search(pattern, name)}


def _constants() -> Iterator[tuple[str, str]]:
    """Constants of modules that hold a text."""
    for path in DEPLOYED:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                        yield target.id, node.value.value


class _Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, given: dict[str, str]) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def _settings() -> set[str]:
    asked = _Asked(_LOCAL)
    config.Settings.from_env(asked)
    for _, function in inspect.getmembers(config, inspect.isfunction):
        if not function.__name__.startswith("_") and "env" in inspect.signature(function).parameters:
            function(asked)
    return asked.names


def _events() -> Iterator[str]:
    for path in DEPLOYED:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "log_event" and len(node.args) > 1:
                event = node.args[1]
                if isinstance(event, ast.Constant):
                    yield str(event.value)
                    yield from (f"{event.value}.{keyword.arg}" for keyword in node.keywords if keyword.arg != "level")
