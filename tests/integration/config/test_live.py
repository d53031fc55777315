"""`sluice config check --live`: what can't be reached is named, and limits are compared with the endpoint's."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.servicebus.exceptions import ServiceBusAuthenticationError

from local.process import free_port
from local.service_bus.config import load_config
from local.stack_parts import SERVICE_BUS_CONFIG
from shared.config_checks.findings import Finding, ValidationResult
from shared.config_checks.live import live_checks
from shared.config_validator import ConfigValidator
from tests.support.azurite import Azurite
from tests.support.command import sluice
from tests.support.model import ModelServer, model_server
from tests.support.service_bus import service_bus
from tests.unit.config.broken import SOUND

TPM, RPM = 100_000, 600
QUEUES = len(load_config(SERVICE_BUS_CONFIG).queues)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    deployments = (f"gpt-4o-mini:gpt-4o-mini:{TPM}:{RPM}", "whisper:whisper:100000:100")
    with model_server("--engine", "instant", "--deployments", *deployments) as server:
        yield server


@pytest.fixture(scope="module")
def env(model: ModelServer, shared_azurite: Azurite) -> Iterator[dict[str, str]]:
    """Settings of a system that is there."""
    with service_bus(SERVICE_BUS_CONFIG) as bus:
        yield {
            **SOUND,
            "AzureWebJobsStorage": shared_azurite.connection_string,
            "ServiceBusConnection": bus.connection_string,
            "AZURE_OPENAI_ENDPOINT": model.url,
        }


@pytest.fixture(autouse=True)
def _fresh(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model.reset()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _check(env: dict[str, str], timeout_s: float = 60.0) -> ValidationResult:
    return ConfigValidator(env, probe=live_checks(timeout_s)).validate_all()


def _first(env: dict[str, str]) -> Finding:
    return _check(env, 60.0).findings[0]


def test_all_is_reached_by_one_call_for_each_deployment(env: dict[str, str], model: ModelServer) -> None:
    result = _check(env)
    assert result.findings == ()
    assert result.notes == (
        "blob storage: reached",
        "table storage: reached",
        f"Service Bus with {QUEUES} queues: reached",
        "deployment gpt-4o-mini: reached",
        "deployment whisper: reached",
    )
    stats = model.stats()
    assert stats["calls"] == 2
    assert stats["tokens_charged"] < 50


def test_services_that_are_away_are_named(env: dict[str, str]) -> None:
    port = free_port()
    account = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5a2V5a2V5;"
    away = {
        "AzureWebJobsStorage": f"{account}BlobEndpoint=http://127.0.0.1:{port}/a;TableEndpoint=http://127.0.0.1:{port}/a;",
        "ServiceBusConnection": f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=n;SharedAccessKey=a2V5a2V5a2V5;"
        "UseDevelopmentEmulator=true;",
        "AZURE_OPENAI_ENDPOINT": f"http://127.0.0.1:{port}",
    }
    result = _check({**env, **away})
    assert {finding.settings[0] for finding in result.critical_errors} == set(away)
    assert len(result.critical_errors) == 4  # storage, Service Bus, two deployments
    for finding in result.critical_errors:
        assert "Check the address" in finding.mend
        assert str(port) in finding.problem or finding.settings == ("AZURE_OPENAI_ENDPOINT",)
        assert "a2V5" not in finding.text
    assert f"Service Bus with {QUEUES} queues: wrong" in result.notes


def test_names_that_nobody_knows(env: dict[str, str]) -> None:
    names = {
        "AzureWebJobsStorage": "",
        "AzureWebJobsStorage__accountName": "sluicestore",
        "ServiceBusConnection": "",
        "ServiceBusConnection__fullyQualifiedNamespace": "sluice-bus.servicebus.invalid",
        "AzureWebJobsStorage__blobServiceUri": "https://sluicestore.blob.invalid",
        "AzureWebJobsStorage__tableServiceUri": "https://sluicestore.table.invalid",
    }
    found = _check({name: value for name, value in {**env, **names}.items() if value}).critical_errors
    assert [finding.problem for finding in found] == [
        "no machine is known by the name sluicestore.blob.invalid (DNS).",
        "no machine is known by the name sluicestore.table.invalid (DNS).",
        "no machine is known by the name sluice-bus.servicebus.invalid (DNS).",
    ]


def test_something_that_does_not_answer(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        finding = _check({**env, "AZURE_OPENAI_ENDPOINT": address}, 3.0).critical_errors[0]
    assert finding.settings == ("AZURE_OPENAI_ENDPOINT",)
    assert "within 3 s" in finding.problem


def test_a_queue_that_is_not_there(env: dict[str, str]) -> None:
    finding = _check({**env, "REASONER_OUT_QUEUE": "answers-out"}).critical_errors[0]
    assert finding.settings == ("REASONER_OUT_QUEUE",)
    assert "no queue answers-out" in finding.problem


def test_service_bus_that_refuses_the_identity(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator takes any key, so the refusal is put in."""

    async def refuse(*_: object) -> None:
        raise ServiceBusAuthenticationError(message="Unauthorized access. 'Listen' claim(s) are required.")

    monkeypatch.setattr("azure.servicebus.aio.ServiceBusReceiver.peek_messages", refuse)
    found = _check(env).critical_errors
    assert {finding.settings for finding in found} == {("ServiceBusConnection",)}
    assert len(found) == QUEUES
    assert all("Azure Service Bus Data Receiver" in finding.mend for finding in found)


