"""One invocation: inputs, function, outputs."""

from collections.abc import Mapping
from typing import Any

import pytest

from local.host.console import Console
from local.host.contracts import Datum, Function, FunctionFailedError, Invocation, InvocationResult, WorkerLostError
from local.host.invoker import HostInvoker, new_trace_parent
from local.host.protocol import Message
from local.host.worker_process import FunctionRaisedError

OUT = {"type": "queue", "name": "out", "direction": "OUT"}
RETURN = {"type": "queue", "name": "$return", "direction": "OUT"}
HTTP = {"type": "http", "name": "$return", "direction": "OUT"}


class FakePool:
    def __init__(self, result: InvocationResult | Exception) -> None:
        self.result = result
        self.messages: list[Message] = []

    async def run(self, message: Message) -> InvocationResult:
        self.messages.append(message)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class FakeOutput:
    def __init__(self, *failures: str) -> None:
        self.sent: list[tuple[str, Datum]] = []
        self.failures = failures
        self.closed = False

    async def send(self, binding: Mapping[str, Any], value: Datum, metadata: Mapping[str, Datum]) -> None:
        if binding["name"] in self.failures:
            raise ConnectionError("queue is gone")
        self.sent.append((binding["name"], value))

    async def close(self) -> None:
        self.closed = True


class FakeInput:
    async def fetch(self, binding: Mapping[str, Any], function: Function, metadata: Mapping[str, Datum]) -> Datum:
        return Datum("bytes", metadata["name"].value.encode())

    async def close(self) -> None:
        pass


def invoker(result: InvocationResult | Exception, output: FakeOutput | None = None) -> tuple[HostInvoker, FakePool]:
    pool: Any = FakePool(result)
    return HostInvoker(pool, {"blob": FakeInput()}, {"queue": output or FakeOutput()}, Console()), pool


def invocation(*outputs: dict[str, Any], inputs: tuple[dict[str, Any], ...] = (), **options: Any) -> Invocation:
    function = Function("f", "function-id", {"type": "t", "name": "trigger"}, inputs, outputs)
    return Invocation(function, {"trigger": Datum("string", "x")}, {"name": Datum("string", "n")}, **options)


async def test_what_the_worker_is_asked() -> None:
    made, pool = invoker(InvocationResult(None, {}))
    blob = {"type": "blob", "name": "b"}
    await made.invoke(invocation(inputs=(blob,), trace_parent="00-a-b-00", retry_count=2, max_retry_count=3))
    (message,) = pool.messages
    assert message[2:] == (
        "function-id",
        {"trigger": ("string", "x"), "b": ("bytes", b"n")},
        {"name": ("string", "n")},
        "00-a-b-00",
        2,
        3,
    )


async def test_every_invocation_has_an_id_and_a_trace_of_its_own() -> None:
    made, pool = invoker(InvocationResult(None, {}))
    await made.invoke(invocation())
    await made.invoke(invocation())
    assert pool.messages[0][1] != pool.messages[1][1]
    assert pool.messages[0][5] != pool.messages[1][5]
    assert new_trace_parent("a" * 32).startswith(f"00-{'a' * 32}-")


async def test_set_outputs_and_the_returned_value_are_sent() -> None:
    output = FakeOutput()
    result = InvocationResult(Datum("string", "returned"), {"out": Datum("json", "{}")})
    made, _ = invoker(result, output)
    assert await made.invoke(invocation(OUT, RETURN)) == result
    assert sorted(output.sent, key=lambda sent: sent[0]) == [
        ("$return", Datum("string", "returned")),
        ("out", Datum("json", "{}")),
    ]


@pytest.mark.parametrize("returned", [None, Datum("none")])
async def test_outputs_that_were_not_set_are_not_sent(returned: Datum | None) -> None:
    output = FakeOutput()
    made, _ = invoker(InvocationResult(returned, {}), output)
    await made.invoke(invocation(OUT, RETURN))
    assert output.sent == []


async def test_a_response_is_not_an_output() -> None:
    output = FakeOutput()
    made, _ = invoker(InvocationResult(Datum("http", {}), {"out": Datum("string", "x")}), output)
    await made.invoke(invocation(HTTP, OUT))
    assert [name for name, _ in output.sent] == ["out"]


@pytest.mark.parametrize("outputs", [(OUT,), (OUT, RETURN)])
async def test_a_failed_output_fails_the_invocation_after_the_others_were_sent(outputs: Any) -> None:
    output = FakeOutput("out")
    made, _ = invoker(InvocationResult(Datum("string", "x"), {"out": Datum("string", "y")}), output)
    with pytest.raises(FunctionFailedError, match=r"output 'out' \(queue\) could not be sent: ConnectionError: queue"):
        await made.invoke(invocation(*outputs))
    assert len(output.sent) == len(outputs) - 1


@pytest.mark.parametrize("error", [FunctionRaisedError("ValueError: no", "the stack"), WorkerLostError("gone")])
async def test_failures_are_logged_and_passed_on(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    made, _ = invoker(error)
    with pytest.raises(type(error)):
        await made.invoke(invocation())
    made._console.flush()
    printed = capsys.readouterr().out
    assert "[Function.f] [ERROR] Executed 'Functions.f' (Failed, Id=" in printed
    assert f"Exception: {error}" in printed
    assert ("Stack: the stack" in printed) is isinstance(error, FunctionRaisedError)


async def test_closing_closes_outputs() -> None:
    output = FakeOutput()
    made, _ = invoker(InvocationResult(None, {}), output)
    await made.close()
    assert output.closed
