from collections.abc import Iterator

import pytest

from tests.support.recording import Recorded, recording


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Spans and metrics, kept in memory."""
    with recording() as found:
        yield found
