import pytest

from shared.config_reader import Reader
from shared.errors import ConfigurationError
from shared.run_settings import Price, read_run_settings
from shared.runs.estimate import Quota, duration_s


def test_what_is_scarcer_decides() -> None:
    assert duration_s(100, 100_000, Quota(tpm=10_000, rpm=1_000)) == pytest.approx(605)
    assert duration_s(100, 1_000, Quota(tpm=10_000, rpm=10)) == pytest.approx(605)
    assert duration_s(0, 0, Quota(tpm=1, rpm=1)) == 0


def test_what_waits_comes_first_and_a_bias_slows_down() -> None:
    plain = duration_s(10, 10_000, Quota(10_000, 1_000))
    assert duration_s(10, 10_000, Quota(10_000, 1_000, backlog_calls=10, backlog_tokens=10_000)) == 2 * plain
    assert duration_s(10, 10_000, Quota(10_000, 1_000, bias=1.1)) == pytest.approx(1.1 * plain)
    assert duration_s(10, 10_000, Quota(10_000, 1_000, frozen_s=20)) == plain + 20


def test_prices_are_of_a_million_tokens() -> None:
    settings = read_run_settings(Reader({"SLUICE_PRICES": "m=0.15/0.60, gpt-4o=2.5/10"}))
    assert settings.prices["m"] == Price(0.15, 0.60)
    assert settings.prices["m"].of(2_000_000, 1_000_000) == pytest.approx(0.9)


@pytest.mark.parametrize("text", ["gpt-4o", "gpt-4o=1", "=1/2", "gpt-4o=a/b", "gpt-4o=-1/2", "gpt-4o=nan/1"])
def test_wrong_prices_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SLUICE_PRICES"):
        read_run_settings(Reader({"SLUICE_PRICES": text}))
