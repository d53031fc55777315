"""One invocation from its inputs to its outputs, as the listeners see it."""

import asyncio
import logging
import os
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from local.host.console import Console
from local.host.contracts import (
    Datum,
    FunctionFailedError,
    Invocation,
    InvocationResult,
    OutputBinding,
    WorkerLostError,
)
from local.host.inputs import InputBinding
from local.host.pool import WorkerPool
from local.host.protocol import Kind, to_values
from local.host.worker_process import FunctionRaisedError

RETURN = "$return"
# What an orchestrator that fails adds to its error, for the durable extension only: it holds payloads.
_ORCHESTRATOR_STATE = re.compile(r"\n\n\$OutOfProcData\$:.*")


class HostInvoker:
    """Fetches inputs, runs the function on a worker, sends its outputs; says in the log how it went.

    Args:
        inputs: by binding type, beside the trigger.
        outputs: by binding type. The http output isn't one: whoever took the request sends the response.
    """

    def __init__(
        self,
        pool: WorkerPool,
        inputs: Mapping[str, InputBinding],
        outputs: Mapping[str, OutputBinding],
        console: Console,
    ) -> None:
        self._pool = pool
        self._inputs = inputs
        self._outputs = outputs
        self._console = console

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run one function. Its outputs are sent, all at once, before this returns.

        Raises:
            FunctionFailedError: an input, the function or an output failed.
            WorkerLostError: the worker ended or exceeded functionTimeout.
        """
        name = invocation.function.name
        category = f"Function.{name}"
        invocation_id = str(uuid.uuid4())
        started = time.monotonic()
        if self._console.shows(category, logging.INFO):
            self._console.log(category, logging.INFO, f"Executing 'Functions.{name}' (Id={invocation_id})")
        try:
            inputs = to_values(invocation.inputs)
            if invocation.function.inputs:
                inputs |= to_values(await self._fetch_inputs(invocation))
            result = await self._pool.run(
                (
                    Kind.INVOKE,
                    invocation_id,
                    invocation.function.function_id,
                    inputs,
                    to_values(invocation.metadata),
                    invocation.trace_parent or new_trace_parent(),
                    invocation.retry_count,
                    invocation.max_retry_count,
                )
            )
            if invocation.function.outputs:
                await self._send_outputs(invocation, result)
        except (FunctionFailedError, WorkerLostError) as error:
            took = f"Failed, Id={invocation_id}, Duration={_milliseconds(started)}ms"
            self._console.log(category, logging.ERROR, f"Executed 'Functions.{name}' ({took})\n{_describe(error)}")
            raise
        if self._console.shows(category, logging.INFO):
            took = f"Succeeded, Id={invocation_id}, Duration={_milliseconds(started)}ms"
            self._console.log(category, logging.INFO, f"Executed 'Functions.{name}' ({took})")
        return result

    async def close(self) -> None:
        """Release the connections of inputs and outputs."""
        for source in self._inputs.values():
            await source.close()
        for target in self._outputs.values():
            await target.close()

    async def _fetch_inputs(self, invocation: Invocation) -> dict[str, Datum]:
        bindings = invocation.function.inputs
        values = await asyncio.gather(
            *(self._inputs[b["type"]].fetch(b, invocation.function, invocation.metadata) for b in bindings)
        )
        return {binding["name"]: value for binding, value in zip(bindings, values, strict=True)}

    async def _send_outputs(self, invocation: Invocation, result: InvocationResult) -> None:
        sends = []
        for binding in invocation.function.outputs:
            value = result.return_value if binding["name"] == RETURN else result.outputs.get(binding["name"])
            if value is not None and value.kind != "none" and binding["type"] != "http":
                sends.append(self._send(binding, value, invocation.metadata))
        if len(sends) == 1:
            await sends[0]
        elif sends:
            outcomes = await asyncio.gather(*sends, return_exceptions=True)
            if failed := [outcome for outcome in outcomes if isinstance(outcome, BaseException)]:
                raise failed[0]

    async def _send(self, binding: Mapping[str, Any], value: Datum, metadata: Mapping[str, Datum]) -> None:
        try:
            await self._outputs[binding["type"]].send(binding, value, metadata)
        except FunctionFailedError:
            raise
        except Exception as error:
            what = f"output '{binding['name']}' ({binding['type']}) could not be sent"
            raise FunctionFailedError(f"{what}: {type(error).__name__}: {error}") from error


def new_trace_parent(trace_id: str = "") -> str:
    """A W3C traceparent with a new span, in the given trace (32 hexadecimal digits) or a new one."""
    return f"00-{trace_id or os.urandom(16).hex()}-{os.urandom(8).hex()}-00"


def _milliseconds(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _describe(error: Exception) -> str:
    stack = f"\nStack: {error.stack_trace}" if isinstance(error, FunctionRaisedError) else ""
    return _ORCHESTRATOR_STATE.sub("", f"Result: Failure\nException: {error}{stack}").rstrip()
