"""An app whose settings are wrong: it is all there, says what is wrong, and loses no message."""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.stack_parts import SERVICE_BUS_CONFIG
from tests.support.azurite import Azurite
from tests.support.command import ROOT
from tests.support.host import RunningHost, functions_host
from tests.support.model import ModelServer, model_server
from tests.support.service_bus import ServiceBusEmulator, service_bus

WRONG = {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "lots", "AZURE_OPENAI_TIMEOUT_S": "60000"}


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBusEmulator]:
    """Messages of a killed host come again after 5 s."""
    config = json.loads(SERVICE_BUS_CONFIG.read_text())
    for queue in config["UserConfig"]["Namespaces"][0]["Queues"]:
        queue["Properties"]["LockDuration"] = "PT5S"
    with service_bus(config) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with model_server("--engine", "instant", "--no-limits") as server:
        yield server


def test_messages_wait_until_the_settings_are_mended(
    bus: ServiceBusEmulator, model: ModelServer, shared_azurite: Azurite, tmp_path: Path
) -> None:
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "ServiceBusConnection": bus.connection_string,
        "AZURE_OPENAI_ENDPOINT": model.url,
        "AZURE_OPENAI_API_KEY": "local",
        "AZURE_OPENAI_DEPLOYMENT_NAME": f"d{secrets.token_hex(4)}",  # with a token counter of its own
        "AZURE_OPENAI_BASE_MODEL": "gpt-4o-mini",
        "SLUICE_LOGS": "off",
        "AzureFunctionsWebHost__hostid": secrets.token_hex(4),
    }
    job_id = secrets.token_hex(4)
    with ServiceBusClient.from_connection_string(bus.connection_string) as client:
        with _host(tmp_path / "wrong", {**env, **WRONG}) as host:
            everything = set(host.functions)
            with client.get_queue_sender("feedback-in") as sender:
                sender.send_messages(ServiceBusMessage(b'{"text": "Fast and friendly."}', message_id=job_id))
            for name in WRONG:
                host.wait_for_line(lambda line, name=name: f"settings={name} problem=" in line)  # type: ignore[misc]
            host.wait_for_line("configuration_checked status=unhealthy critical=2")
            said = host.wait_for_line("message_waits_for_settings", 30.0)
            assert all(name in said for name in WRONG)
            status, health = _ready(host)
            assert status == 503
            assert all(name in health["checks"]["configuration"][0]["output"] for name in WRONG)
            # It is under way, and so still in the queue.
            assert [message.message_id for message in _peek(client, "feedback-in")] == [job_id]
            host.process.kill()

        with _host(tmp_path / "mended", env) as host, client.get_queue_receiver("feedback-out") as results:
            assert set(host.functions) == everything, "wrong settings take no function out of the index"
            assert _ready(host)[1]["checks"]["configuration"][0]["status"] == "pass"
            (result,) = results.receive_messages(1, max_wait_time=60)
            assert result.correlation_id == job_id or job_id in str(result.application_properties)
            assert json.loads(str(result))["status"] == "succeeded"
            results.complete_message(result)


def _host(folder: Path, env: Mapping[str, str]) -> AbstractContextManager[RunningHost]:
    return functions_host(ROOT, env, ["--durable", str(folder)])


def _ready(host: RunningHost) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{host.url}/api/health/ready", timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _peek(client: ServiceBusClient, queue: str) -> list[Any]:
    with client.get_queue_receiver(queue) as receiver:
        return list(receiver.peek_messages(10))
