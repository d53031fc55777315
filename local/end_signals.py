"""SIGTERM and SIGINT for servers on an event loop, without the moment at the end in which they would kill."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def end_signals(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` in the running event loop at every SIGTERM and SIGINT. After the block the process is deaf to both.

    The loop's own add_signal_handler() restores the default action when it is removed or the loop is closed: one more
    signal in that moment would make the clean end a killed one. So the handlers here do nothing but wake the loop.
    """
    loop = asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)

    def on_signal() -> None:
        for _ in reader.recv(64):
            act()

    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    loop.add_reader(reader, on_signal)
    for number in _NUMBERS:
        signal.signal(number, lambda _number, _frame: None)
    try:
        yield
    finally:
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(before)
        loop.remove_reader(reader)
        reader.close()
        writer.close()
