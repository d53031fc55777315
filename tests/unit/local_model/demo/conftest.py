"""The demonstration engine's models, loaded once."""

import pytest

from local.model.demo.reading import Tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    return Tools.load()
