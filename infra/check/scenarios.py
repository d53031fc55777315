"""The deployments that are imagined: both parameter files, and each option at least once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parents[1]
_NAMED = {"environmentName": "test", "location": "swedencentral"}
_WHISPER_LIKE = {"name": "transcribe", "version": "1", "sku": "GlobalStandard", "tokensPerUnit": 1000}


def parameter_file(profile: str, infra: Path = INFRA) -> dict[str, Any]:
    """The values of dev.parameters.json or prod.parameters.json."""
    written = json.loads((infra / f"{profile}.parameters.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in written["parameters"].items()}


def scenarios(infra: Path = INFRA) -> Mapping[str, dict[str, Any]]:
    """Parameters of main.bicep by the name of the case."""
    return {
        "dev": parameter_file("dev", infra),
        "prod": parameter_file("prod", infra),
        "least": {
            **_NAMED,
            "transcriptionCapacity": 0,
            "alwaysReadyDurable": 0,
            "retentionDays": 0,
        },
        "most": {
            **_NAMED,
            "profile": "prod",
            "reasoningCapacity": 20,
            "transcriptionModel": {**_WHISPER_LIKE, "requestsPerUnit": 1},
            "zoneRedundant": True,
            "durableBackend": "DurableTaskScheduler",
            "replyQueues": ["answers"],
            "scaleByQueueLength": True,
            "alertEmails": ["a@example.com", "b@example.com"],
            "budgetAmount": 100,
            "principalId": "11111111-1111-1111-1111-111111111111",
            "extraSettings": {"SLUICE_APP_WEIGHTS": "shop=3"},
        },
        "private": {
            **_NAMED,
            "serviceBusSku": "Premium",
            "networkMode": "private",
            "allowedAddresses": ["203.0.113.0/24"],
        },
        "existing": {
            **_NAMED,
            "serviceBusSku": "Premium",
            "existingOpenAi": {"name": "shared-models", "resourceGroup": "models"},
            "existingWorkspaceId": _id("logs", "Microsoft.OperationalInsights/workspaces/central"),
            "networkMode": "private",
            "network": {
                "app": _id("net", "Microsoft.Network/virtualNetworks/hub/subnets/app"),
                "endpoints": _id("net", "Microsoft.Network/virtualNetworks/hub/subnets/endpoints"),
                "createDnsZones": False,
            },
        },
    }


AFTER_DEPLOY = {
    "appName": "func-sluice-test",
    "topicName": "evgt-sluice-test",
    "storageName": "stsluicetest",
    "identityName": "id-sluice-test",
}
"""Parameters of subscriptions.bicep, which is deployed after the code."""


def _id(group: str, rest: str) -> str:
    return f"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/{group}/providers/{rest}"
