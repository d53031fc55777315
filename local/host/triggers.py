"""Which trigger types there are, and who listens for each."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.host import timer
from local.host.bindings import BindingError
from local.host.contracts import Function, Invoker, Listener
from local.host.durable.extension import DurableExtension
from local.host.host_json import HostJson
from local.host.router import Router
from local.host.web import WebServer

DURABLE_CLIENT = "durableClient"
_EVENT_GRID_PREFIX = "Host.Functions."


@dataclass(frozen=True, slots=True)
class TriggerContext:
    """What listeners are made from."""

    invoker: Invoker
    settings: Mapping[str, str]
    host_json: HostJson
    host_id: str
    router: Router
    web_server: WebServer
    durable: DurableExtension
    blob_webhooks: dict[str, Any] = field(default_factory=dict)


def _http(function: Function, context: TriggerContext) -> Listener | None:
    context.router.add(function)
    return None


def _timer(function: Function, context: TriggerContext) -> Listener | None:
    return timer.create_listener(function, context.invoker, context.settings, context.host_json, context.host_id)


def _service_bus(function: Function, context: TriggerContext) -> Listener | None:
    create: Callable[..., Listener] = _load("local.host.service_bus_trigger").create_listener
    return create(function, context.invoker, context.settings, context.host_json.config)


def _blob(function: Function, context: TriggerContext) -> Listener | None:
    create: Callable[..., Listener] = _load("local.host.blob_trigger").create_listener
    listener = create(function, context.invoker, context.settings, context.host_json.config, context.host_id)
    if hasattr(listener, "handle"):
        context.blob_webhooks[function.name.lower()] = listener
        context.web_server.register_webhook("blobs", lambda request: _blob_event(context.blob_webhooks, request))
    return listener


def _durable(function: Function, context: TriggerContext) -> Listener | None:
    context.durable.add(function)  # one listener serves them all
    return None


TRIGGERS: Mapping[str, Callable[[Function, TriggerContext], Listener | None]] = {
    "httpTrigger": _http,
    "timerTrigger": _timer,
    "serviceBusTrigger": _service_bus,
    "blobTrigger": _blob,
    "orchestrationTrigger": _durable,
    "activityTrigger": _durable,
    "entityTrigger": _durable,
}


def create_listener(function: Function, context: TriggerContext) -> Listener | None:
    """Make what listens for a function's trigger; HTTP functions have no listener, only a route.

    Raises:
        BindingError: the function can't be started.
    """
    if any(binding["type"] == DURABLE_CLIENT for binding in function.inputs):
        context.durable.use()
    try:
        return TRIGGERS[function.trigger["type"]](function, context)
    except (ValueError, LookupError) as error:
        raise BindingError(f"{type(error).__name__}: {error}") from error


def describe(trigger: Mapping[str, Any]) -> str:
    """What a trigger listens to, for the table of functions."""
    match trigger.get("type"):
        case "timerTrigger":
            return str(trigger.get("schedule"))
        case "serviceBusTrigger" if "topicName" in trigger:
            return f"{trigger['topicName']}/{trigger.get('subscriptionName')}"
        case "serviceBusTrigger":
            return str(trigger.get("queueName"))
        case "blobTrigger":
            return str(trigger.get("path")) + (" (Event Grid)" if trigger.get("source") == "EventGrid" else "")
        case "orchestrationTrigger":
            return str(trigger.get("orchestration") or "")
        case "activityTrigger":
            return str(trigger.get("activity") or "")
        case "entityTrigger":
            return str(trigger.get("entityName") or "")
        case _:
            return ""


async def _blob_event(listeners: Mapping[str, Any], request: web.BaseRequest) -> web.StreamResponse:
    """Hand a request of Event Grid to the function it names, `functionName=Host.Functions.{name}`."""
    name = request.rel_url.query.get("functionName", "")
    listener = listeners.get(name.removeprefix(_EVENT_GRID_PREFIX).lower())
    if listener is None or not name.startswith(_EVENT_GRID_PREFIX):
        return web.Response(status=404, text=f"No blob function listens to events as '{name}'.")
    response: web.StreamResponse = await listener.handle(request)
    return response


def _load(module: str) -> Any:
    # Only when a function needs it: importing the Azure SDKs takes most of the host's start time.
    return importlib.import_module(module)
