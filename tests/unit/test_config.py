"""Settings: accepted names, defaults, and errors that name the setting."""

import pytest

from shared.config import (
    AppAccess,
    AudioSettings,
    QuotaSettings,
    RetentionSettings,
    Settings,
    app_access,
    audio_container,
    audio_queues,
    audio_settings,
    feedback_queues,
    retention_schedule,
    sweep_schedule,
)
from shared.errors import ConfigurationError

LOCAL = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "ServiceBusConnection": "Endpoint=sb://x;SharedAccessKey=k",
}


def test_connection_strings() -> None:
    settings = Settings.from_env(LOCAL)
    assert settings.blobs.connection_string == "UseDevelopmentStorage=true"
    assert settings.max_attempts == 5


def test_identity_style_names() -> None:
    settings = Settings.from_env(
        {
            "AzureWebJobsStorage__accountName": "acc",
            "AzureWebJobsStorage__clientId": "id",
            "ServiceBusConnection__fullyQualifiedNamespace": "ns.servicebus.windows.net",
        }
    )
    assert settings.tables.address == "https://acc.table.core.windows.net"
    assert settings.blobs.client_id == "id"
    assert settings.service_bus.address == "ns.servicebus.windows.net"


def test_service_addresses_win_over_the_account_name() -> None:
    env = {
        **LOCAL,
        "AzureWebJobsStorage": "",
        "AzureWebJobsStorage__blobServiceUri": "https://b",
        "AZURE_STORAGE_ACCOUNT": "acc",
    }
    settings = Settings.from_env(env)
    assert (settings.blobs.address, settings.tables.address) == ("https://b", "https://acc.table.core.windows.net")


def test_names_of_the_source_documents_are_accepted() -> None:
    env = {
        **LOCAL,
        "ServiceBusConnection": "",
        "SERVICE_BUS_NAMESPACE": "n.servicebus.windows.net",
        "FEEDBACK_FORM_IN_QUEUE": "form-in",
        "FEEDBACK_FORM_OUT_QUEUE": "form-out",
        "AZURE_OPENAI_ENDPOINT": "https://o",
        "AZURE_OPENAI_DEPLOYMENT_NAME": "gpt-4",
        "AZURE_OPENAI_API_VERSION": "2023-05-15",
    }
    settings = Settings.from_env(env)
    assert settings.service_bus.address == "n.servicebus.windows.net"
    assert (settings.feedback.inbox, settings.feedback.run, settings.feedback.outbox) == (
        "form-in",
        "feedback-run",
        "form-out",
    )
    assert settings.chat.openai.api_version == "2023-05-15"


