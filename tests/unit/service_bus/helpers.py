"""A broker without sockets, on a clock that the test moves."""

from collections.abc import Mapping
from typing import Any

from local.service_bus.amqp_types import Described, Symbol, Timestamp
from local.service_bus.broker import Broker
from local.service_bus.config import parse_config
from local.service_bus.consumers import MessageSession
from local.service_bus.decode import decode
from local.service_bus.encode import encode, uint
from local.service_bus.message import Message
from local.service_bus.message_parser import ANNOTATIONS, APPLICATION_PROPERTIES, HEADER, PROPERTIES, parse_message
from local.service_bus.persistence import Store
from local.service_bus.queue import Queue
from local.service_bus.session_queue import SessionQueue
from tests.support.service_bus import configuration

START_MS = 1_800_000_000_000
SECOND_MS = 1000
MINUTE_MS = 60_000


def encoded_message(
    body: bytes = b"body",
    *,
    message_id: Any = None,
    session_id: str | None = None,
    ttl_ms: int | None = None,
    scheduled_ms: int | None = None,
    properties: Mapping[str, Any] | None = None,
    subject: str | None = None,
) -> bytes:
    """The bytes that a sender would write."""
    fields = [message_id, None, None, subject, None, None, None, None, None, None, session_id]
    sections = [Described(PROPERTIES, fields)]
    if ttl_ms is not None:
        sections.insert(0, Described(HEADER, [None, None, uint(ttl_ms)]))
    if scheduled_ms is not None:
        sections.append(Described(ANNOTATIONS, {Symbol("x-opt-scheduled-enqueue-time"): Timestamp(scheduled_ms)}))
    if properties is not None:
        sections.append(Described(APPLICATION_PROPERTIES, dict(properties)))
    return b"".join(map(encode, [*sections, Described(0x75, body)]))


def message(body: bytes = b"body", **fields: Any) -> Message:
    return parse_message(encoded_message(body, **fields))


def body_of(item: Message) -> bytes:
    value = decode(item.body, 3)[0]
    assert isinstance(value, bytes)
    return value


def application_properties(item: Message) -> dict[str, Any]:
    return dict(decode(item.application_properties, 3)[0]) if item.application_properties else {}


class FakeConsumer:
    """A receiver with a fixed credit that keeps what it gets."""

    def __init__(self, credit: int = 1000, *, receive_and_delete: bool = False, name: str = "link") -> None:
        self.name = name
        self.credit = credit
        self.receive_and_delete = receive_and_delete
        self.waiting = False
        self.received: list[Message] = []
        self.bodies: list[bytes] = []
        self.session: MessageSession | None = None
        self.events: list[str] = []

    def wants_message(self) -> bool:
        return self.credit > 0

    def deliver(self, item: Message) -> None:
        self.credit -= 1
        self.received.append(item)
        self.bodies.append(body_of(item))

    def session_granted(self, session: MessageSession) -> None:
        self.session = session
        self.events.append(f"granted {session.id}")

    def session_lost(self) -> None:
        self.events.append("lost")

    def session_timed_out(self) -> None:
        self.events.append("timed out")


class Bench:
    """A broker, its clock, and its store in memory."""

    def __init__(
        self,
        queues: Mapping[str, Mapping[str, Any]] | None = None,
        topics: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        self.now_ms = START_MS
        self.store = store or Store(None)
        self.broker = Broker(parse_config(configuration(queues, topics)), self.store, lambda: self.now_ms)

    def queue(self, path: str = "q") -> Queue:
        found = self.broker.queue(path)
        assert found is not None
        return found

    def session_queue(self, path: str = "q") -> SessionQueue:
        found = self.queue(path)
        assert isinstance(found, SessionQueue)
        return found

    def dead_letters(self, path: str = "q") -> Queue:
        return self.queue(f"{path}/$DeadLetterQueue")

    def send(self, *bodies: bytes, to: str = "q", **fields: Any) -> list[int]:
        numbers = self.broker.destination(to).send([message(body, **fields) for body in bodies])
        self.settle()
        return numbers

    def receive(self, path: str = "q", credit: int = 1000, **options: Any) -> FakeConsumer:
        """A new consumer that has taken what there is, and stands in line where it has credit left."""
        consumer = FakeConsumer(credit, **options)
        self.queue(path).subscribe(consumer)
        self.settle()
        return consumer

    def settle(self) -> None:
        self.broker.turn.end()

    def advance(self, ms: int) -> None:
        """Let time pass, and everything happen that was due."""
        self.now_ms += ms
        self.broker.timers.run_due()
        self.settle()
