"""Settings of logs."""

from pathlib import Path

import pytest

from shared.config import log_settings, log_triggers, storage_connections
from shared.errors import ConfigurationError


def test_defaults() -> None:
    settings = log_settings({})
    assert (settings.on, settings.app, settings.container, settings.level) == (True, "sluice", "sluice-logs", "INFO")
    assert (settings.rotation_s, settings.daily, settings.rotation_bytes) == (60.0, False, 8_000_000)
    assert (settings.quiet_s, settings.scan_s, settings.retention_days) == (10.0, 1.0, 30)
    assert settings.own_folder == settings.folder / settings.machine


def test_what_can_be_set() -> None:
    env = {
        "SLUICE_LOGS": "OFF",
        "SLUICE_LOGS_APP": "my app",
        "SLUICE_LOGS_DIR": "/var/logs",
        "SLUICE_LOGS_ROTATION_S": "Daily",
        "SLUICE_LOGS_QUIET_S": "0",
        "SLUICE_LOGS_LEVEL": "debug",
        "WEBSITE_INSTANCE_ID": "0123456789abcdef0123",
    }
    settings = log_settings(env)
    assert (settings.on, settings.app, settings.level) == (False, "my-app", "DEBUG")
    assert (settings.rotation_s, settings.daily, settings.quiet_s) == (None, True, None)
    assert settings.own_folder == Path("/var/logs/89abcdef0123")
    assert log_settings({"SLUICE_LOGS_ROTATION_S": "0"}).rotation_s is None


def test_names_of_the_app() -> None:
    assert log_settings({"WEBSITE_SITE_NAME": "site", "APP_NAME": "name"}).app == "name"
    assert log_settings({"WEBSITE_SITE_NAME": "site"}).app == "site"
    assert log_settings({"APP_NAME": "///"}).app == "sluice"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_LOGS", "maybe"),
        ("SLUICE_LOGS_LEVEL", "loud"),
        ("SLUICE_LOGS_CONTAINER", "Not A Container"),
        ("SLUICE_LOGS_CONTAINER", "double--hyphen"),
        ("SLUICE_LOGS_ROTATION_S", "-1"),
        ("SLUICE_LOGS_MAX_DISK_BYTES", "much"),
    ],
)
def test_wrong_values_are_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        log_settings({name: value})
    assert caught.value.field == name


def test_wrong_values_do_not_keep_the_app_from_being_indexed() -> None:
    triggers = log_triggers({"SLUICE_LOGS": "maybe", "SLUICE_LOGS_CONTAINER": "Not A Container"})
    assert (triggers.on, triggers.container) == (True, "sluice-logs")
    assert log_triggers({"SLUICE_LOGS": "Off"}).on is False


def test_secrets_are_not_shown() -> None:
    settings = log_settings({"MY_API_KEY": "0123456789abcdef"})
    assert settings.secrets == ("0123456789abcdef",)
    assert "0123456789abcdef" not in repr(settings)


def test_storage_alone() -> None:
    blobs, tables = storage_connections({"AzureWebJobsStorage__accountName": "acc"})
    assert (blobs.address, tables.address) == (
        "https://acc.blob.core.windows.net",
        "https://acc.table.core.windows.net",
    )
    with pytest.raises(ConfigurationError):
        storage_connections({})
