"""What the Bicep would deploy, in the terms of the code."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.check.deploy import Deployment
from infra.check.scenarios import AFTER_DEPLOY, INFRA, scenarios
from infra.check.syntax import read
from infra.check.values import SUBSCRIPTION, Deployed

ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "090c5cfd-751d-490a-894a-3ce6f1109419": "Azure Service Bus Data Owner",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
}
"""Microsoft, "Azure built-in roles"."""

OPERATOR = "11111111-1111-1111-1111-111111111111"


@dataclass(frozen=True)
class Azure:
    """What one case would deploy.

    Attributes:
        queues: their properties, by name.
        roles: "role on resource" that the app has; `operator_roles`: that principalId has.
        deployments: capacity and model of each, by name, and the tokens and requests a minute that it grants.
        blob_triggers: "container -> function", by the event subscriptions.
        log_fields: "event" and "event.field" that alerts look for.
        parameters: of main.bicep.
    """

    queues: dict[str, dict[str, Any]]
    topics: set[str]
    containers: set[str]
    tables: set[str]
    settings: dict[str, str]
    roles: set[str]
    operator_roles: set[str]
    deployments: dict[str, dict[str, Any]]
    hubs: set[str]
    blob_triggers: set[str]
    log_fields: set[str]
    parameters: set[str]
    resources: tuple[Deployed, ...]


def azure(case: str = "most", infra: Path = INFRA, **changed: Any) -> Azure:
    """What a scenario would deploy.

    Args:
        changed: parameters other than the scenario's.
    """
    parameters = {**scenarios(infra)[case], **changed}
    found = tuple(Deployment(infra / "main.bicep", parameters).resources)
    known = [entry["model"] for entry in json.loads((infra / "models.json").read_text()).values()]
    models = {model["name"]: model for model in [*known, *(parameters[p] for p in parameters if p.endswith("Model"))]}
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-test"
    after = Deployment(infra / "subscriptions.bicep", AFTER_DEPLOY, group).resources
    queries = " ".join(
        criterion["query"]
        for rule in _of(found, "scheduledQueryRules")
        for criterion in rule.body["properties"]["criteria"]["allOf"]
    )
    return Azure(
        queues={_last(queue): dict(queue.body["properties"]) for queue in _of(found, "namespaces/queues")},
        topics={_last(topic) for topic in _of(found, "namespaces/topics")},
        containers={_last(container) for container in _of(found, "blobServices/containers")},
        tables={_last(table) for table in _of(found, "tableServices/tables")},
        settings=next(dict(each.body["properties"]) for each in _of(found, "sites/config")),
        roles={_role(each) for each in _of(found, "roleAssignments") if _who(each) != OPERATOR},
        operator_roles={_role(each) for each in _of(found, "roleAssignments") if _who(each) == OPERATOR},
        deployments={_last(each): _granted(each, models) for each in _of(found, "accounts/deployments")},
        hubs={_last(hub) for hub in _of(found, "schedulers/taskHubs")},
        blob_triggers={_blob_trigger(each) for each in after if each.type.endswith("eventSubscriptions")},
        log_fields=set(_log_fields(queries)),
        parameters={declared.name for declared in read(infra / "main.bicep").of("param")},
        resources=found,
    )


def _of(resources: tuple[Deployed, ...], kind: str) -> list[Deployed]:
    return [each for each in resources if each.type.endswith(f"/{kind}") and not each.existing]


def _last(resource: Deployed) -> str:
    return resource.name.rpartition("/")[2]


def _who(assignment: Deployed) -> str:
    return str(assignment.body["properties"]["principalId"])


def _role(assignment: Deployed) -> str:
    role = assignment.body["properties"]["roleDefinitionId"].rpartition("/")[2]
    return f"{ROLES[role]} on {assignment.scope.partition('/providers/')[2]}"


def _blob_trigger(subscription: Deployed) -> str:
    properties = subscription.body["properties"]
    container = re.fullmatch(
        r"/blobServices/default/containers/([a-z-]+)/blobs/", properties["filter"]["subjectBeginsWith"]
    )
    function = re.search(
        r"functionName=Host\.Functions\.(\w+)&", properties["destination"]["properties"]["endpointUrl"]
    )
    assert container
    assert function
    return f"{container[1]} -> {function[1]}"


def _granted(deployment: Deployed, models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    capacity, model = deployment.body["sku"]["capacity"], deployment.body["properties"]["model"]["name"]
    return {
        "capacity": capacity,
        "model": model,
        "tpm": capacity * models[model]["tokensPerUnit"],
        "rpm": capacity * models[model]["requestsPerUnit"],
    }


def _log_fields(queries: str) -> set[str]:
    """What the alerts' queries look for: each event, and the fields taken out of its line."""
    found = set()
    for query in queries.split("traces |"):
        events = re.findall(r'startswith "(\w+) "', query)
        fields = re.findall(r'extract\("(\w+)=', query) + re.findall(r'has "(\w+)=', query)
        found |= {*events, *(f"{event}.{field}" for event in events for field in fields)}
    return found


def parameter_names(name: str, infra: Path = INFRA) -> set[str]:
    """The parameters that a parameter file gives."""
    return set(json.loads((infra / f"{name}.parameters.json").read_text())["parameters"])
