"""One client's connection: bytes to frames, frames to sessions, and the ways in which it ends.

Whatever a client sends, only its own connection suffers: it gets a close with an error where it can still read one.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from typing import cast

from local.service_bus.amqp_session import AmqpSession, begin_reply
from local.service_bus.broker import Broker
from local.service_bus.encode import symbol_array, ubyte, uint, ushort
from local.service_bus.errors import FRAMING_ERROR, INTERNAL_ERROR, NOT_ALLOWED, ProtocolError, error_value
from local.service_bus.link import Link
from local.service_bus.performatives import (
    AMQP_FRAME,
    AMQP_HEADER,
    BEGIN,
    CLOSE,
    EMPTY_FRAME,
    END,
    OPEN,
    SASL_FRAME,
    SASL_HEADER,
    SASL_INIT,
    SASL_MECHANISMS,
    SASL_OUTCOME,
    Begin,
    Open,
    Performative,
    SaslInit,
    frame,
    parse_performative,
)
from local.service_bus.ports import Blocked

MAX_FRAME_BYTES = 65_536
CHANNEL_MAX = 255
HANDSHAKE_TIMEOUT_S = 30.0
"""A connection that has not opened by then is dropped: it holds a socket and does nothing."""
_LINGER_S = 5.0
"""How long a closing connection may take to read its last bytes."""
_OUTPUT_LIMIT = 1024 * 1024
"""Bytes waiting to be written, above which no more messages are handed out to the client."""
_MIN_HEARTBEAT_S = 0.5
_FRAME_HEAD_BYTES = 8
_HEADER_PHASE, _SASL_PHASE, _OPEN_PHASE, _OPENED, _CLOSING = range(5)
# All lead in: nobody is authenticated.
_MECHANISMS = ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")

logger = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One connection. Adds itself to `connections` while it lasts."""

    def __init__(self, broker: Broker, connections: "set[Connection]") -> None:
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.blocked: dict[Blocked, None] = {}
        self._broker = broker
        self._connections = connections
        self._sessions: dict[int, AmqpSession] = {}
        self._ended_channels: set[int] = set()
        self._phase = _HEADER_PHASE
        self._input = b""
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    # Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_OUTPUT_LIMIT)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)
        self._call_later(HANDSHAKE_TIMEOUT_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._phase = _CLOSING
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._end_sessions()
        self._broker.turn.request_end()

    def _call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, callback)

    def pause_writing(self) -> None:
        # A client that doesn't read is not read either, or its requests would pile up replies.
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._transport.resume_reading()
        self.unblock()

    @property
    def writable(self) -> bool:
        return not self._paused and self._output_bytes < _OUTPUT_LIMIT

    def unblock(self) -> None:
        blocked, self.blocked = self.blocked, {}
        for link in blocked:
            link.unblock()

    def write(self, data: bytes) -> None:
        self._output.append(data)
        self._output_bytes += len(data)
        self._broker.turn.will_write(self)

    def flush(self) -> None:
        data = b"".join(self._output)
        self._output.clear()
        self._output_bytes = 0
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._phase == _CLOSING:
            self._transport.close()
            self._call_later(_LINGER_S, self._transport.abort)
        elif self.blocked and not self._paused:
            self.unblock()

    # Frames

    def data_received(self, data: bytes) -> None:
        data = self._input + data if self._input else data
        position, end = 0, len(data)
        try:
            while end - position >= _FRAME_HEAD_BYTES and self._phase != _CLOSING:
                if self._phase == _HEADER_PHASE:
                    self._on_header(data[position : position + _FRAME_HEAD_BYTES])
                    position += _FRAME_HEAD_BYTES
                    continue
                size = int.from_bytes(data[position : position + 4])
                start = position + data[position + 4] * 4
                if not _FRAME_HEAD_BYTES <= data[position + 4] * 4 <= size <= MAX_FRAME_BYTES:
                    raise ProtocolError(FRAMING_ERROR, f"a frame of {size} bytes is malformed or too large")
                if end - position < size:
                    break
                if start < position + size:
                    channel = int.from_bytes(data[position + 6 : position + 8])
                    self._on_frame(data[position + 5], channel, data[start : position + size])
                position += size
        except ProtocolError as error:
            logger.warning("connection closed: %s", error)
            self._close(error)
        except Exception:
            # A bug of ours must not take the other connections down.
            logger.exception("connection closed after an internal error")
            self._close(ProtocolError(INTERNAL_ERROR, "The broker failed to process a frame."))
        self._input = b"" if self._phase == _CLOSING else data[position:]
        self._broker.turn.request_end()

    def _on_header(self, header: bytes) -> None:
        if header == SASL_HEADER:
            self._phase = _SASL_PHASE
            self.write(SASL_HEADER + frame(0, SASL_MECHANISMS, [symbol_array(_MECHANISMS)], SASL_FRAME))
        elif header == AMQP_HEADER:
            self._phase = _OPEN_PHASE
            self.write(AMQP_HEADER)
        else:
            # The specification's answer to an unknown protocol: the header we would have liked, and the end.
            self._phase = _CLOSING
            self.write(AMQP_HEADER)

    def _on_frame(self, frame_type: int, channel: int, body: bytes) -> None:
        code, performative, payload_start = parse_performative(body)
        if self._phase == _SASL_PHASE:
            if frame_type != SASL_FRAME or code != SASL_INIT:
                raise ProtocolError(FRAMING_ERROR, "sasl-init is expected")
            self._on_sasl_init(cast(SaslInit, performative))
        elif frame_type != AMQP_FRAME or channel > CHANNEL_MAX:
            raise ProtocolError(FRAMING_ERROR, f"a frame of type {frame_type} on channel {channel} is not expected")
        elif self._phase == _OPEN_PHASE:
            if code != OPEN:
                raise ProtocolError(NOT_ALLOWED, "open is expected")
            self._on_open(cast(Open, performative))
        else:
            self._on_session_frame(code, channel, performative, body, payload_start)

    def _on_sasl_init(self, init: SaslInit) -> None:
        if init.mechanism not in _MECHANISMS:
            raise ProtocolError(NOT_ALLOWED, "the SASL mechanism is not offered")
        self._phase = _HEADER_PHASE
        self.write(frame(0, SASL_OUTCOME, [ubyte(0)], SASL_FRAME))

    def _on_open(self, peer: Open) -> None:
        if peer.max_frame_size is not None:
            if peer.max_frame_size < 512:
                raise ProtocolError(NOT_ALLOWED, "max-frame-size is below 512, the least that AMQP allows")
            self.max_frame_bytes = min(MAX_FRAME_BYTES, peer.max_frame_size)
        self._phase = _OPENED
        self._write_open(peer.hostname)
        if peer.idle_timeout_ms:
            self._beat(max(peer.idle_timeout_ms / 2000, _MIN_HEARTBEAT_S))
        elif self._timer:
            self._timer.cancel()

    def _write_open(self, hostname: str | None) -> None:
        self.write(frame(0, OPEN, ["sluice-service-bus", hostname, uint(MAX_FRAME_BYTES), ushort(CHANNEL_MAX)]))

    def _beat(self, interval_s: float) -> None:
        self.write(EMPTY_FRAME)
        self._call_later(interval_s, lambda: self._beat(interval_s))

    def _on_session_frame(
        self, code: int, channel: int, performative: Performative, body: bytes, payload_start: int
    ) -> None:
        if code == CLOSE:
            self._end_sessions()
            self._phase = _CLOSING
            self.write(frame(0, CLOSE, []))
            return
        if code == OPEN:
            raise ProtocolError(NOT_ALLOWED, "the connection is open already")
        session = self._sessions.get(channel)
        if code == BEGIN:
            if session:
                raise ProtocolError(NOT_ALLOWED, f"channel {channel} has a session already")
            self._sessions[channel] = AmqpSession(self, self._broker, channel, cast(Begin, performative))
            self.write(begin_reply(channel))
        elif session is None:
            # The Python SDK detaches links after it ended their session.
            if channel not in self._ended_channels:
                raise ProtocolError(NOT_ALLOWED, f"channel {channel} has no session")
        elif code == END:
            del self._sessions[channel]
            self._ended_channels.add(channel)
            if not session.ended:
                session.close()
                self.write(frame(channel, END, []))
        else:
            session.on_frame(code, performative, body, payload_start)

    # Ending

    def links(self) -> Iterator[Link]:
        for session in self._sessions.values():
            yield from session.links

    def _end_sessions(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.close()

    def close(self, condition: str, description: str) -> None:
        """End the connection from this side, telling the client why."""
        self._close(ProtocolError(condition, description))

    def _close(self, error: ProtocolError) -> None:
        if self._phase == _CLOSING:
            return
        self._end_sessions()
        if self._phase == _OPEN_PHASE:
            self._write_open(None)
        if self._phase in (_OPEN_PHASE, _OPENED):
            self.write(frame(0, CLOSE, [error_value(error.condition, error.description)]))
        self._phase = _CLOSING
        self._broker.turn.will_write(self)