@pytest.mark.parametrize(
    ("status", "setting", "mend"),
    [
        (401, "AZURE_OPENAI_API_KEY", "Correct the key"),
        (403, "AZURE_OPENAI_API_KEY", "Correct the key"),
        (404, "AZURE_OPENAI_DEPLOYMENT_NAME", "Check the endpoint"),
        (400, "AZURE_OPENAI_DEPLOYMENT_NAME", "chat and transcription"),
        (500, "AZURE_OPENAI_ENDPOINT", "Check the address"),
        (429, "AZURE_OPENAI_DEPLOYMENT_NAME", "Try again in a minute"),
    ],
)
def test_what_a_deployment_answers(
    env: dict[str, str], model: ModelServer, status: int, setting: str, mend: str
) -> None:
    fault = {"kind": "status", "status": status, "match": {"operation": "chat"}}
    model.inject(fault)
    finding = _first(env)
    assert finding.settings[0] == setting
    assert mend in finding.mend
    assert finding.severity == ("warning" if status == 429 else "critical")
    assert model.stats()["calls"] == 2, "nothing is called again"


def test_a_deployment_that_is_not_there(env: dict[str, str]) -> None:
    finding = _check({**env, "AZURE_OPENAI_DEPLOYMENT_NAME": "gpt-4o-maxi"}).critical_errors[0]
    assert finding.settings == ("AZURE_OPENAI_DEPLOYMENT_NAME",)
    assert "list of deployments" in finding.mend


def test_more_quota_than_the_endpoint_grants(env: dict[str, str]) -> None:
    result = _check({**env, "OPENAI_TOKEN_LIMIT_PER_MINUTE": "150000", "OPENAI_REQUEST_LIMIT_PER_MINUTE": "9000"})
    tokens, requests = result.critical_errors
    assert tokens.settings == ("OPENAI_TOKEN_LIMIT_PER_MINUTE",)
    assert "150000 tokens a minute, and the deployment has 100000 tokens" in tokens.problem
    assert "Set it to 100000 or less" in tokens.mend
    assert requests.settings == ("OPENAI_REQUEST_LIMIT_PER_MINUTE",)
    assert "Set it to 600 or less" in requests.mend


def test_less_quota_than_the_endpoint_grants_is_a_choice(env: dict[str, str]) -> None:
    assert (
        _check({**env, "OPENAI_TOKEN_LIMIT_PER_MINUTE": "50000", "OPENAI_REQUEST_LIMIT_PER_MINUTE": ""}).findings == ()
    )


def test_an_endpoint_that_says_nothing(env: dict[str, str], model: ModelServer) -> None:
    silent = {f"x-ratelimit-limit-{what}": None for what in ("tokens", "requests")}
    model.inject({"kind": "delay", "delay_ms": 1, "headers": silent, "match": {"operation": "chat"}})
    finding = _first(env)
    assert finding.severity == "recommendation"
    assert "doesn't say its limits" in finding.problem


def test_the_real_command(env: dict[str, str], tmp_path: Path) -> None:
    well = sluice("config", "check", "--live", cwd=tmp_path, settings=env)
    assert (well.returncode, "Traceback" in well.stderr) == (0, False)
    assert "Settings: healthy" in well.stdout
    assert "at most one small call" in well.stderr
    broken = sluice("config", "check", "--json", cwd=tmp_path, settings={**env, "SLUICE_MAX_ATTEMPTS": "500"})
    assert broken.returncode == 1
    assert json.loads(broken.stdout)["findings"][0]["settings"] == ["SLUICE_MAX_ATTEMPTS"]
    assert "Traceback" not in broken.stderr
    shown = sluice("config", "show", cwd=tmp_path, settings=env)
    assert shown.returncode == 0
    assert env["AzureWebJobsStorage"] not in shown.stdout
