"""Where the settings are wrong: what is logged, and how long a message waits."""

import logging

import pytest

from shared.bootstrap import app
from shared.bootstrap.start import PAUSE_S, services_for_message
from shared.config_log import log_configuration
from shared.errors import ConfigurationError, StorageError
from tests.unit.config.broken import SOUND


@pytest.fixture(autouse=True)
def _no_log_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "start_log_shipping", lambda: None)


async def test_a_message_waits_and_all_that_is_wrong_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {**SOUND, "SLUICE_MAX_ATTEMPTS": "500", "OPENAI_TOKEN_LIMIT_PER_MINUTE": "lots"}.items():
        monkeypatch.setenv(name, value)
    waited: list[float] = []

    async def pause(delay_s: float) -> None:
        waited.append(delay_s)
        # Whoever reads the log needn't wait for the function to fail.
        assert "message_waits_for_settings" in caplog.text

    with pytest.raises(ConfigurationError) as caught:
        await services_for_message(pause)

    assert waited == [PAUSE_S]
    assert str(caught.value).startswith("The message stays in its queue")
    assert "SLUICE_MAX_ATTEMPTS: it must be" in str(caught.value)
    assert "OPENAI_TOKEN_LIMIT_PER_MINUTE: it must be" in str(caught.value)


async def test_other_failures_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: object) -> None:
        raise StorageError("The tables can't be reached.")

    async def pause(_: float) -> None:
        raise AssertionError("it waited")

    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "build", away)
    with pytest.raises(StorageError):
        await services_for_message(pause)


def test_ten_deliveries_leave_minutes_to_mend_the_settings() -> None:
    """Service Bus gives a message up after maxDeliveryCount (10); the host lets functions end within 30 s."""
    assert 10 * PAUSE_S >= 240
    assert PAUSE_S < 30


def test_the_log_names_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_configuration({**SOUND, "SLUICE_MAX_ATTEMPTS": "500", "SLUICE_MAX_ATEMPTS": "3"})
    lines = {record.levelname: record.getMessage() for record in caplog.records if "finding" in record.getMessage()}
    assert "settings=SLUICE_MAX_ATTEMPTS problem=" in lines["ERROR"]
    assert "settings=SLUICE_MAX_ATEMPTS problem=" in lines["WARNING"]
    last = caplog.records[-1]
    assert last.getMessage() == "configuration_checked status=unhealthy critical=1 warnings=1 recommendations=0"
    assert last.levelname == "ERROR"


def test_what_works_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_configuration(SOUND)
    assert [record.getMessage().split()[:2] for record in caplog.records] == [
        ["configuration_checked", "status=healthy"]
    ]


def test_a_check_that_fails_does_not_keep_the_app_from_starting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("shared.config_log.ConfigValidator", fail)
    assert log_configuration(SOUND) is None
    assert "configuration_check_failed error=RuntimeError" in caplog.text
