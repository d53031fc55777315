"""Before azd provision: whether everything is there, so that a deployment doesn't fail after twenty minutes.

Tells all that is missing at once. Registers resource providers; changes nothing else in Azure.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from infra.hooks.command_line import HookError, az, run

INFRA = Path(__file__).parents[1]
PYTHON = "3.13"
PROVIDERS = (
    "Microsoft.App",  # networks of Flex Consumption
    "Microsoft.Authorization",
    "Microsoft.CognitiveServices",
    "Microsoft.Consumption",
    "Microsoft.DurableTask",
    "Microsoft.EventGrid",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.ServiceBus",
    "Microsoft.Storage",
    "Microsoft.Web",
)


def wanted_models(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Model and capacity of each deployment, as main.bicep will see them. None with an existing account."""
    if json.loads(env.get("SLUICE_EXISTING_OPENAI") or "{}").get("name"):
        return {}
    profile = env.get("SLUICE_PROFILE") or "dev"
    wanted = {}
    for use, default in json.loads((INFRA / "models.json").read_text(encoding="utf-8")).items():
        name = use.upper()
        given = env.get(f"SLUICE_{name}_MODEL")
        model = json.loads(given) if given else default["model"]
        capacity = int(env.get(f"SLUICE_{name}_CAPACITY") or default["capacity"][profile])
        if capacity:
            wanted[use] = {**model, "capacity": capacity}
    return wanted


def problems(env: Mapping[str, str]) -> Iterator[str]:
    """Each thing that is missing, and what to do about it."""
    region = env.get("AZURE_LOCATION", "")
    if not region:
        yield "No region is chosen: azd env set AZURE_LOCATION swedencentral"
        return
    regions = {_plain(found["name"]) for found in az("functionapp", "list-flexconsumption-locations")}
    if _plain(region) not in regions:
        yield f"{region} doesn't offer Flex Consumption. These do: {', '.join(sorted(regions))}."
    else:
        offered = az("functionapp", "list-flexconsumption-runtimes", "--location", region, "--runtime", "python")
        if f'"{PYTHON}"' not in json.dumps(offered):
            yield f"{region} doesn't offer Python {PYTHON} on Flex Consumption yet: choose another region."
    if env.get("SLUICE_NETWORK_MODE") == "private" and env.get("SLUICE_SERVICE_BUS_SKU") != "Premium":
        yield "A private network needs Service Bus Premium: azd env set SLUICE_SERVICE_BUS_SKU Premium"
    wanted = wanted_models(env)
    if wanted:
        offered = az("cognitiveservices", "model", "list", "--location", region)
        usage = az("cognitiveservices", "usage", "list", "--location", region)
        for use, model in wanted.items():
            yield from _model_problems(use, model, region, offered, usage)


def _model_problems(
    use: str, wanted: dict[str, Any], region: str, offered: list[dict[str, Any]], usage: list[dict[str, Any]]
) -> Iterator[str]:
    title = f"{wanted['name']} {wanted['version']} ({wanted['sku']})"
    change = f"set SLUICE_{use.upper()}_MODEL, or change infra/models.json"
    versions = [entry["model"] for entry in offered if entry["model"]["name"] == wanted["name"]]
    model = next((each for each in versions if each["version"] == wanted["version"]), None)
    sku = next((each for each in (model or {}).get("skus", []) if each["name"] == wanted["sku"]), None)
    if sku is None:
        others = sorted({each["version"] for each in versions})
        hint = f"it has the versions {', '.join(others)}" if others else "it has no such model"
        yield f"{region} doesn't offer {title} for {use}; {hint}. Either choose another region, or {change}."
        return
    quota = next((each for each in usage if each["name"]["value"] == sku.get("usageName")), None)
    if quota is not None and quota["limit"] < wanted["capacity"]:
        yield (
            f"The quota of {title} in {region} is {quota['limit']:g} units, and {wanted['capacity']} are wanted for "
            f"{use}: lower SLUICE_{use.upper()}_CAPACITY, or ask for more quota."
        )


def register_providers() -> None:
    """Register the resource providers that aren't; it goes on in the background."""
    found = az("provider", "list", "--query", "[?registrationState=='Registered'].namespace")
    there = {name.lower() for name in found}
    for name in PROVIDERS:
        if name.lower() not in there:
            print(f"==> registering {name}")
            az("provider", "register", "--namespace", name)


def keep_budget_start(env: Mapping[str, str]) -> None:
    """Note the month in which the budget begins: Azure lets nobody change it later."""
    if env.get("SLUICE_BUDGET") and not env.get("SLUICE_BUDGET_START") and shutil.which("azd"):
        run("azd", "env", "set", "SLUICE_BUDGET_START", datetime.now(UTC).strftime("%Y-%m-01"))


def _plain(region: str) -> str:
    return re.sub(r"\W", "", region).lower()


def main() -> int:
    """Check; exit code 1 where something is missing."""
    try:
        account = az("account", "show")
        print(f"==> deploying to the subscription {account['name']}")
        register_providers()
        found = list(problems(os.environ))
        if not found:
            keep_budget_start(os.environ)
    except HookError as error:
        found = [str(error)]
    for problem in found:
        print(f"==> {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
