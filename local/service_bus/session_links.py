"""The link of a client that receives the messages of one session."""

from local.service_bus.amqp_types import Symbol
from local.service_bus.attach_request import AttachRequest
from local.service_bus.consumers import MessageSession
from local.service_bus.encode import long
from local.service_bus.entity_links import EntityReceiverLink
from local.service_bus.errors import TIMEOUT, ServiceBusError, session_lock_lost
from local.service_bus.ports import SessionPort
from local.service_bus.session_queue import SessionQueue

_TIMEOUT_PROPERTY = Symbol("com.microsoft:timeout")
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
_DEFAULT_TIMEOUT_MS = 60_000
_MAX_TIMEOUT_MS = 24 * 3_600_000
_TICKS_AT_UNIX_EPOCH = 621_355_968_000_000_000
"""100 ns steps from the year 1, in which .NET counts."""


class SessionReceiverLink(EntityReceiverLink):
    """Answers its attach only when it has a session."""

    def __init__(self, session: SessionPort, request: AttachRequest, queue: SessionQueue) -> None:
        super().__init__(session, request, queue)
        self._sessions = queue

    def open(self) -> None:
        asked = (self.request.attach.properties or {}).get(_TIMEOUT_PROPERTY)
        timeout_ms = asked if type(asked) is int and 0 <= asked <= _MAX_TIMEOUT_MS else _DEFAULT_TIMEOUT_MS
        self._sessions.accept(self, self.request.session_id, timeout_ms)

    def session_granted(self, session: MessageSession) -> None:
        ticks = session.locked_until_ms * 10_000 + _TICKS_AT_UNIX_EPOCH
        source = self.request.source_with_session(session.id)
        self.request.accept(self.session, source, {_LOCKED_UNTIL: long(ticks)})
        if self.credit:  # It was granted while the link waited.
            self._sessions.subscribe(self)

    def session_timed_out(self) -> None:
        self.session.forget_link(self.handle)
        text = "The operation did not complete within the allocated time."
        self.request.refuse(self.session, ServiceBusError(TIMEOUT, text, 408))
        self.release()

    def session_lost(self) -> None:
        self.detach(session_lock_lost())
