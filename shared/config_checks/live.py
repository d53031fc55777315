"""Reaches everything that the settings name: storage, the queues, and each model deployment by one small call.

The calls are not booked with the token counter: each deployment is charged about 20 tokens, or a second of audio.
"""

import asyncio
import io
import wave
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.config import DeploymentSettings, Settings
from shared.config_catalogue import catalogue
from shared.config_checks.connections import ACCOUNT, BUS, NAMESPACE, STORAGE
from shared.config_checks.findings import Area, Finding, Severity, ValidationResult
from shared.config_checks.given import Given
from shared.config_checks.limits import LIMITS, Deployed, limit_findings
from shared.config_checks.providers import DEPLOYMENT_SETTINGS, ENDPOINT, KEY
from shared.config_setting import Form
from shared.errors import (
    AccessDeniedError,
    ConfigurationError,
    ModelRequestError,
    RateLimitedError,
    SluiceError,
    UnknownDeploymentError,
)
from shared.model.client import QuotaHeaders
from shared.model.reasoning_models import is_reasoning_model

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient

TIMEOUT_S = 15.0
"""For each thing; all are reached side by side."""

_CHECK_MODEL = "Check the endpoint, and the deployment's model: chat and transcription need a deployment each."
_CHECK_NETWORK = "Check the address, and whether a firewall or a private network keeps this machine out."


@dataclass(frozen=True, slots=True)
class _Look:
    """What is reached, and the findings where it can't be."""

    name: str
    setting: str
    area: Area
    reach: Callable[[], Coroutine[Any, Any, list[Finding]]]


def live_checks(timeout_s: float = TIMEOUT_S) -> Callable[[Given], ValidationResult]:
    """A probe for ConfigValidator. Must not be called in a running event loop.

    Args:
        timeout_s: longest time for each thing.
    """

    def probe(given: Given) -> ValidationResult:
        return asyncio.run(_probe(given, timeout_s))

    return probe


async def _probe(given: Given, timeout_s: float) -> ValidationResult:
    if given.settings is None:
        return ValidationResult(notes=("Nothing was reached: the settings can't be read.",))
    looks = [*_services(given, given.settings), *_models(given, given.settings)]
    # The SDKs take seconds to import, which are no time of an answer.
    import shared.messaging.sender
    import shared.model.openai_errors
    import shared.storage.azure  # noqa: F401

    found = await asyncio.gather(*(_look(look, timeout_s) for look in looks))
    notes = [f"{look.name}: {'; '.join(notes)}" for look, (_, notes) in zip(looks, found, strict=True)]
    return ValidationResult.of((finding for findings, _ in found for finding in findings), notes)


async def _look(look: _Look, timeout_s: float) -> tuple[list[Finding], list[str]]:
    problem, mend = "", _CHECK_NETWORK
    try:
        async with asyncio.timeout(timeout_s):
            findings = await look.reach()
    except TimeoutError:
        problem = f"{look.name} gave no answer within {timeout_s:g} s."
    except SluiceError as error:
        problem = str(error)
    except Exception as error:
        # Texts of libraries may hold addresses with keys.
        problem = f"{look.name} can't be reached ({type(error).__name__})."
    if problem:
        findings = [Finding(Severity.CRITICAL, look.area, (look.setting,), problem, mend)]
    critical = any(finding.severity is Severity.CRITICAL for finding in findings)
    return findings, ["wrong" if critical else "reached"]


def _services(given: Given, settings: Settings) -> list[_Look]:
    missing = {error.field for error in given.problems}
    looks = []
    if STORAGE not in missing:
        name = STORAGE if STORAGE in given.env else given.name_of(ACCOUNT)
        for service, reach in (("blob storage", _blobs), ("table storage", _tables)):
            looks.append(_Look(service, name, Area.SERVICES, _bound(reach, settings)))
    if BUS not in missing:
        name = BUS if BUS in given.env else given.name_of(NAMESPACE)
        queues = {  # by the setting that names it
            given.name_of(setting.name): given.value(setting.name) or str(setting.default)
            for setting in catalogue()
            if setting.form is Form.QUEUE
        }
        reach_queues = _bound(_queues, settings, queues, name)
        looks.append(_Look(f"Service Bus with {len(queues)} queues", name, Area.SERVICES, reach_queues))
    return looks


