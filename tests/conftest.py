"""Fixtures that tests of several parts share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.azurite import Azurite, azurite

# How fast a machine is at the moment is not what the tests are about.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")


@pytest.fixture(scope="session")
def shared_azurite() -> Iterator[Azurite]:
    """One Azurite for all tests that only need storage. Use names of your own in it; never kill it."""
    with azurite() as server:
        yield server
