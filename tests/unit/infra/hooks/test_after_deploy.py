"""The hooks after azd deploy and before azd down, and azure.yaml, which names them."""

import json
from pathlib import Path

import pytest
import yaml

from infra.check.scenarios import AFTER_DEPLOY
from infra.check.syntax import read
from infra.hooks import after_deploy, before_down, smoke_test
from infra.hooks.command_line import HookError, given_settings, outputs
from tests.unit.infra.azure import azure
from tests.unit.infra.code import ROOT
from tests.unit.infra.hooks.conftest import CommandLine

ENV = {
    "AZURE_RESOURCE_GROUP": "rg-test",
    "SERVICE_API_NAME": "app",
    "SLUICE_URL": "http://127.0.0.1:9",
    "SLUICE_EVENT_TOPIC": "topic",
    "SLUICE_IDENTITY": "identity",
    "AzureWebJobsStorage__accountName": "storage",
}
FUNCTIONS = ["app/feedback_intake", *(f"app/{name}" for name in sorted(after_deploy.blob_functions()))]


def test_the_hook_reads_the_functions_of_the_subscriptions() -> None:
    assert after_deploy.blob_functions() == {trigger.rpartition(" ")[2] for trigger in azure().blob_triggers}


def test_events_are_subscribed_to(command_line: CommandLine) -> None:
    command_line.answer({"functionapp function list": FUNCTIONS})
    after_deploy.subscribe(ENV)
    deployed = command_line.asked[-1]
    assert deployed[:4] == ["az", "deployment", "group", "create"]
    assert {part.partition("=")[0] for part in deployed if "=" in part} == set(AFTER_DEPLOY)
    assert "appName=app" in deployed


def test_an_app_without_blob_triggers_has_no_subscriptions(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line.answer({"functionapp function list": FUNCTIONS[:1]})
    after_deploy.subscribe(ENV)
    assert len(command_line.asked) == 1
    assert "the app has no audio_dropped, log_index" in capsys.readouterr().out


def test_an_app_that_does_not_answer_event_grid_is_asked_again(command_line: CommandLine) -> None:
    command_line.answer({"functionapp function list": FUNCTIONS, "deployment": {"fails": "handshake failed"}})
    with pytest.raises(HookError, match="handshake failed"):
        after_deploy.subscribe(ENV, pause_s=0)
    assert len([asked for asked in command_line.asked if asked[1] == "deployment"]) == 6


def test_an_output_that_is_missing_is_named(command_line: CommandLine) -> None:
    with pytest.raises(HookError, match="SLUICE_EVENT_TOPIC"):
        after_deploy.subscribe({**ENV, "SLUICE_EVENT_TOPIC": ""})


def test_roles_outside_the_group_are_taken_back(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = "/subscriptions/s/resourceGroups/RG-test/providers/Microsoft.Storage/storageAccounts/x"
    outside = "/subscriptions/s/resourceGroups/rg-test-models/providers/Microsoft.CognitiveServices/accounts/y"
    roles = [{"id": "1", "scope": inside}, {"id": "2", "scope": outside}, {"id": "3", "scope": "/subscriptions/s"}]
    command_line.answer({"role assignment list": roles})
    monkeypatch.setenv("SLUICE_IDENTITY_PRINCIPAL_ID", "p")
    monkeypatch.setenv("AZURE_RESOURCE_GROUP", "rg-test")
    assert before_down.main() == 0
    assert [asked[asked.index("--ids") + 1] for asked in command_line.asked if "delete" in asked] == ["2", "3"]


def test_nothing_is_taken_back_where_nothing_was_deployed(command_line: CommandLine) -> None:
    assert list(before_down.outside({})) == []
    assert command_line.asked == []


def test_outputs_are_read_whatever_their_case(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({"sluicE_URL": {"type": "String", "value": "https://x"}, "other": {"value": 1}}))
    assert outputs(path) == {"SLUICE_URL": "https://x"}
    assert given_settings("", ["--outputs", str(path)])["SLUICE_URL"] == "https://x"


def test_a_private_network_is_not_entered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLUICE_NETWORK_MODE", "private")
    monkeypatch.delenv("SLUICE_SMOKE_TEST", raising=False)
    assert smoke_test.main([]) == 0
    assert "only inside its network" in capsys.readouterr().out


def test_azure_yaml_names_what_is_there() -> None:
    written = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert (ROOT / written["infra"]["path"] / f"{written['infra']['module']}.bicep").exists()
    for hook in written["hooks"].values():
        for system in ("posix", "windows"):
            assert (ROOT / hook[system]["run"].split()[1]).exists()
    sites = [each for each in azure("dev").resources if each.type == "Microsoft.Web/sites"]
    assert [each.body["tags"]["azd-service-name"] for each in sites] == list(written["services"])
    groups = [each for each in azure("dev").resources if each.type == "Microsoft.Resources/resourceGroups"]
    assert groups[0].body["tags"]["azd-env-name"] == "sluice-dev"


def test_every_output_that_a_hook_reads_is_one_of_the_bicep() -> None:
    there = set(read(ROOT / "infra" / "main.bicep").outputs)
    assert set(ENV) <= there
    assert {"SLUICE_NETWORK_MODE", "ServiceBusConnection__fullyQualifiedNamespace"} <= there
    assert {"SLUICE_IDENTITY_PRINCIPAL_ID", "AZURE_RESOURCE_GROUP"} <= there
