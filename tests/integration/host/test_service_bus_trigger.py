"""Service Bus triggers on a real emulator, with an invoker that records what a function would get."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from local.host.contracts import FunctionFailedError, Invocation, Listener, WorkerLostError
from local.host.service_bus_trigger import create_listener
from tests.support.host_listeners import RecordingInvoker, eventually, function, running, succeed, value
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus

# Connections are made once: the SDK takes a second to close one.
pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCK_S = 5.0  # the shortest that Service Bus allows
CONFIG = configuration(
    queues={
        "plain": {"LockDuration": "PT1M", "MaxDeliveryCount": 3},
        "stopped": {"LockDuration": "PT1M"},
        **{f"short-{n}": {"LockDuration": "PT5S"} for n in range(5)},
        "sessions": {"LockDuration": "PT5S", "RequiresSession": True},
    },
    topics={"news": {"Subscriptions": [{"Name": "all"}]}},
)
SESSIONS = {"maxConcurrentSessions": 2, "sessionIdleTimeout": "00:00:01"}


class Client:
    """Sends and looks, as another app would."""

    def __init__(self, connection_string: str) -> None:
        self.client = ServiceBusClient.from_connection_string(connection_string)
        self._senders: dict[str, ServiceBusSender] = {}
        self._receivers: dict[str, ServiceBusReceiver] = {}

    async def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        """Send messages to a queue or topic."""
        if queue not in self._senders:
            self._senders[queue] = self.client.get_queue_sender(queue)
        await self._senders[queue].send_messages(list(messages))

    async def left(self, queue: str) -> list[ServiceBusReceivedMessage]:
        """Look at what is in a queue, locked messages included."""
        if queue not in self._receivers:
            self._receivers[queue] = self.client.get_queue_receiver(queue)
        return await self._receivers[queue].peek_messages(100, sequence_number=1)

    async def close(self) -> None:
        handlers = (*self._senders.values(), *self._receivers.values())
        await asyncio.gather(*(handler.close() for handler in handlers))
        await self.client.close()


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServiceBusEmulator]:
    with service_bus(CONFIG) as running_emulator:
        yield running_emulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(emulator: ServiceBusEmulator) -> AsyncIterator[Client]:
    opened = Client(emulator.connection_string)
    yield opened
    await opened.close()


def listener(
    emulator: ServiceBusEmulator, invoker: RecordingInvoker, queue: str = "plain", *, host: Any = None, **trigger: Any
) -> Listener:
    trigger = trigger if "topicName" in trigger else {"queueName": queue, **trigger}
    return create_listener(
        function("serviceBusTrigger", **trigger),
        invoker,
        {"Connection": emulator.connection_string},
        {"extensions": {"serviceBus": host or {}}},
    )


async def test_a_message_becomes_a_call_and_is_completed(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    async with running(listener(emulator, invoker)):
        message = ServiceBusMessage(
            "Grüße",
            message_id="m-1",
            correlation_id="c-1",
            subject="s",
            application_properties={"app_id": "a", "n": 5, "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
        )
        await client.send("plain", message)
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
    assert await client.left("plain") == []


@pytest.mark.parametrize("error", [FunctionFailedError("no"), WorkerLostError("gone"), RuntimeError("a defect")])
async def test_a_failing_call_is_repeated_at_once_and_then_dead_lettered(
    emulator: ServiceBusEmulator, client: Client, error: Exception
) -> None:
    async def fail(invocation: Invocation) -> None:
        raise error

    invoker = RecordingInvoker(fail)
    began = time.monotonic()
    async with running(listener(emulator, invoker)):
        await client.send("plain", ServiceBusMessage("x"))
        await eventually(lambda: len(invoker.begun) == 3, "three deliveries")
        assert time.monotonic() - began < 10
    assert [value(call, "DeliveryCount").value for call in invoker.begun] == ["1", "2", "3"]
    dead = (await client.left("plain/$DeadLetterQueue"))[-1]
    assert (str(dead), dead.dead_letter_reason) == ("x", "MaxDeliveryCountExceeded")
    assert await client.left("plain") == []


async def test_no_more_calls_at_a_time_than_configured_and_no_message_locked_beyond_them(
    emulator: ServiceBusEmulator, client: Client
) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker, other_host = RecordingInvoker(wait), RecordingInvoker()
    await client.send("plain", *(ServiceBusMessage(str(n)) for n in range(10)))
    async with running(listener(emulator, invoker, host={"maxConcurrentCalls": 4})):
        await eventually(lambda: invoker.under_way == 4, "four calls")
        async with running(listener(emulator, other_host)):
            await eventually(lambda: len(other_host.ended) == 6, "the other six")
        gate.set()
        await eventually(lambda: len(invoker.ended) == 4, "the rest")
    assert invoker.most == 4
    assert sorted(map(int, invoker.texts() + other_host.texts())) == list(range(10))
    assert await client.left("plain") == []


async def test_every_message_of_a_backlog_is_called_with_once(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    for start in range(0, 1000, 250):
        await client.send("plain", *(ServiceBusMessage(str(n)) for n in range(start, start + 250)))
    async with running(listener(emulator, invoker, host={"maxConcurrentCalls": 16})):
        await eventually(lambda: len(invoker.ended) >= 1000, "all calls")
    assert sorted(map(int, invoker.texts())) == list(range(1000))
    assert {value(call, "DeliveryCount").value for call in invoker.begun} == {"1"}


async def test_prefetched_messages_are_called_with_once(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    await client.send("plain", *(ServiceBusMessage(str(n)) for n in range(100)))
    async with running(listener(emulator, invoker, host={"maxConcurrentCalls": 4, "prefetchCount": 20})):
        await eventually(lambda: len(invoker.ended) >= 100, "all calls")
    assert sorted(map(int, invoker.texts())) == list(range(100))
    assert await client.left("plain") == []


async def test_locks(emulator: ServiceBusEmulator, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.gather(
        locks_are_renewed_while_calls_are_under_way(emulator, client),
        locks_end_when_nothing_is_settled(emulator, client, caplog),
    )


async def locks_are_renewed_while_calls_are_under_way(emulator: ServiceBusEmulator, client: Client) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker, session_invoker = RecordingInvoker(wait), RecordingInvoker(wait)
    await client.send("short-0", *(ServiceBusMessage(str(n)) for n in range(3)))
    await client.send("sessions", ServiceBusMessage("s", session_id="long"))
    async with (
        running(listener(emulator, invoker, "short-0")),
        running(listener(emulator, session_invoker, "sessions", isSessionsEnabled=True, host=SESSIONS)),
    ):
        await eventually(lambda: invoker.under_way + session_invoker.under_way == 4, "the calls")
        await asyncio.sleep(LOCK_S + 2)  # that nothing happens can only be waited for
        gate.set()
        await eventually(lambda: len(invoker.ended) + len(session_invoker.ended) == 4, "the ends")
    assert len(invoker.begun) + len(session_invoker.begun) == 4
    assert await client.left("short-0") == []


async def locks_end_when_nothing_is_settled(
    emulator: ServiceBusEmulator, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
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
        await client.send(f"short-{n}", ServiceBusMessage("x"))
    stopping = listener(emulator, losing, "short-3"), listener(emulator, hanging, "short-4")
    options = {"maxAutoLockRenewalDuration": "00:00:00"}
    async with (
        running(listener(emulator, slow, "short-1", host=options)),
        running(listener(emulator, quick, "short-2", autoCompleteMessages=False)),
    ):
        for each in stopping:
            await each.start()
        await eventually(lambda: losing.under_way and hanging.under_way, "the calls")
        for each in stopping:
            await each.stop()
        lost.set()
        await stopping[0].drain()
        draining = asyncio.create_task(stopping[1].drain())
        await asyncio.sleep(0)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert hanging.under_way == 0
        async with (
            running(listener(emulator, next_one, "short-3")),
            running(listener(emulator, next_one, "short-4")),
        ):
            await eventually(lambda: len(next_one.ended) == 2, "deliveries to another host")
        assert time.monotonic() - began > LOCK_S - 1
        await eventually(lambda: len(quick.ended) == len(slow.ended) == 2, "deliveries after the locks' end")
    assert [value(call, "DeliveryCount").value for call in next_one.begun] == ["2", "2"]
    assert [value(call, "DeliveryCount").value for call in slow.begun] == ["1", "2"]
    assert [value(call, "DeliveryCount").value for call in quick.begun] == ["1", "2"]
    assert "the lock of message" in caplog.text


async def test_dead_letters_and_subscriptions_can_be_listened_to(emulator: ServiceBusEmulator, client: Client) -> None:
    async def fail(invocation: Invocation) -> None:
        raise FunctionFailedError("no")

    dead, news = RecordingInvoker(), RecordingInvoker()
    await client.send("plain", ServiceBusMessage("bad"))
    async with (
        running(listener(emulator, RecordingInvoker(fail))),
        running(listener(emulator, dead, "plain/$DeadLetterQueue")),
        running(listener(emulator, news, topicName="news", subscriptionName="all")),
    ):
        await client.send("news", ServiceBusMessage("hear"))
        await eventually(lambda: "bad" in dead.texts() and news.ended, "both calls")
    properties = json.loads(value(dead.begun[-1], "ApplicationProperties").value)
    assert properties["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert news.texts() == ["hear"]


async def test_stop_takes_no_more_and_lets_calls_end(emulator: ServiceBusEmulator, client: Client) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    invoker = RecordingInvoker(wait)
    working = listener(emulator, invoker, "stopped", host={"maxConcurrentCalls": 2})
    await client.send("stopped", *(ServiceBusMessage(str(n)) for n in range(3)))
    await working.start()
    await eventually(lambda: invoker.under_way == 2, "two calls")
    await working.stop()
    draining = asyncio.create_task(working.drain())
    gate.set()
    await draining
    assert len(invoker.ended) == 2
    assert [str(message) for message in await client.left("stopped")] == ["2"]


@pytest.mark.parametrize("data_type", ["STRING", "BINARY", None])
async def test_a_batch_is_one_call(emulator: ServiceBusEmulator, client: Client, data_type: str | None) -> None:
    invoker = RecordingInvoker()
    messages = [ServiceBusMessage(json.dumps({"n": n}), message_id=f"m{n}") for n in range(5)]
    messages[3].correlation_id = "only one"
    await client.send("plain", *messages)
    trigger = {"dataType": data_type} if data_type else {}
    async with running(listener(emulator, invoker, cardinality="MANY", **trigger)):
        await eventually(lambda: sum(len(_bodies(call)) for call in invoker.ended) == 5, "all messages")
    call = invoker.begun[0]
    bodies = [body for call in invoker.begun for body in _bodies(call)]
    assert bodies == [{"n": n} for n in range(5)]
    assert value(call, "MessageIdArray").value == ["m0", "m1", "m2", "m3", "m4"]
    assert value(call, "CorrelationIdArray").value == ["only one"]
    assert json.loads(value(call, "DeliveryCountArray").value) == [1] * 5
    assert json.loads(value(call, "UserPropertiesArray").value) == [{}] * 5
    assert call.trace_parent == ""
    assert await client.left("plain") == []


def _bodies(call: Invocation) -> list[Any]:
    datum = call.inputs["arg"]
    return json.loads(datum.value) if datum.kind == "json" else [json.loads(body) for body in datum.value]


async def test_a_failing_batch_is_abandoned_as_a_whole(emulator: ServiceBusEmulator, client: Client) -> None:
    async def fail_once(invocation: Invocation) -> None:
        if len(invoker.begun) == 1:
            raise FunctionFailedError("no")

    invoker = RecordingInvoker(fail_once)
    await client.send("plain", *(ServiceBusMessage(str(n)) for n in range(3)))
    async with running(listener(emulator, invoker, cardinality="MANY", dataType="STRING")):
        await eventually(lambda: sum(len(_bodies(call)) for call in invoker.ended) == 3, "all messages again")
    assert [json.loads(value(call, "DeliveryCountArray").value) for call in invoker.begun[:2]] == [[1] * 3, [2] * 3]


async def test_a_batch_without_data_type_must_be_json(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    await client.send("plain", ServiceBusMessage("{}"), ServiceBusMessage("not JSON"))
    async with running(listener(emulator, invoker, cardinality="MANY")):
        deadline = time.monotonic() + 20
        while await client.left("plain"):
            assert time.monotonic() < deadline, "still there"
    assert invoker.begun == []
    assert sorted(map(str, (await client.left("plain/$DeadLetterQueue"))[-2:])) == ["not JSON", "{}"]


async def test_a_backlog_comes_in_full_batches(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    await client.send("plain", *(ServiceBusMessage(str(n)) for n in range(250)))
    host = {"maxMessageBatchSize": 100}
    async with running(listener(emulator, invoker, cardinality="MANY", dataType="STRING", host=host)):
        await eventually(lambda: sum(map(len, invoker.texts())) >= 250, "all messages")
    assert max(map(len, invoker.texts())) == 100
    assert len(invoker.begun) <= 5
    assert invoker.most == 1


async def test_a_batch_waits_for_its_least_size(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    host = {"minMessageBatchSize": 4, "maxMessageBatchSize": 4, "maxBatchWaitTime": "00:00:02"}
    async with running(listener(emulator, invoker, cardinality="MANY", dataType="STRING", host=host)):
        for n in range(4):
            await client.send("plain", ServiceBusMessage(str(n)))
        await eventually(lambda: invoker.ended, "the full batch")
        began = time.monotonic()
        await client.send("plain", ServiceBusMessage("4"))
        await eventually(lambda: len(invoker.ended) == 2, "the batch that isn't full")
        assert time.monotonic() - began > 1.5
    assert invoker.texts() == [["0", "1", "2", "3"], ["4"]]


async def test_sessions_run_side_by_side_and_each_in_order(emulator: ServiceBusEmulator, client: Client) -> None:
    async def take_time(invocation: Invocation) -> None:
        await asyncio.sleep(0.02)

    invoker = RecordingInvoker(take_time)
    for n in range(5):
        await client.send("sessions", *(ServiceBusMessage(f"{s}{n}", session_id=s) for s in "abc"))
    async with running(listener(emulator, invoker, "sessions", isSessionsEnabled=True, host=SESSIONS)):
        await eventually(lambda: len(invoker.ended) == 15, "all messages")
    assert invoker.most == 2
    for session in "abc":
        assert [text for text in invoker.texts() if text[0] == session] == [f"{session}{n}" for n in range(5)]
    assert value(invoker.begun[0], "SessionId").value in "abc"


async def test_sessions_in_batches(emulator: ServiceBusEmulator, client: Client) -> None:
    invoker = RecordingInvoker()
    await client.send("sessions", *(ServiceBusMessage(f"b{n}", session_id="b") for n in range(4)))
    trigger = {"isSessionsEnabled": True, "cardinality": "MANY", "dataType": "STRING"}
    async with running(listener(emulator, invoker, "sessions", host=SESSIONS, **trigger)):
        await eventually(lambda: sum(len(texts) for texts in invoker.texts()) == 4, "all messages")
    assert [text for texts in invoker.texts() for text in texts] == [f"b{n}" for n in range(4)]


async def test_an_outage_is_told_once_and_outlived_also_by_calls_under_way(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()

    async def first_waits(invocation: Invocation) -> None:
        if invocation.inputs["arg"].value == "first":
            await gate.wait()

    invoker = RecordingInvoker(first_waits)
    caplog.set_level(logging.INFO)
    with service_bus(CONFIG) as emulator:
        client = Client(emulator.connection_string)
        async with running(listener(emulator, invoker)):
            await client.send("plain", ServiceBusMessage("first"))
            await eventually(lambda: invoker.under_way, "the first call")
            emulator.kill()
            await eventually(lambda: "Trying again" in caplog.text, "the report")
            await asyncio.sleep(1)  # time for a flood
            await asyncio.to_thread(emulator.restart)
            gate.set()
            await client.send("plain", ServiceBusMessage("second"))
            await eventually(lambda: len(invoker.ended) == 2, "the second call")
        assert "works again" in caplog.text
        assert await client.left("plain") == []
        await client.close()
    assert invoker.texts() == ["first", "second"]
    loud = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(loud) == 1, loud
    assert "function work, Service Bus entity 'plain': the service can't be reached" in loud[0]


async def test_a_missing_queue_is_told(emulator: ServiceBusEmulator, caplog: pytest.LogCaptureFixture) -> None:
    async with running(listener(emulator, RecordingInvoker(), "nowhere")):
        await eventually(lambda: "there is no such queue" in caplog.text, "the report")
