"""Fixtures for connections without sockets."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.unit.service_bus.helpers import Bench


@pytest.fixture
def bench() -> Bench:
    """A broker with a plain and a session queue."""
    return Bench({"q": {"LockDuration": "PT5S"}, "s": {"RequiresSession": True}})


@pytest.fixture
def still_loop() -> Iterator[None]:
    """Connections set timers on the running loop: here one that never turns."""
    loop = asyncio.new_event_loop()
    asyncio._set_running_loop(loop)
    yield
    asyncio._set_running_loop(None)
    loop.close()
