"""What queues know of the receivers that take messages from them."""

from dataclasses import dataclass, field
from typing import Protocol

from local.service_bus.message import Message


class Consumer(Protocol):
    """A receiver's link."""

    waiting: bool
    """Whether it stands in the queue's line; kept by the queue."""
    receive_and_delete: bool

    def wants_message(self) -> bool:
        """Whether it has credit left and can be written to."""
        ...

    def deliver(self, message: Message) -> None: ...


class SessionConsumer(Consumer, Protocol):
    """A receiver's link that holds a session, or waits for one."""

    name: str

    def session_granted(self, session: "MessageSession") -> None: ...

    def session_lost(self) -> None:
        """The session lock expired."""
        ...

    def session_timed_out(self) -> None:
        """No session with messages came free in time."""
        ...


@dataclass(slots=True, eq=False)
class MessageSession:
    """One session: its lock, its state, and the numbers of its messages that are ready."""

    id: str
    holder: SessionConsumer | None = None
    locked_until_ms: int = 0
    state: bytes | None = None
    state_updated_ms: int = 0
    ready: list[int] = field(default_factory=list)
