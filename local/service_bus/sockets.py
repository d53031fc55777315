"""Listening on one port of several addresses."""

import errno
import socket
from collections.abc import Sequence

_BACKLOG = 128
_PORT_ATTEMPTS = 20
# The machine has no such address, such as ::1 in many containers.
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(Exception):
    """No socket could be opened; the text says on what and why."""


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Sockets on the same port of all hosts; addresses that this machine lacks are left out.

    Args:
        port: 0 picks one that is free on all of them.

    Raises:
        ListenError: a host is unknown, the port is taken, or the machine has none of the addresses.
    """
    # A port that is free on the first address may be taken on the next: then another one is picked.
    for _ in range(_PORT_ATTEMPTS if port == 0 else 1):
        sockets: list[socket.socket] = []
        chosen = port
        try:
            for host in hosts:
                opened = _open(host, chosen)
                if opened:
                    sockets.append(opened)
                    chosen = opened.getsockname()[1]
        except OSError as error:
            for opened in sockets:
                opened.close()
            problem = ListenError(f"{host}, port {chosen}: {error.strerror or error}")
            continue
        if sockets:
            return sockets
        problem = ListenError(f"this machine has none of the addresses {', '.join(hosts)}")
    raise problem


def _open(host: str, port: int) -> socket.socket | None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    try:
        server = socket.socket(family, kind)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind(address)
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        if error.errno in _ABSENT:
            return None
        raise
    return server