def test_queues_have_names_without_any_setting() -> None:
    assert feedback_queues({}).inbox == "feedback-in"
    queues = audio_queues({})
    assert (queues.inbox, queues.run, queues.outbox) == ("audio-in", "audio-prepare", "audio-out")
    assert audio_container({}) == "audio-in"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "AzureWebJobsStorage"),
        ({"AzureWebJobsStorage": "x"}, "ServiceBusConnection"),
        ({**LOCAL, "SLUICE_MAX_ATTEMPTS": "many"}, "SLUICE_MAX_ATTEMPTS"),
        ({**LOCAL, "SLUICE_MAX_ATTEMPTS": "0"}, "SLUICE_MAX_ATTEMPTS"),
        ({**LOCAL, "FEEDBACK_MAX_TEXT_CHARS": "nan"}, "FEEDBACK_MAX_TEXT_CHARS"),
        ({**LOCAL, "OPENAI_TOKEN_LIMIT_PER_MINUTE": "0"}, "OPENAI_TOKEN_LIMIT_PER_MINUTE"),
        ({**LOCAL, "OPENAI_REQUEST_LIMIT_PER_MINUTE": "0"}, "OPENAI_REQUEST_LIMIT_PER_MINUTE"),
        ({**LOCAL, "OPENAI_REQUEST_WINDOW_S": "61"}, "OPENAI_REQUEST_WINDOW_S"),
        ({**LOCAL, "SLUICE_QUOTA_GUARD_S": "0.1"}, "SLUICE_QUOTA_GUARD_S"),
        ({**LOCAL, "SLUICE_RETENTION_DAYS": "-1"}, "SLUICE_RETENTION_DAYS"),
        ({**LOCAL, "SLUICE_RETENTION_MINUTES": "0"}, "SLUICE_RETENTION_MINUTES"),
        ({**LOCAL, "AUDIO_MAX_BYTES": "1 GB"}, "AUDIO_MAX_BYTES"),
        ({**LOCAL, "AUDIO_MAX_DURATION_S": "0"}, "AUDIO_MAX_DURATION_S"),
        ({**LOCAL, "AUDIO_CHUNK_S": "900"}, "AUDIO_CHUNK_S"),
        ({**LOCAL, "AUDIO_CHUNK_S": "40", "AUDIO_OVERLAP_S": "11"}, "AUDIO_OVERLAP_S"),
        ({**LOCAL, "AUDIO_FFMPEG_TIMEOUT_S": "0"}, "AUDIO_FFMPEG_TIMEOUT_S"),
    ],
)
def test_errors_name_the_setting(env: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Settings.from_env(env)


def test_keys_and_connection_strings_are_not_shown() -> None:
    settings = Settings.from_env({**LOCAL, "AZURE_OPENAI_API_KEY": "sekrit"})
    assert "sekrit" not in repr(settings)
    assert "SharedAccessKey" not in repr(settings)
    env = {**LOCAL, "SLUICE_URL": "https://a", "SLUICE_FUNCTION_KEY": "sekrit"}
    assert "sekrit" not in repr(Settings.from_env(env))


def test_quota_without_any_setting() -> None:
    assert Settings.from_env(LOCAL).chat.quota == QuotaSettings(100_000, 600, 10.0, 2.15, {})


def test_quota_as_set() -> None:
    env = {
        "OPENAI_TOKEN_LIMIT_PER_MINUTE": "30000",
        "OPENAI_REQUEST_LIMIT_PER_MINUTE": "42",
        "OPENAI_REQUEST_WINDOW_S": "1",
        "SLUICE_QUOTA_GUARD_S": "3.5",
        "SLUICE_APP_WEIGHTS": " shop=3, forum=0.5,",
    }
    quota = Settings.from_env({**LOCAL, **env}).chat.quota
    assert quota == QuotaSettings(30_000, 42, 1.0, 3.5, {"shop": 3.0, "forum": 0.5})


@pytest.mark.parametrize(("tpm", "rpm"), [("1000", 6), ("150000", 900), ("1", 1)])
def test_requests_follow_from_tokens_as_azure_grants_them(tpm: str, rpm: int) -> None:
    """6 RPM for each 1,000 TPM."""
    assert Settings.from_env({**LOCAL, "OPENAI_TOKEN_LIMIT_PER_MINUTE": tpm}).chat.quota.rpm == rpm


def test_an_app_may_have_any_name() -> None:
    assert Settings.from_env({**LOCAL, "SLUICE_APP_WEIGHTS": "a=b=2"}).chat.quota.weights == {"a=b": 2.0}


@pytest.mark.parametrize("weights", ["shop", "shop=", "=3", "shop=0", "shop=-1", "shop=nan", "shop=1e9", "shop=x,b=1"])
def test_wrong_weights_are_named(weights: str) -> None:
    with pytest.raises(ConfigurationError, match="SLUICE_APP_WEIGHTS"):
        Settings.from_env({**LOCAL, "SLUICE_APP_WEIGHTS": weights})


def test_retention() -> None:
    assert Settings.from_env(LOCAL).retention == RetentionSettings(30, 5)
    env = {**LOCAL, "SLUICE_RETENTION_DAYS": "0", "SLUICE_RETENTION_MINUTES": "1.5"}
    assert Settings.from_env(env).retention == RetentionSettings(0, 1.5)


def test_schedules() -> None:
    assert (sweep_schedule({}), retention_schedule({})) == ("0 * * * * *", "0 30 2 * * *")
    assert sweep_schedule({"SLUICE_SWEEP_SCHEDULE": "*/5 * * * * *"}) == "*/5 * * * * *"
    assert retention_schedule({"SLUICE_RETENTION_SCHEDULE": "0 0 4 * * *"}) == "0 0 4 * * *"


def test_access_to_the_app() -> None:
    assert app_access({}) == AppAccess(None)
    env = {"SLUICE_URL": "https://a", "SLUICE_FUNCTION_KEY": "k", "SLUICE_RESOURCE_URI": "api://a"}
    assert app_access(env) == AppAccess("https://a", "k", "api://a")


def test_audio() -> None:
    assert Settings.from_env(LOCAL).media == AudioSettings(None, 1_000_000_000, 14_400, 300, 5, 300)
    env = {
        "FFMPEG_PATH": "/opt/ffmpeg",
        "AUDIO_MAX_BYTES": "5000000",
        "AUDIO_MAX_DURATION_S": "600",
        "AUDIO_CHUNK_S": "60",
        "AUDIO_OVERLAP_S": "2.5",
        "AUDIO_FFMPEG_TIMEOUT_S": "30",
    }
    assert audio_settings(env) == AudioSettings("/opt/ffmpeg", 5_000_000, 600, 60, 2.5, 30)


def test_short_chunks_overlap_less() -> None:
    assert audio_settings({"AUDIO_CHUNK_S": "10"}).overlap_s == 2.5
