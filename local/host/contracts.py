"""What the parts of the functions host agree on: data, functions, the invoker, listeners.

The host process owns listeners, locks and outputs; worker processes run the app's functions. A listener turns what
happened (a message, a tick, a blob) into one invocation and acts on how it ended.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

DatumKind = Literal[
    "string", "bytes", "json", "http", "collection_bytes", "collection_string", "model_binding_data", "none"
]


@dataclass(frozen=True, slots=True)
class Datum:
    """A value on its way to or from a worker, in the kinds of the Functions RPC protocol (TypedData).

    "json" holds JSON text; "http" and "model_binding_data" hold dicts of the fields of RpcHttp and ModelBindingData;
    the collections hold lists.
    Numbers and dates travel as JSON text: the Python worker can't read the int and double kinds.
    """

    kind: DatumKind
    value: Any = None

    @staticmethod
    def json(value: Any) -> "Datum":
        return Datum("json", json.dumps(value))

    @staticmethod
    def string(value: str | None) -> "Datum":
        return Datum("none") if value is None else Datum("string", value)


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function. `%NAME%` is already resolved in its bindings."""

    name: str
    function_id: str
    trigger: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]
    retry: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function."""

    function: Function
    inputs: Mapping[str, Datum]
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    trace_parent: str = ""
    retry_count: int = 0
    max_retry_count: int = 0


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What a function returned. `outputs` has an entry for each Out parameter that was set."""

    return_value: Datum | None
    outputs: Mapping[str, Datum]


class FunctionFailedError(Exception):
    """The function raised, or its outputs could not be sent."""


class WorkerLostError(Exception):
    """The worker process ended, or was recycled, before the function did. Nothing is known of its outcome."""


class Invoker(Protocol):
    """Runs invocations. Output bindings are sent before it returns: a failed send fails the invocation."""

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run one function.

        Raises:
            FunctionFailedError: it raised, or an output failed.
            WorkerLostError: the worker ended or exceeded functionTimeout.
        """
        ...


class OutputBinding(Protocol):
    """Sends one output value of a finished function, as the real host would."""

    async def send(self, binding: Mapping[str, Any], value: Datum, metadata: Mapping[str, Datum]) -> None: ...

    async def close(self) -> None: ...


class Listener(Protocol):
    """Watches one trigger and invokes its function."""

    async def start(self) -> None:
        """Begin to take work. Keeps trying by itself when its service can't be reached."""
        ...

    async def stop(self) -> None:
        """Take no new work. Work under way goes on."""
        ...

    async def drain(self) -> None:
        """Wait for the work under way, then release connections. May be cancelled when the grace time is over."""
        ...
