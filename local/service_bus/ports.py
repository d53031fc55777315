"""What links need of the AMQP session and the connection that carry them."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from local.service_bus.broker import Broker
from local.service_bus.queue import Queue


class LinkPort(Protocol):
    """A link, as its session sees it in a flow."""

    handle: int
    credit: int
    delivery_count: int


class Blocked(Protocol):
    """A link that has messages to send and can't."""

    def unblock(self) -> None:
        """The connection can be written to again."""
        ...


class ConnectionPort(Protocol):
    """A client's connection."""

    max_frame_bytes: int
    """The largest frame that the client takes."""
    blocked: dict[Blocked, None]

    @property
    def writable(self) -> bool:
        """Whether it is worth handing out messages to this client now."""
        ...

    def write(self, data: bytes) -> None:
        """Write at the end of the turn, after the commit."""
        ...

    def unblock(self) -> None:
        """Let the links go on that could not send."""
        ...

    def links(self) -> Iterator[LinkPort]:
        """All links of all sessions."""
        ...


class SessionPort(Protocol):
    """The broker's end of an AMQP session."""

    broker: Broker
    channel: int
    deliveries: dict[int, tuple[Queue, bytes]]
    """Unsettled deliveries to the peer: queue and lock tag by delivery id."""

    @property
    def connection(self) -> ConnectionPort: ...

    @property
    def links(self) -> Sequence[LinkPort]: ...

    def write(self, code: int, fields: Sequence[Any]) -> None:
        """Write a frame on the session's channel."""
        ...

    def next_delivery_id(self) -> int: ...

    def can_send(self) -> bool:
        """Whether a message would leave at once."""
        ...

    def send_transfer(self, data: bytes) -> None:
        """Write a transfer frame, or keep it until the peer's window opens."""
        ...

    def send_flow(self, link: LinkPort | None = None, *, drain: bool = False) -> None: ...

    def forget_link(self, handle: int) -> None:
        """This side detaches or refuses the link."""
        ...
