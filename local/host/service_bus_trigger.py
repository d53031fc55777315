"""Service Bus triggers: queues and subscriptions, single messages and batches, with sessions and without."""

from collections.abc import Mapping
from typing import Any

from local.host.contracts import Function, Invoker, Listener
from local.host.service_bus_batch import BatchListener
from local.host.service_bus_lanes import FEWEST_CALLS, TwoLaneListener
from local.host.service_bus_listener import ServiceBusListener
from local.host.service_bus_options import read_options
from local.host.service_bus_sessions import SessionBatchListener, SessionListener
from local.host.service_bus_single import SingleListener


def create_listener(
    function: Function, invoker: Invoker, settings: Mapping[str, str], host_json: Mapping[str, Any]
) -> Listener:
    """The listener of a function with a serviceBusTrigger.

    Args:
        settings: all app settings.
        host_json: the whole of host.json, overrides applied.

    Raises:
        BindingError: the trigger, its connection or host.json can't be used; the text says what to change.
    """
    options = read_options(function.trigger, host_json)
    if not options.sessions and not options.batch and options.max_calls >= FEWEST_CALLS:
        return TwoLaneListener(function, invoker, settings, options)
    listener: type[ServiceBusListener]
    if options.sessions:
        listener = SessionBatchListener if options.batch else SessionListener
    else:
        listener = BatchListener if options.batch else SingleListener
    return listener(function, invoker, settings, options)
