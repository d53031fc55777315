"""Service Bus triggers of cardinality "many", and of entities with sessions, on a real emulator."""

import asyncio
import json
import time
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage

from local.host.contracts import FunctionFailedError, Invocation
from tests.support.host_listeners import RecordingInvoker, eventually, value
from tests.support.service_bus_listeners import SESSIONS, Bus, bus, emulator, queue, unused_queues

__all__ = ["bus", "emulator", "queue", "unused_queues"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("data_type", ["STRING", "BINARY", None])
async def test_a_batch_is_one_call(bus: Bus, queue: str, data_type: str | None) -> None:
    invoker = RecordingInvoker()
    messages = [ServiceBusMessage(json.dumps({"n": n}), message_id=f"m{n}") for n in range(5)]
    messages[3].correlation_id = "only one"
    await bus.send(queue, *messages)
    trigger = {"dataType": data_type} if data_type else {}
    async with bus.running(queue, invoker, cardinality="MANY", **trigger):
        await eventually(lambda: sum(len(_bodies(call)) for call in invoker.ended) == 5, "all messages")
    call = invoker.begun[0]
    bodies = [body for call in invoker.begun for body in _bodies(call)]
    assert bodies == [{"n": n} for n in range(5)]
    assert value(call, "MessageIdArray").value == ["m0", "m1", "m2", "m3", "m4"]
    assert value(call, "CorrelationIdArray").value == ["only one"]
    assert json.loads(value(call, "DeliveryCountArray").value) == [1] * 5
    assert json.loads(value(call, "UserPropertiesArray").value) == [{}] * 5
    assert call.trace_parent == ""
    await bus.emptied(queue)


def _bodies(call: Invocation) -> list[Any]:
    datum = call.inputs["arg"]
    return json.loads(datum.value) if datum.kind == "json" else [json.loads(body) for body in datum.value]


async def test_a_failing_batch_is_abandoned_as_a_whole(bus: Bus, queue: str) -> None:
    async def fail_once(invocation: Invocation) -> None:
        if len(invoker.begun) == 1:
            raise FunctionFailedError("no")

    invoker = RecordingInvoker(fail_once)
    await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(3)))
    async with bus.running(queue, invoker, cardinality="MANY", dataType="STRING"):
        await eventually(lambda: sum(len(_bodies(call)) for call in invoker.ended) == 3, "all messages again")
    assert [json.loads(value(call, "DeliveryCountArray").value) for call in invoker.begun[:2]] == [[1] * 3, [2] * 3]


async def test_a_batch_without_data_type_must_be_json(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    await bus.send(queue, ServiceBusMessage("{}"), ServiceBusMessage("not JSON"))
    async with bus.running(queue, invoker, cardinality="MANY"):
        await bus.emptied(queue)
    assert invoker.begun == []
    assert sorted(map(str, (await bus.left(f"{queue}/$DeadLetterQueue"))[-2:])) == ["not JSON", "{}"]


async def test_a_backlog_comes_in_full_batches(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(250)))
    host = {"maxMessageBatchSize": 100}
    async with bus.running(queue, invoker, cardinality="MANY", dataType="STRING", host=host):
        await eventually(lambda: sum(map(len, invoker.texts())) >= 250, "all messages")
    assert max(map(len, invoker.texts())) == 100
    assert len(invoker.begun) <= 5
    assert invoker.most == 1


async def test_a_batch_waits_for_its_least_size(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    host = {"minMessageBatchSize": 4, "maxMessageBatchSize": 4, "maxBatchWaitTime": "00:00:01"}
    async with bus.running(queue, invoker, cardinality="MANY", dataType="STRING", host=host):
        for n in range(4):
            await bus.send(queue, ServiceBusMessage(str(n)))
        await eventually(lambda: invoker.ended, "the full batch")
        began = time.monotonic()
        await bus.send(queue, ServiceBusMessage("4"))
        await eventually(lambda: len(invoker.ended) == 2, "the batch that isn't full")
        assert time.monotonic() - began > 0.7
    assert invoker.texts() == [["0", "1", "2", "3"], ["4"]]


async def test_sessions_run_side_by_side_and_each_in_order(bus: Bus) -> None:
    async def take_time(invocation: Invocation) -> None:
        await asyncio.sleep(0.02)

    invoker = RecordingInvoker(take_time)
    for n in range(5):
        await bus.send("sessions-1", *(ServiceBusMessage(f"{s}{n}", session_id=s) for s in "abc"))
    async with bus.running("sessions-1", invoker, isSessionsEnabled=True, host=SESSIONS):
        await eventually(lambda: len(invoker.ended) == 15, "all messages")
    assert invoker.most == 2
    for session in "abc":
        assert [text for text in invoker.texts() if text[0] == session] == [f"{session}{n}" for n in range(5)]
    assert value(invoker.begun[0], "SessionId").value in "abc"


async def test_sessions_in_batches(bus: Bus) -> None:
    invoker = RecordingInvoker()
    await bus.send("sessions-2", *(ServiceBusMessage(f"b{n}", session_id="b") for n in range(4)))
    trigger = {"isSessionsEnabled": True, "cardinality": "MANY", "dataType": "STRING"}
    async with bus.running("sessions-2", invoker, host=SESSIONS, **trigger):
        await eventually(lambda: sum(len(texts) for texts in invoker.texts()) == 4, "all messages")
    assert [text for texts in invoker.texts() for text in texts] == [f"b{n}" for n in range(4)]
