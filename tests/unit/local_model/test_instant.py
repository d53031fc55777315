"""The engine of fixed answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.model.engines.instant import InstantEngine, flac_duration_s
from tests.unit.test_source_documents import ROOT

SPEECH = ROOT / "cli" / "samples" / "inaugural.flac"


async def test_a_recording_is_as_long_as_it_says() -> None:
    heard = await InstantEngine().transcribe(SPEECH.read_bytes())
    assert heard.duration_s == pytest.approx(11.0, abs=0.1)
    assert (await InstantEngine().transcribe(b"RIFF")).duration_s == 1.0


@given(st.binary(max_size=40), st.booleans())
def test_any_file_is_none_or_has_a_length(data: bytes, marked: bool) -> None:
    found = flac_duration_s(b"fLaC" + data if marked else data)
    assert found is None or found > 0
