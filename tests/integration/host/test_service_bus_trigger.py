"""Service Bus triggers on a real emulator, with an invoker that records what a function would get."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusMessage

from local.host.contracts import FunctionFailedError, Invocation, WorkerLostError
from tests.support.host_listeners import RecordingInvoker, eventually, succeed, value
from tests.support.service_bus import service_bus
from tests.support.service_bus_listeners import CONFIG, LOCK_S, SESSIONS, Bus, bus, emulator, queue, unused_queues

__all__ = ["bus", "emulator", "queue", "unused_queues"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_message_becomes_a_call_and_is_completed(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    async with bus.running(queue, invoker):
        message = ServiceBusMessage(
            "Grüße",
            message_id="m-1",
            correlation_id="c-1",
            subject="s",
            application_properties={"app_id": "a", "n": 5, "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
        )
        await bus.send(queue, message)
        await eventually(lambda: invoker.ended, "the call")
    call = invoker.begun[0]
    assert (call.inputs["arg"].kind, call.inputs["arg"].value) == ("string", "Grüße")
    assert call.trace_parent == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    assert value(call, "MessageId").value == "m-1"
    assert value(call, "CorrelationId").value == "c-1"
    assert value(call, "Subject") == value(call, "Label")
    assert value(call, "DeliveryCount").value == "1"
    assert json.loads(value(call, "ApplicationProperties").value)["app_id"] == "a"
    assert json.loads(value(call, "UserProperties").value)["n"] == 5
    assert int(value(call, "SequenceNumber").value) > 0
    assert len(value(call, "LockToken").value) == 36
    assert not {"LockedUntil", "TimeToLive", "State", "EnqueuedSequenceNumber", "SessionId"} & set(call.metadata)
    await bus.emptied(queue)


async def test_a_failing_call_is_repeated_at_once_and_then_dead_lettered(
    bus: Bus, unused_queues: Iterator[str]
) -> None:
    async def dead_letter(queue: str, error: Exception) -> None:
        async def fail(invocation: Invocation) -> None:
            raise error

        invoker = RecordingInvoker(fail)
        async with bus.running(queue, invoker):
            await bus.send(queue, ServiceBusMessage("x"))
            # At once: within a third of the minute for which each delivery is locked.
            await eventually(lambda: len(invoker.begun) == 3, "three deliveries", 20)
            await bus.emptied(queue)
        assert [value(call, "DeliveryCount").value for call in invoker.begun] == ["1", "2", "3"]
        [dead] = await bus.left(f"{queue}/$DeadLetterQueue")
        assert (str(dead), dead.dead_letter_reason) == ("x", "MaxDeliveryCountExceeded")

    errors = FunctionFailedError("no"), WorkerLostError("gone"), RuntimeError("a defect")
    await asyncio.gather(*(dead_letter(next(unused_queues), error) for error in errors))


@pytest.mark.parametrize("most", [4, 9])
async def test_no_more_calls_at_a_time_than_configured_and_no_message_locked_beyond_them(
    bus: Bus, queue: str, most: int
) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker, other_host = RecordingInvoker(wait), RecordingInvoker()
    await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(15)))
    async with bus.running(queue, invoker, host={"maxConcurrentCalls": most}):
        await eventually(lambda: invoker.under_way == most, "the calls")
        async with bus.running(queue, other_host):
            await eventually(lambda: len(other_host.ended) == 15 - most, "the others")
        gate.set()
        await eventually(lambda: len(invoker.ended) == most, "the rest")
    assert invoker.most == most
    assert sorted(map(int, invoker.texts() + other_host.texts())) == list(range(15))
    await bus.emptied(queue)


async def test_every_message_of_a_backlog_is_called_with_once(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    for start in range(0, 1000, 250):
        await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(start, start + 250)))
    async with bus.running(queue, invoker, host={"maxConcurrentCalls": 16}):
        await eventually(lambda: len(invoker.ended) >= 1000, "all calls")
    assert sorted(map(int, invoker.texts())) == list(range(1000))
    assert {value(call, "DeliveryCount").value for call in invoker.begun} == {"1"}


async def test_prefetched_messages_are_called_with_once(bus: Bus, queue: str) -> None:
    invoker = RecordingInvoker()
    await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(100)))
    async with bus.running(queue, invoker, host={"maxConcurrentCalls": 4, "prefetchCount": 20}):
        await eventually(lambda: len(invoker.ended) >= 100, "all calls")
    assert sorted(map(int, invoker.texts())) == list(range(100))
    await bus.emptied(queue)


async def test_locks(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.gather(
        locks_are_renewed_while_calls_are_under_way(bus),
        locks_end_when_nothing_is_settled(bus, caplog),
    )


async def locks_are_renewed_while_calls_are_under_way(bus: Bus) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker, session_invoker = RecordingInvoker(wait), RecordingInvoker(wait)
    await bus.send("short-0", *(ServiceBusMessage(str(n)) for n in range(3)))
    await bus.send("sessions-0", ServiceBusMessage("s", session_id="long"))
    async with (
        bus.running("short-0", invoker),
        bus.running("sessions-0", session_invoker, isSessionsEnabled=True, host=SESSIONS),
    ):
        await eventually(lambda: invoker.under_way + session_invoker.under_way == 4, "the calls")
        await asyncio.sleep(LOCK_S + 1)  # that nothing happens can only be waited for
        gate.set()
        await eventually(lambda: len(invoker.ended) + len(session_invoker.ended) == 4, "the ends")
    assert len(invoker.begun) + len(session_invoker.begun) == 4
    await bus.emptied("short-0")


async def locks_end_when_nothing_is_settled(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    """Four ways not to settle: renewal switched off, no auto-complete, workers lost while stopping, drain cancelled."""

    async def first_is_slow(invocation: Invocation) -> None:
        if value(invocation, "DeliveryCount").value == "1":
            await asyncio.sleep(LOCK_S + 1)

    async def be_lost(invocation: Invocation) -> None:
        await lost.wait()
        raise WorkerLostError("the grace time is over")

    async def hang(invocation: Invocation) -> None:
        await asyncio.Event().wait()

    lost = asyncio.Event()
    slow, quick, losing, hanging = map(RecordingInvoker, (first_is_slow, succeed, be_lost, hang))
    next_one = RecordingInvoker()
    began = time.monotonic()
    for n in range(1, 5):
        await bus.send(f"short-{n}", ServiceBusMessage("x"))
    stopping = bus.listener("short-3", losing), bus.listener("short-4", hanging)
    options = {"maxAutoLockRenewalDuration": "00:00:00"}
    async with (
        bus.running("short-1", slow, host=options),
        bus.running("short-2", quick, autoCompleteMessages=False),
    ):
        for each in stopping:
            await each.start()
        await eventually(lambda: losing.under_way and hanging.under_way, "the calls")
        for each in stopping:
            await each.stop()
        lost.set()
        ending = asyncio.create_task(stopping[0].drain())
        draining = asyncio.create_task(stopping[1].drain())
        await asyncio.sleep(0.05)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        await ending
        await eventually(lambda: hanging.under_way == 0, "the end of the call that hangs")
        async with (
            bus.running("short-3", next_one),
            bus.running("short-4", next_one),
        ):
            await eventually(lambda: len(next_one.ended) == 2, "deliveries to another host")
        assert time.monotonic() - began > LOCK_S - 1
        await eventually(lambda: len(quick.ended) >= 2 and len(slow.ended) == 2, "deliveries after the locks' end")
    assert [value(call, "DeliveryCount").value for call in next_one.begun] == ["2", "2"]
    assert [value(call, "DeliveryCount").value for call in slow.begun] == ["1", "2"]
    assert [value(call, "DeliveryCount").value for call in quick.begun[:2]] == ["1", "2"]
    assert "the lock of message" in caplog.text


async def test_dead_letters_and_subscriptions_can_be_listened_to(bus: Bus, queue: str) -> None:
    async def fail(invocation: Invocation) -> None:
        raise FunctionFailedError("no")

    dead, news = RecordingInvoker(), RecordingInvoker()
    await bus.send(queue, ServiceBusMessage("bad"))
    async with (
        bus.running(queue, RecordingInvoker(fail)),
        bus.running(f"{queue}/$DeadLetterQueue", dead),
        bus.running(queue, news, topicName="news", subscriptionName="all"),
    ):
        await bus.send("news", ServiceBusMessage("hear"))
        await eventually(lambda: "bad" in dead.texts() and news.ended, "both calls")
    properties = json.loads(value(dead.begun[-1], "ApplicationProperties").value)
    assert properties["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert news.texts() == ["hear"]


async def test_stop_takes_no_more_and_lets_calls_end(bus: Bus, queue: str) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker = RecordingInvoker(wait)
    working = bus.listener(queue, invoker, host={"maxConcurrentCalls": 2})
    await bus.send(queue, *(ServiceBusMessage(str(n)) for n in range(3)))
    await working.start()
    await eventually(lambda: invoker.under_way == 2, "two calls")
    await working.stop()
    draining = asyncio.create_task(working.drain())
    gate.set()
    await draining
    assert len(invoker.ended) == 2
    assert [str(message) for message in await bus.left(queue)] == ["2"]


async def test_an_outage_is_told_once_and_outlived_also_by_calls_under_way(
    queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    async def first_waits(invocation: Invocation) -> None:
        if invocation.inputs["arg"].value == "first":
            await gate.wait()

    invoker = RecordingInvoker(first_waits)
    caplog.set_level(logging.INFO)
    with service_bus(CONFIG) as emulator:
        bus = Bus(emulator.connection_string)
        async with bus.running(queue, invoker):
            await bus.send(queue, ServiceBusMessage("first"))
            await eventually(lambda: invoker.under_way, "the first call")
            emulator.kill()
            await eventually(lambda: "Trying again" in caplog.text, "the report")
            await asyncio.sleep(0.5)  # time for a flood
            await asyncio.to_thread(emulator.restart)
            gate.set()
            await bus.send(queue, ServiceBusMessage("second"))
            await eventually(lambda: len(invoker.ended) == 2, "the second call")
            await bus.emptied(queue)
        await bus.close()
    assert invoker.texts() == ["first", "second"]
    assert "works again" in caplog.text
    loud = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    # The outage may have cost the first call its lock, which is another matter.
    told = [message for message in loud if "the lock of message" not in message]
    assert len(told) == 1, told
    assert f"function work, Service Bus entity '{queue}': the service can't be reached" in told[0]


async def test_a_missing_queue_is_told(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    async with bus.running("nowhere", RecordingInvoker()):
        await eventually(lambda: "there is no such queue" in caplog.text, "the report")
