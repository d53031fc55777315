"""Whether something listens at an address: said at once, where the SDKs try again for a while."""

import asyncio
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

from shared.config import Connection
from shared.errors import MessagingError, TransientError

_PORTS = {"https": 443, "http": 80, "amqps": 5671, "amqp": 5672}


async def knock(address: str) -> None:
    """Open a connection and close it.

    Args:
        address: with a scheme and a host.

    Raises:
        TransientError: the host isn't known, or nothing listens there.
    """
    parts = urlsplit(address)
    if parts.scheme in getproxies():
        return  # the SDK goes another way
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        raise TransientError(f"no machine is known by the name {host} (DNS).") from None
    except OSError as error:
        raise TransientError(f"{host} takes no connections at port {port} ({type(error).__name__}).") from None
    writer.close()


def bus_address(connection: Connection) -> str:
    """Where Service Bus listens.

    Raises:
        MessagingError: the connection string names no endpoint.
    """
    if connection.connection_string is None:
        return f"amqps://{connection.address}"
    parts = dict(part.partition("=")[::2] for part in connection.connection_string.split(";"))
    host = urlsplit(parts.get("Endpoint", "")).netloc
    if not host:
        raise MessagingError("the connection string names no endpoint.")
    # As the SDK does: the emulator speaks without TLS.
    scheme = "amqp" if parts.get("UseDevelopmentEmulator", "").lower() == "true" else "amqps"
    return f"{scheme}://{host}"
