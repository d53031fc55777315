"""Fixtures that tests of several parts share."""

from collections.abc import Iterator

import pytest

from tests.support.azurite import Azurite, azurite


@pytest.fixture(scope="session")
def shared_azurite() -> Iterator[Azurite]:
    """One Azurite for all tests that only need storage. Use names of your own in it; never kill it."""
    with azurite() as server:
        yield server
