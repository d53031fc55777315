"""Settings: accepted names, defaults, and errors that name the setting."""

import pytest

from shared.config import Settings, feedback_queues
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
    assert settings.openai.api_version == "2023-05-15"


def test_queues_have_names_without_any_setting() -> None:
    assert feedback_queues({}).inbox == "feedback-in"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "AzureWebJobsStorage"),
        ({"AzureWebJobsStorage": "x"}, "ServiceBusConnection"),
        ({**LOCAL, "SLUICE_MAX_ATTEMPTS": "many"}, "SLUICE_MAX_ATTEMPTS"),
        ({**LOCAL, "SLUICE_MAX_ATTEMPTS": "0"}, "SLUICE_MAX_ATTEMPTS"),
        ({**LOCAL, "FEEDBACK_MAX_TEXT_CHARS": "nan"}, "FEEDBACK_MAX_TEXT_CHARS"),
    ],
)
def test_errors_name_the_setting(env: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Settings.from_env(env)


def test_keys_and_connection_strings_are_not_shown() -> None:
    settings = Settings.from_env({**LOCAL, "AZURE_OPENAI_API_KEY": "sekrit"})
    assert "sekrit" not in repr(settings)
    assert "SharedAccessKey" not in repr(settings)
