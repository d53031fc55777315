"""Code, host.json, settings, the local emulator and the Bicep say the same."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from infra.check.scenarios import INFRA, scenarios
from shared.config import Settings
from tests.unit.infra.azure import azure, parameter_names
from tests.unit.infra.code import ROOT, Code, code
from tests.unit.infra.comparison import OF_THE_PLATFORM, deployment_differences, differences


def test_what_the_code_uses_is_what_the_bicep_deploys() -> None:
    assert differences(code(), azure()) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("servicebus.bicep", "'feedback-run', rec", "'feedback-runs', rec", "uses the queue feedback-run,"),
        ("servicebus.bicep", "'feedback-run', rec", "'feedback-runs', rec", "has the queue feedback-runs,"),
        (
            "servicebus.bicep",
            "'feedback-out', receives: false, sends: true",
            "'feedback-out', receives: false, sends: false",
            "the app lacks Azure Service Bus Data Sender",
        ),
        (
            "servicebus.bicep",
            "'feedback-out', receives: false, sends: true",
            "'feedback-out', receives: true, sends: true",
            "queues/feedback-out, which nothing needs",
        ),
        ("servicebus.bicep", "'PT1M' //", "'PT5M' //", "has lockDuration PT5M"),
        (
            "servicebus.bicep",
            "sends: true, duplicateWindow: 'P1D'",
            "sends: true, duplicateWindow: 'PT9M'",
            "duplicateDetectionHistoryTimeWindow PT9M",
        ),
        ("servicebus.bicep", "scope: queue[i]", "scope: bus", "the app lacks Azure Service Bus Data Receiver on"),
        (
            "storage.bicep",
            "  'claim-checks' // bodies too large for a message\n",
            "",
            "uses the container claim-checks",
        ),
        ("storage.bicep", "  'audio-sent' // recordings", "  // recordings", "uses the container audio-sent"),
        ("storage.bicep", "'logindex', ", "", "uses the table logindex"),
        (
            "servicebus.bicep",
            "'audio-in', receives: true, sends: true",
            "'audio-in', receives: true, sends: false",
            "the app lacks Azure Service Bus Data Sender on Microsoft.ServiceBus/namespaces/queues/audio-in",
        ),
        ("storage.bicep", "'sluicejobs', ", "", "uses the table sluicejobs"),
        ("storage.bicep", "'sluicejobs'", "'sluicejobs', 'spare'", "has the table spare"),
        (
            "storage.bicep",
            "  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'\n",
            "",
            "the app lacks Storage Queue Data Contributor",
        ),
        (
            "main.bicep",
            "  AZURE_OPENAI_DEPLOYMENT_NAME: deploymentNames.chat\n",
            "",
            "chat: the app calls None",
        ),
        (
            "main.bicep",
            "AZURE_OPENAI_DEPLOYMENT_NAME: deploymentNames.chat\n  AZURE",
            "AZURE_OPENAI_DEPLOYMENT_NAME: 'gpt'\n  AZURE",
            "chat: the app calls gpt at",
        ),
        (
            "main.bicep",
            "AZURE_OPENAI_REASONING_BASE_MODEL: reasoningModel.name",
            "AZURE_OPENAI_REASONING_BASE_MODEL: chatModel.name",
            "reasoning: the app takes the deployment for gpt-5.4-mini, it is gpt-5.4",
        ),
        (
            "main.bicep",
            "  AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME: deploymentNames.transcription\n",
            "",
            "has the deployment transcription, no setting names it",
        ),
        (
            "main.bicep",
            "string(transcriptionCapacity * transcriptionModel.requestsPerUnit)",
            "string(transcriptionCapacity * chatModel.tokensPerUnit)",
            "transcription: the app may make 3000 requests a minute, 3 are granted",
        ),
        (
            "main.bicep",
            "string(reasoningCapacity * reasoningModel.tokensPerUnit)",
            "string(chatCapacity * reasoningModel.tokensPerUnit)",
            "reasoning: the app may use 500000 tokens a minute, 20000 are granted",
        ),
        (
            "main.bicep",
            "OPENAI_TOKEN_LIMIT_PER_MINUTE: ",
            "OPENAI_TOKENS_PER_MINUTE: '5'\n  OPENAI_TOKEN_LIMIT_PER_MINUTE: ",
            "sets OPENAI_TOKENS_PER_MINUTE",
        ),
        (
            "main.bicep",
            "  ServiceBusConnection__fullyQualifiedNamespace: serviceBus.outputs.host\n  S",
            "  S",
            "the app doesn't start",
        ),
        (
            "main.bicep",
            "  AzureWebJobsStorage__clientId: identity.outputs.clientId\n",
            "",
            "blobs: the Bicep's settings don't name",
        ),
        (
            "main.bicep",
            "AZURE_OPENAI_BASE_MODEL: chatModel.name",
            "AZURE_OPENAI_BASE_MODEL: chatModel.name\n  AZURE_OPENAI_API_KEY: 'k'",
            "sets a key",
        ),
        (
            "openai-access.bicep",
            "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
            "3913510d-42f4-4e42-8a64-420c390055eb",
            "lacks Cognitive Services OpenAI User",
        ),
        ("scheduler.bicep", "{ name: 'sluice' }", "{ name: 'default' }", "task hub sluice, the Bicep makes default"),
        (
            "subscriptions.bicep",
            "function: 'log_index'",
            "function: 'logs_index'",
            "blob trigger sluice-logs -> logs_index",
        ),
        (
            "alerts.bicep",
            'startswith "job_published "',
            'startswith "job_publishd "',
            "an alert looks for job_publishd,",
        ),
        ("alerts.bicep", 'has "status=failed"', 'has "outcome=failed"', "an alert looks for job_published.outcome"),
    ],
)
def test_a_mistake_in_the_bicep_is_told(tmp_path: Path, file: str, old: str, new: str, told: str) -> None:
    for path in (*INFRA.glob("*.bicep"), *INFRA.glob("*.json")):
        shutil.copy(path, tmp_path)
    source = (tmp_path / file).read_text()
    assert old in source
    (tmp_path / file).write_text(source.replace(old, new))

    assert any(told in sentence for sentence in differences(code(), azure(infra=tmp_path)))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"received": {"feedback-in", "other-in"}}, "uses the queue other-in"),
        ({"topics": {"sluice-events"}}, "uses the topic sluice-events"),
        ({"tables": {"sluicejobs", "sluicefailures"}}, "has the table sluicepending, no code"),
        ({"containers": {"sluice-payloads", "claim-checks", "new"}}, "uses the container new"),
        ({"blob_triggers": {"audio-in -> dropped"}}, "uses the blob trigger audio-in -> dropped"),
        ({"polling": {"dropped"}}, "dropped polls for blobs"),
        ({"settings": {"AZURE_OPENAI_ENDPOINT"}}, "sets AZURE_OPENAI_BASE_MODEL, no code reads it"),
        ({"events": set()}, "looks for job_published.status"),
    ],
)
def test_a_change_of_the_code_alone_is_told(changed: dict[str, set[str]], told: str) -> None:
    other = dataclasses.replace(code(), **{name: frozenset(value) for name, value in changed.items()})

    assert any(told in sentence for sentence in differences(other, azure()))


def test_a_change_of_host_json_alone_is_told() -> None:
    host = json.loads(json.dumps(code().host))
    host["extensions"]["durableTask"]["hubName"] = "other"
    host["functionTimeout"] = "01:00:00"
    other: Code = dataclasses.replace(code(), host=host)

    told = " ".join(differences(other, azure()))

    assert "task hub other" in told
    assert "longer than its lock" in told


@pytest.mark.parametrize("capacity", [1, 50, 777])
def test_the_apps_limits_follow_from_the_capacity(capacity: int) -> None:
    found = azure("most", chatCapacity=capacity, reasoningCapacity=capacity, transcriptionCapacity=capacity)

    assert {name: entry["capacity"] for name, entry in found.deployments.items()} == {
        "chat": capacity,
        "reasoning": capacity,
        "transcription": capacity,
    }
    limits = {name: int(value) for name, value in found.settings.items() if name.endswith("_LIMIT_PER_MINUTE")}
    assert limits == {
        "OPENAI_TOKEN_LIMIT_PER_MINUTE": 1000 * capacity,
        "OPENAI_REQUEST_LIMIT_PER_MINUTE": capacity,
        "REASONING_TOKEN_LIMIT_PER_MINUTE": 1000 * capacity,
        "REASONING_REQUEST_LIMIT_PER_MINUTE": 10 * capacity,
        "TRANSCRIPTION_TOKEN_LIMIT_PER_MINUTE": 1000 * capacity,
        "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE": capacity,
    }


def test_a_model_that_is_left_out_leaves_no_setting() -> None:
    names = azure("least").settings
    assert not [name for name in names if "TRANSCRIPTION" in name or "REASONING" in name]


@pytest.mark.parametrize("case", sorted(set(scenarios()) - {"existing"}))
def test_the_app_takes_what_each_deployment_grants(case: str) -> None:
    found = azure(case)
    assert list(deployment_differences(Settings.from_env(found.settings), found)) == []


@pytest.mark.parametrize("case", sorted(scenarios()))
def test_every_case_has_the_apps_settings_and_no_key(case: str) -> None:
    found = azure(case)
    text = json.dumps(found.settings)
    assert "AccountKey" not in text
    assert "SharedAccessKey" not in text
    assert found.settings["AZURE_OPENAI_ENDPOINT"]


def test_nobody_signs_in_with_a_key() -> None:
    switched = {
        "Microsoft.Storage/storageAccounts": ("allowSharedKeyAccess", False),
        "Microsoft.ServiceBus/namespaces": ("disableLocalAuth", True),
        "Microsoft.CognitiveServices/accounts": ("disableLocalAuth", True),
        "Microsoft.Insights/components": ("DisableLocalAuth", True),
    }
    for resource in azure("prod").resources:
        if resource.type in switched and not resource.existing:
            name, value = switched.pop(resource.type)
            assert resource.body["properties"][name] is value
    assert switched == {}


def test_the_operator_may_send_and_read_and_nothing_more() -> None:
    roles = {role.partition(" on ")[0] for role in azure("most").operator_roles}
    assert roles == {
        "Azure Service Bus Data Receiver",
        "Azure Service Bus Data Sender",
        "Storage Blob Data Contributor",
        "Storage Table Data Contributor",
    }
    assert azure("prod").operator_roles == set()


def test_the_local_service_bus_has_the_queues_of_the_bicep() -> None:
    namespace = json.loads((ROOT / "local" / "service_bus" / "config.json").read_text())["UserConfig"]["Namespaces"][0]
    local = {queue["Name"]: queue["Properties"] for queue in namespace["Queues"]}
    found = azure("dev").queues
    assert set(local) == set(found)
    for name, properties in local.items():
        for key, value in properties.items():
            assert found[name][key[0].lower() + key[1:]] == value, f"{name}: {key}"


def test_settings_of_the_bicep_are_documented() -> None:
    documented = set(re.findall(r"`([A-Za-z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    ours = {name for name in azure().settings if not OF_THE_PLATFORM.fullmatch(name)}
    assert ours - documented == set()


def test_the_sample_settings_are_read() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert set(sample) - code().settings == set()


def test_parameter_files_name_parameters_that_exist() -> None:
    parameters = azure().parameters
    assert parameter_names("main") == parameters, "azd can set every parameter"
    for profile in ("dev", "prod"):
        assert parameter_names(profile) <= parameters
