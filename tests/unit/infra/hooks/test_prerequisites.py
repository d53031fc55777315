"""The hook before azd provision tells everything that is missing, and what to do."""

import json
from typing import Any

import pytest

from infra.check.run import wanted_types
from infra.check.scenarios import INFRA
from infra.hooks import prerequisites
from tests.unit.infra.azure import azure
from tests.unit.infra.hooks.conftest import CommandLine

ENV = {"AZURE_LOCATION": "swedencentral"}


def models(**changed: str) -> list[dict[str, Any]]:
    """A region that has all the models of models.json."""
    found = []
    for entry in json.loads((INFRA / "models.json").read_text()).values():
        model = {**entry["model"], **changed}
        sku = {"name": model["sku"], "usageName": f"OpenAI.{model['sku']}.{model['name']}"}
        found.append({"kind": "OpenAI", "model": {"name": model["name"], "version": model["version"], "skus": [sku]}})
    return found


def answers(**changed: Any) -> dict[str, Any]:
    usage = [
        {"name": {"value": entry["model"]["skus"][0]["usageName"]}, "currentValue": 0, "limit": 1000}
        for entry in models()
    ]
    return {
        "account show": {"name": "test"},
        "provider list": list(prerequisites.PROVIDERS),
        "functionapp list-flexconsumption-locations": [{"name": "Sweden Central"}, {"name": "West Europe"}],
        "functionapp list-flexconsumption-runtimes": [{"version": "3.12"}, {"version": "3.13"}],
        "cognitiveservices model list": models(),
        "cognitiveservices usage list": usage,
        **changed,
    }


def test_nothing_is_missing(command_line: CommandLine) -> None:
    command_line.answer(answers())
    assert list(prerequisites.problems(ENV)) == []


@pytest.mark.parametrize(
    ("changed", "env", "told"),
    [
        ({}, {"AZURE_LOCATION": ""}, "No region is chosen"),
        (
            {},
            {"AZURE_LOCATION": "eastus"},
            "eastus doesn't offer Flex Consumption. These do: swedencentral, westeurope",
        ),
        ({"functionapp list-flexconsumption-runtimes": [{"version": "3.12"}]}, {}, "doesn't offer Python 3.13"),
        ({}, {"SLUICE_NETWORK_MODE": "private"}, "needs Service Bus Premium"),
        ({"cognitiveservices model list": models(version="0")}, {}, "for chat; it has the versions 0"),
        ({"cognitiveservices model list": []}, {}, "for transcription; it has no such model"),
        ({"cognitiveservices model list": models(sku="Standard")}, {}, "doesn't offer gpt-5.4-mini"),
        ({}, {"SLUICE_CHAT_CAPACITY": "2000"}, "is 1000 units, and 2000 are wanted for chat: lower SLUICE_CHAT_CAP"),
    ],
)
def test_what_is_missing_is_told(
    command_line: CommandLine, changed: dict[str, Any], env: dict[str, str], told: str
) -> None:
    command_line.answer(answers(**changed))
    assert any(told in problem for problem in prerequisites.problems({**ENV, **env}))


def test_an_existing_account_has_its_own_models(command_line: CommandLine) -> None:
    command_line.answer(answers(**{"cognitiveservices model list": []}))
    existing = {"SLUICE_EXISTING_OPENAI": '{"name": "shared", "resourceGroup": "models"}'}
    assert list(prerequisites.problems({**ENV, **existing})) == []


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_hook_expects_the_models_that_the_bicep_deploys(profile: str) -> None:
    wanted = prerequisites.wanted_models({"SLUICE_PROFILE": profile})
    deployed = azure("dev", profile=profile, chatCapacity=wanted["chat"]["capacity"]).deployments
    assert {use: (model["name"], model["capacity"]) for use, model in wanted.items()} == {
        use: (deployment["model"], deployment["capacity"]) for use, deployment in deployed.items()
    }


def test_models_that_were_set_by_hand() -> None:
    model = {"name": "m", "version": "1", "sku": "Standard", "tokensPerUnit": 1, "requestsPerUnit": 1}
    env = {"SLUICE_REASONING_MODEL": json.dumps(model), "SLUICE_REASONING_CAPACITY": "7"}
    assert prerequisites.wanted_models(env)["reasoning"] == {**model, "capacity": 7}


def test_providers_are_those_of_the_bicep() -> None:
    used = {name.partition("/")[0] for name in wanted_types(INFRA)} - {"Microsoft.Resources"}
    assert set(prerequisites.PROVIDERS) - {"Microsoft.App"} == used


def test_providers_that_are_not_registered_are(command_line: CommandLine) -> None:
    command_line.answer(answers(**{"provider list": [p for p in prerequisites.PROVIDERS if "EventGrid" not in p]}))
    prerequisites.register_providers()
    assert [asked[1:5] for asked in command_line.asked if "register" in asked] == [
        ["provider", "register", "--namespace", "Microsoft.EventGrid"]
    ]


def test_the_first_month_of_the_budget_is_kept(command_line: CommandLine) -> None:
    prerequisites.keep_budget_start({"SLUICE_BUDGET": "100"})
    prerequisites.keep_budget_start({"SLUICE_BUDGET": "100", "SLUICE_BUDGET_START": "2026-11-01"})
    prerequisites.keep_budget_start({})
    assert [asked[:4] for asked in command_line.asked] == [["azd", "env", "set", "SLUICE_BUDGET_START"]]
    assert command_line.asked[0][4].endswith("-01")


def test_who_is_not_signed_in_is_told(command_line: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    command_line.answer({"account show": {"fails": "Please run 'az login'"}})
    assert prerequisites.main() == 1
    assert "az login" in capsys.readouterr().err


def test_everything_that_is_missing_is_told_at_once(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZURE_LOCATION", "eastus")
    monkeypatch.setenv("SLUICE_CHAT_CAPACITY", "5000")
    command_line.answer(answers())
    assert prerequisites.main() == 1
    told = capsys.readouterr().err
    assert "eastus" in told
    assert "5000 are wanted" in told


def test_without_az(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert prerequisites.main() == 1
    assert "az isn't installed" in capsys.readouterr().err
