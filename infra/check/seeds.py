"""Mistakes that are put into copies of the Bicep files, one at a time, to see that the check finds them."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.check import run
from infra.check.schemas import Schema
from infra.check.syntax import Finding


@dataclass(frozen=True, slots=True)
class Seed:
    """A mistake: in this file, `old` becomes `new`; a finding has to have this rule and name this."""

    file: str
    old: str
    new: str
    rule: str
    names: str = ""


SEEDS = (
    # By the schemas.
    Seed("servicebus.bicep", "maxDeliveryCount: 10", "maxDeliveriesCount: 10", "schema", "maxDeliveriesCount"),
    Seed("servicebus.bicep", "requiresSession: false", "RequiresSession: false", "schema", "is it requiresSession"),
    Seed("servicebus.bicep", "maxDeliveryCount: 10", "maxDeliveryCount: '10'", "schema", "maxDeliveryCount"),
    Seed("servicebus.bicep", "queues@2024-01-01", "queues@2023-01-01", "api-version", "2023-01-01"),
    Seed("servicebus.bicep", "namespaces/queues@", "namespaces/queue@", "unknown-type", "namespaces/queue"),
    Seed("storage.bicep", "'TLS1_2'", "'TLS1.2'", "schema", "minimumTlsVersion"),
    Seed("storage.bicep", "kind: 'StorageV2'", "kind: 'StorageV3'", "schema", "kind"),
    Seed("storage.bicep", "'AzureServices'", "'AzureService'", "schema", "bypass"),
    Seed("storage.bicep", "  sku: { name: sku }\n", "", "schema", "sku: is missing"),
    Seed("storage.bicep", "days: 7", "days: 700", "schema", "days"),
    Seed("function.bicep", "'UserAssignedIdentity'", "'UserAssigned'", "schema", "type"),
    Seed("function.bicep", "name: 'appsettings'", "name: 'appSettings'", "schema", "appSettings"),
    Seed("function.bicep", "{ allow: false }", "{ allow: 'no' }", "schema", "allow"),
    Seed(
        "monitoring.bicep",
        "DisableLocalAuth",
        "disableLocalAuth: true\n    DisableLocalAuths",
        "schema",
        "DisableLocalAuths",
    ),
    Seed("events.bicep", "'UserAssigned'", "'UserAsigned'", "schema", "UserAsigned"),
    Seed("subscriptions.bicep", "'WebHook'", "'Webhook'", "schema", "endpointType"),
    Seed(
        "alerts.bicep",
        "operator: 'GreaterThan'\n          threshold: rule.threshold\n          timeAggregation",
        "operator: 'Greater'\n          threshold: rule.threshold\n          timeAggregation",
        "schema",
        "Greater",
    ),
    Seed("alerts.bicep", "Monitor.SingleResourceMultiple", "Monitor.SingleResource", "schema", "odata.type"),
    Seed("alerts.bicep", "groupShortName", "shortName", "schema", "shortName"),
    Seed("scheduler.bicep", "name: 'Consumption'", "name: 'FC1'", "schema", "FC1"),
    Seed("endpoints.bicep", "registrationEnabled", "autoRegistration", "schema", "autoRegistration"),
    Seed("network.bicep", "access: 'Deny'", "access: 'Block'", "schema", "access"),
    Seed("operator.bicep", "principalType: principalType", "principalKind: principalType", "schema", "principalKind"),
    Seed("budget.bicep", "timeGrain: 'Monthly'", "timeGrain: 'Month'", "schema", "timeGrain"),
    Seed("openai.bicep", "format: 'OpenAI'", "format: 'OpenAI', provider: 'x'", "schema", "provider"),
    # By evaluating.
    Seed("main.bicep", "identity.outputs.clientId", "identity.outputs.clientID", "unknown-property", "clientID"),
    Seed("main.bicep", "isPrivate: isPrivate", "private: isPrivate", "unknown-parameter", "private"),
    Seed("main.bicep", "    token: token\n", "", "missing-parameter", "token"),
    Seed("main.bicep", "Standard_ZRS' : ", "Standard_XRS' : ", "parameter", "storageSku"),
    Seed("main.bicep", "'storage.bicep'", "'store.bicep'", "module", "store.bicep"),
    Seed("main.bicep", "if (ownOpenAi)", "if (!ownOpenAi)", "not-deployed", "newOpenAi"),
    Seed("main.bicep", "'stsluice${token}'", "'st-sluice-${token}'", "name", "storageAccounts"),
    Seed("main.bicep", "if (isPrivate)", "if (false)", "never-deployed", "endpoint"),
    Seed("servicebus.bicep", "parent: bus\n  name: item.name", "name: item.name", "name", "doesn't fit"),
    Seed("function.bicep", "empty(subnetId) ? null", "isEmpty(subnetId) ? null", "unknown-function", "isEmpty"),
    # By reading.
    Seed("servicebus.bicep", "disableLocalAuth: true", "disableLocalAuth true", "syntax"),
    Seed("servicebus.bicep", "'${bus.name}.servicebus", "'${buss.name}.servicebus", "unknown-name", "buss"),
    Seed("storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: flase", "unknown-name", "flase"),
    Seed("budget.bicep", "amount: amount", "amount: 5", "unused", "amount"),
    Seed("identity.bicep", "@description('Region.')\n", "", "description", "location"),
)


def missed(infra: Path, schemas: Mapping[str, Schema], planted: Sequence[Seed] = SEEDS) -> list[Seed]:
    """The mistakes that the check doesn't find, or that don't fit the files any more."""
    return [seed for seed in planted if not _found(seed, infra, schemas)]


def _found(seed: Seed, infra: Path, schemas: Mapping[str, Schema]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for path in (*infra.glob("*.bicep"), *infra.glob("*.json")):
            shutil.copy(path, copy)
        source = (copy / seed.file).read_text(encoding="utf-8")
        if seed.old not in source:
            return False
        (copy / seed.file).write_text(source.replace(seed.old, seed.new), encoding="utf-8")
        return any(_fits(finding, seed) for finding in run.check(copy, schemas))


def _fits(finding: Finding, seed: Seed) -> bool:
    return finding.rule == seed.rule and seed.names in finding.message