def _models(given: Given, settings: Settings) -> list[_Look]:
    looks: dict[tuple[str | None, str], _Look] = {}
    for role, setting in DEPLOYMENT_SETTINGS.items():
        deployment: DeploymentSettings = getattr(settings, role)
        openai = deployment.openai
        if openai.deployment and openai.endpoint and ENDPOINT not in {error.field for error in given.problems}:
            deployed = Deployed(given.name_of(setting), role, deployment)
            reach = _bound(_model, deployed)
            own = f"AZURE_OPENAI_{LIMITS[role]}_ENDPOINT"
            name = own if own in given.env else ENDPOINT
            look = _Look(f"deployment {openai.deployment}", name, Area.AI_PROVIDERS, reach)
            looks.setdefault((openai.endpoint, openai.deployment), look)
    return list(looks.values())


def _bound(
    reach: Callable[..., Coroutine[Any, Any, list[Finding]]], *arguments: object
) -> Callable[[], Coroutine[Any, Any, list[Finding]]]:
    return lambda: reach(*arguments)


async def _blobs(settings: Settings) -> list[Finding]:
    from shared.storage.azure import blob_service, storage_errors

    async with blob_service(settings.blobs) as service, storage_errors("Reading a blob container"):
        await service.get_container_client("sluice-payloads").exists()
    return []


async def _tables(settings: Settings) -> list[Finding]:
    from azure.core.exceptions import ResourceNotFoundError

    from shared.storage.azure import storage_errors, table_service

    async with table_service(settings.tables) as service, storage_errors("Reading a table"):
        with suppress(ResourceNotFoundError):
            await service.get_table_client("sluicejobs").get_entity("check", "check")
    return []


async def _queues(settings: Settings, queues: Mapping[str, str], connection: str) -> list[Finding]:
    from shared.messaging.sender import open_client

    async with open_client(settings.service_bus) as client:
        looks = (_queue(client, queue, setting, connection) for setting, queue in queues.items())
        return [finding for findings in await asyncio.gather(*looks) for finding in findings]


async def _queue(client: "ServiceBusClient", queue: str, setting: str, connection: str) -> list[Finding]:
    from azure.servicebus.exceptions import (
        MessagingEntityNotFoundError,
        ServiceBusAuthenticationError,
        ServiceBusAuthorizationError,
    )

    def wrong(name: str, problem: str, mend: str) -> list[Finding]:
        return [Finding(Severity.CRITICAL, Area.SERVICES, (name,), problem, mend)]

    try:
        # A look at a queue takes nothing out of it, and needs the right that triggers need.
        async with client.get_queue_receiver(queue) as receiver:
            await receiver.peek_messages(1)
    except MessagingEntityNotFoundError:
        return wrong(setting, f"there is no queue {queue} in the namespace.", "Create it, or correct the name.")
    except (ServiceBusAuthenticationError, ServiceBusAuthorizationError):
        return wrong(
            connection,
            f"Service Bus refuses this identity for the queue {queue}.",
            "Give it the role Azure Service Bus Data Receiver, or correct the key.",
        )
    return []


async def _model(deployed: Deployed) -> list[Finding]:
    openai = deployed.settings.openai
    try:
        quota = await _call(deployed)
    except UnknownDeploymentError as error:
        mend = "Copy the name from the resource's list of deployments; a new one takes some minutes."
        return [Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (deployed.setting,), str(error), mend)]
    except AccessDeniedError as error:
        name = KEY if openai.api_key else ENDPOINT
        mend = "Correct the key, or remove it to use an identity." if openai.api_key else "Give it that role."
        return [Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (name,), str(error), mend)]
    except RateLimitedError:
        problem = "the deployment answers, but its quota is used up at the moment, so that its limits aren't known."
        return [Finding(Severity.WARNING, Area.AI_PROVIDERS, (deployed.setting,), problem, "Try again in a minute.")]
    except ConfigurationError as error:
        return [Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (error.field or ENDPOINT,), str(error), "Correct it.")]
    except ModelRequestError as error:
        return [Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (deployed.setting, ENDPOINT), str(error), _CHECK_MODEL)]
    return list(limit_findings(deployed, quota))


async def _call(deployed: Deployed) -> QuotaHeaders:
    """The smallest call that a deployment takes."""
    from shared.model.azure_openai import AzureOpenAIService

    openai = deployed.settings.openai
    async with AzureOpenAIService(app_id="sluice-config", settings=openai) as service:
        if deployed.role == "transcription":
            return (await service.transcribe(_silence(), "check.wav")).quota
        # Reasoning models need room for what they think, or they refuse the call.
        most = 100 if is_reasoning_model(openai.base_model or openai.deployment or "") else 5
        answer = await service.chat_completion([{"role": "user", "content": "Say ok."}], max_tokens=most)
        return answer.quota


def _silence() -> bytes:
    """One second of it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(32_000))
    return file.getvalue()
