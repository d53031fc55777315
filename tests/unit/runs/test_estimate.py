import json
from pathlib import Path

import pytest

from shared.config_reader import Reader
from shared.errors import ConfigurationError
from shared.jobs.call_needs import Needs
from shared.run_settings import Price, Rates, read_run_settings
from shared.runs.estimate import Quota, duration_s, latest_s

ROOT = Path(__file__).parents[3]


def test_what_is_scarcer_decides() -> None:
    assert duration_s(100, 100_000, Quota(tpm=10_000, rpm=1_000)) == pytest.approx(605)
    assert duration_s(100, 1_000, Quota(tpm=10_000, rpm=10)) == pytest.approx(605)
    assert duration_s(0, 0, Quota(tpm=1, rpm=1)) == 0


def test_what_waits_comes_first_and_a_bias_slows_down() -> None:
    plain = duration_s(10, 10_000, Quota(10_000, 1_000))
    assert duration_s(10, 10_000, Quota(10_000, 1_000, backlog_calls=10, backlog_tokens=10_000)) == 2 * plain
    assert duration_s(10, 10_000, Quota(10_000, 1_000, bias=1.1)) == pytest.approx(1.1 * plain)
    assert duration_s(10, 10_000, Quota(10_000, 1_000, frozen_s=20)) == plain + 20


def test_of_several_deployments_the_latest_counts() -> None:
    chat, whisper = Quota(tpm=10_000, rpm=60), Quota(tpm=1_000_000, rpm=3)
    assert latest_s([(Needs(10, 10_000), chat), (Needs(6, 6), whisper)], 5) == pytest.approx(126)
    assert latest_s([(Needs(10, 40_000), chat), (Needs(6, 6), whisper)], 5) == pytest.approx(247)
    assert latest_s([], 5) == 0


def test_money_is_of_tokens_and_of_minutes() -> None:
    assert Rates(Price(0.15, 0.60)).of(2_000_000, 1_000_000) == pytest.approx(0.9)
    assert Rates(None, 0.006).of(0, 0, 90) == pytest.approx(0.009)
    assert Rates(Price(1, 1), 0.006).of(500_000, 500_000, 60) == pytest.approx(1.006)
    assert Rates(None, 0.006).of(1, 1) is None
    assert Rates(Price(1, 1)).of(0, 0, 90) is None
    assert Rates(None).of(0, 0) == 0


def test_prices_are_of_a_million_tokens() -> None:
    settings = read_run_settings(Reader({"SLUICE_PRICES": "m=0.15/0.60, gpt-4o=2.5/10"}))
    assert settings.prices["m"] == Price(0.15, 0.60)
    assert settings.prices["m"].of(2_000_000, 1_000_000) == pytest.approx(0.9)


def test_prices_of_a_minute() -> None:
    settings = read_run_settings(Reader({"SLUICE_PRICES": "m=1/2, whisper=0.006/min"}))
    assert settings.minute_prices == {"whisper": 0.006}
    assert settings.prices == {"m": Price(1, 2)}


def test_the_models_that_are_deployed_have_prices() -> None:
    models = json.loads((ROOT / "infra" / "models.json").read_text())
    settings = read_run_settings(Reader({}))
    names = {role: models[role]["model"]["name"] for role in ("chat", "reasoning", "transcription")}
    assert names["chat"] in settings.prices
    assert names["reasoning"] in settings.prices
    assert names["transcription"] in settings.minute_prices


@pytest.mark.parametrize(
    "text",
    ["whisper=/min", "whisper=0.006/hour", "gpt-4o", "gpt-4o=1", "=1/2", "gpt-4o=a/b", "gpt-4o=-1/2", "gpt-4o=nan/1"],
)
def test_wrong_prices_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SLUICE_PRICES"):
        read_run_settings(Reader({"SLUICE_PRICES": text}))
