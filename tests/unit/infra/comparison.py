"""Where code and Bicep differ, in sentences."""

import re
from collections.abc import Iterator, Set
from typing import Any

from shared.config import Settings
from shared.errors import ConfigurationError
from tests.unit.infra.azure import Azure
from tests.unit.infra.code import Code

# Read by the platform, not by us: the Functions host and its extensions, and the Azure SDKs.
OF_THE_PLATFORM = re.compile(
    r"(AzureWebJobsStorage|ServiceBusConnection)__\w+|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING"
    r"|AZURE_CLIENT_ID|AzureFunctionsJobHost__\w+|DURABLE_TASK_SCHEDULER_CONNECTION_STRING"
)


def differences(code: Code, azure: Azure) -> list[str]:
    """What the code uses and the Bicep lacks, and the other way round."""
    return [
        *_both("queue", code.received | code.sent, set(azure.queues) - {"answers"}),
        *_both("topic", code.topics, azure.topics),
        *_both("container", code.containers, azure.containers - _OF_THE_DEPLOYMENT),
        *_both("table", code.tables, azure.tables),
        *_both("blob trigger", code.blob_triggers, azure.blob_triggers),
        *(f"{name} polls for blobs, and Flex Consumption knows Event Grid only" for name in sorted(code.polling)),
        *_settings(code, azure),
        *_roles(code, azure),
        *_queue_properties(azure),
        *_host(code, azure),
        *_log_fields(code, azure),
    ]


_OF_THE_DEPLOYMENT = {"app-package", "event-dead-letters"}  # the platform's: the package, and Event Grid's dead letters


def _both(what: str, used: Set[str], there: Set[str]) -> Iterator[str]:
    yield from (f"the code uses the {what} {name}, the Bicep has none" for name in sorted(used - there))
    yield from (f"the Bicep has the {what} {name}, no code uses it" for name in sorted(there - used))


def _settings(code: Code, azure: Azure) -> Iterator[str]:
    for name in sorted(azure.settings):
        if name not in code.settings and not OF_THE_PLATFORM.fullmatch(name):
            yield f"the Bicep sets {name}, no code reads it"
    try:
        settings = Settings.from_env(azure.settings)
    except ConfigurationError as error:
        yield f"with the Bicep's settings the app doesn't start: {error}"
        return
    for service, connection in (("blobs", settings.blobs), ("tables", settings.tables), ("bus", settings.service_bus)):
        if not connection.address or not connection.client_id or connection.connection_string:
            yield f"{service}: the Bicep's settings don't name an address and the app's identity"
    if any("KEY" in name or "SECRET" in name for name in azure.settings):
        yield "the Bicep sets a key"
    yield from deployment_differences(settings, azure)


def deployment_differences(settings: Settings, azure: Azure) -> Iterator[str]:
    """The models that the app calls, and what it takes their limits for."""
    used = {"chat": settings.chat, "reasoning": settings.reasoner}
    if settings.transcription.openai.deployment:  # else audio jobs fail with an error that says so
        used["transcription"] = settings.transcription
    named = {each.openai.deployment for each in used.values()}
    for deployment in sorted(set(azure.deployments) - named):
        yield f"the Bicep has the deployment {deployment}, no setting names it"
    for use, each in used.items():
        granted = azure.deployments.get(each.openai.deployment or "")
        if not each.openai.endpoint or granted is None:
            yield f"{use}: the app calls {each.openai.deployment} at {each.openai.endpoint}, which isn't deployed"
            continue
        if each.openai.base_model != granted["model"]:
            yield f"{use}: the app takes the deployment for {each.openai.base_model}, it is {granted['model']}"
        if each.quota.rpm != granted["rpm"]:
            yield f"{use}: the app may make {each.quota.rpm} requests a minute, {granted['rpm']} are granted"
        # A model whose quota counts requests alone has no limit to break.
        if granted["tpm"] and each.quota.tpm != granted["tpm"]:
            yield f"{use}: the app may use {each.quota.tpm} tokens a minute, {granted['tpm']} are granted"


def _roles(code: Code, azure: Azure) -> Iterator[str]:
    """The app's roles: what each use needs, and no more."""
    needed = {f"{role} on {kind}" for role, kind in _ALWAYS}
    there = {re.sub(r"/(?:aoai|appi|stsluice|sb|dts)-?[\w-]*(?=/|$)", "", role) for role in azure.roles}
    queue = "Microsoft.ServiceBus/namespaces/queues"
    for name in code.received | code.sent:
        if name in code.received:
            needed.add(f"Azure Service Bus Data Receiver on {queue}/{name}")
            needed.add(f"Azure Service Bus Data Owner on {queue}/{name}")  # this case scales by queue length
        if name in code.sent:
            needed.add(f"Azure Service Bus Data Sender on {queue}/{name}")
    needed.add(f"Azure Service Bus Data Sender on {queue}/answers")
    needed |= {
        f"Azure Service Bus Data Sender on Microsoft.ServiceBus/namespaces/topics/{name}" for name in code.topics
    }
    yield from (f"the app lacks {role}" for role in sorted(needed - there))
    yield from (f"the app has {role}, which nothing needs" for role in sorted(there - needed))


_ALWAYS = (
    ("Storage Blob Data Owner", "Microsoft.Storage/storageAccounts"),
    ("Storage Queue Data Contributor", "Microsoft.Storage/storageAccounts"),
    ("Storage Table Data Contributor", "Microsoft.Storage/storageAccounts"),
    ("Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts"),
    ("Monitoring Metrics Publisher", "Microsoft.Insights/components"),
    ("Durable Task Data Contributor", "Microsoft.DurableTask/schedulers/taskHubs/sluice"),
)


def _queue_properties(azure: Azure) -> Iterator[str]:
    """What the code relies on (docs/architecture.md)."""
    for name, properties in sorted(azure.queues.items()):
        expected: dict[str, Any] = {
            "lockDuration": "PT1M",
            "maxDeliveryCount": 10,
            "requiresDuplicateDetection": True,
            "duplicateDetectionHistoryTimeWindow": "P1D" if name.endswith(("-out", "answers")) else "PT10M",
            "requiresSession": False,
            "deadLetteringOnMessageExpiration": True,
            "defaultMessageTimeToLive": "P14D",
        }
        for key, value in expected.items():
            if properties.get(key) != value:
                yield f"the queue {name} has {key} {properties.get(key)}, the code expects {value}"


def _host(code: Code, azure: Azure) -> Iterator[str]:
    extensions = code.host["extensions"]
    hub = extensions["durableTask"]["hubName"]
    if azure.hubs != {hub}:
        yield f"host.json names the task hub {hub}, the Bicep makes {', '.join(azure.hubs) or 'none'}"
    # Both are hh:mm:ss.
    if extensions["serviceBus"]["maxAutoLockRenewalDuration"] < code.host["functionTimeout"]:
        yield "host.json lets a function run for longer than its lock is renewed"


def _log_fields(code: Code, azure: Azure) -> Iterator[str]:
    for name in sorted(azure.log_fields - code.events):
        yield f"an alert looks for {name}, which no log line has"
