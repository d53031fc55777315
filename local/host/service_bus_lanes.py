"""Two connections for one function: while one receives and settles, the calls of the other run."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from local.host.contracts import Function, Invoker
from local.host.service_bus_listener import outage_of
from local.host.service_bus_options import ServiceBusOptions
from local.host.service_bus_single import SingleListener

FEWEST_CALLS = 8
"""With fewer calls at a time a second connection gains nothing."""


class TwoLaneListener:
    """Implements Listener with two SingleListeners that share maxConcurrentCalls and tell of an outage once."""

    def __init__(
        self, function: Function, invoker: Invoker, settings: Mapping[str, str], options: ServiceBusOptions
    ) -> None:
        outage = outage_of(function, options)
        half = options.max_calls // 2
        self._lanes = [
            SingleListener(function, invoker, settings, replace(options, max_calls=calls), outage)
            for calls in (half, options.max_calls - half)
        ]

    async def start(self) -> None:
        """See Listener."""
        await asyncio.gather(*(lane.start() for lane in self._lanes))

    async def stop(self) -> None:
        """See Listener."""
        await asyncio.gather(*(lane.stop() for lane in self._lanes))

    async def drain(self) -> None:
        """See Listener."""
        await asyncio.gather(*(lane.drain() for lane in self._lanes))
