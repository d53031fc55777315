"""The sender: calls for one queue take turns and leave in batches; errors are ours."""

import asyncio
from typing import Any

import pytest
from azure.servicebus import exceptions as bus_errors

from shared.config import Connection
from shared.errors import MessagingError, UnknownQueueError
from shared.messages import OutgoingMessage
from shared.messaging import sender as module
from shared.messaging.sender import ServiceBusMessageSender
from tests.support.recording import recording, traceparent_of


class FakeClient:
    """Stands in for the SDK's client: the transport."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.properties: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self.busy = False

    def get_queue_sender(self, queue: str) -> "FakeClient":
        return self

    async def send_messages(self, messages: list[Any]) -> None:
        assert not self.busy, "the SDK's senders must not be shared"
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append([m.message_id for m in messages])
        self.properties += [dict(m.application_properties) for m in messages]

    async def close(self) -> None:
        pass


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(module, "open_client", lambda _: fake)
    return fake


def _messages(*ids: str, size: int = 10) -> list[OutgoingMessage]:
    return [OutgoingMessage(i, "x" * size) for i in ids]


async def test_concurrent_calls_are_gathered(client: FakeClient) -> None:
    sender = ServiceBusMessageSender(Connection("c"))
    await asyncio.gather(*(sender.send("q", _messages(f"m{i}")) for i in range(150)))
    assert sorted(i for b in client.batches for i in b) == sorted(f"m{i}" for i in range(150))
    assert len(client.batches) <= 4


async def test_large_messages_split_batches(client: FakeClient) -> None:
    await ServiceBusMessageSender(Connection("c")).send("q", _messages("a", "b", "c", size=80_000))
    assert client.batches == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (bus_errors.MessagingEntityNotFoundError(), UnknownQueueError),
        (bus_errors.ServiceBusAuthorizationError(), UnknownQueueError),
        (bus_errors.ServiceBusConnectionError(), MessagingError),
        (OSError("gone"), MessagingError),
    ],
)
async def test_errors_are_ours_and_the_next_call_works(
    client: FakeClient, raised: Exception, expected: type[Exception]
) -> None:
    sender = ServiceBusMessageSender(Connection("c"))
    client.errors = [raised]
    with pytest.raises(expected, match="q"):
        await sender.send("q", _messages("a"))
    await sender.send("q", _messages("b"))
    assert client.batches == [["b"]]


async def test_a_cancelled_call_does_not_hang_the_others(client: FakeClient) -> None:
    sender = ServiceBusMessageSender(Connection("c"))
    first = asyncio.create_task(sender.send("q", _messages("a")))
    second = asyncio.create_task(sender.send("q", _messages("b")))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises((asyncio.CancelledError, MessagingError)):
        await first
    await asyncio.wait_for(asyncio.gather(second, return_exceptions=True), 2)


async def test_a_message_carries_the_span_that_sent_it_by_both_names(client: FakeClient) -> None:
    given = f"00-{'a' * 32}-{'b' * 16}-01"
    message = OutgoingMessage("a", "x", properties={"app_id": "shop", "traceparent": given})
    with recording() as recorded:
        await ServiceBusMessageSender(Connection("c")).send("q", [message])
    carried = traceparent_of(recorded.span("send q"))
    assert carried[:36] == given[:36]
    assert client.properties == [{"app_id": "shop", "traceparent": carried, "Diagnostic-Id": carried}]


async def test_without_telemetry_a_message_carries_what_it_was_given(client: FakeClient) -> None:
    given = f"00-{'a' * 32}-{'b' * 16}-00"
    sent = [OutgoingMessage("a", "x", properties={"traceparent": given}), OutgoingMessage("b", "x")]
    await ServiceBusMessageSender(Connection("c")).send("q", sent)
    assert client.properties == [{"traceparent": given, "Diagnostic-Id": given}, {}]
