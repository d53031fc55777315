"""Single rules of the validator, at their edges."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.host.schedule import CronSchedule
from shared.config_catalogue import by_name
from shared.config_checks.findings import Finding, Severity
from shared.config_checks.schedules import schedule_problem
from shared.config_checks.units import meant, unusual
from shared.config_setting import Setting
from shared.config_validator import ConfigValidator
from tests.unit.config.broken import IDENTITY, ROOT, SOUND


def _findings(**changes: str) -> list[Finding]:
    env = {name: value for name, value in {**SOUND, **changes}.items() if value}
    return list(ConfigValidator(env).validate_all().findings)


def _only(**changes: str) -> Finding:
    (finding,) = _findings(**changes)
    return finding


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("AZURE_OPENAI_TIMEOUT_S", "90000", 90),  # milliseconds
        ("AZURE_OPENAI_TIMEOUT_S", "90s", 90),
        ("AZURE_OPENAI_TIMEOUT_S", "1.5 min", 90),
        ("AZURE_OPENAI_TIMEOUT_S", "1,5 min", 90),
        ("AZURE_OPENAI_TIMEOUT_S", "500ms", None),  # half a second is out of range
        ("AZURE_OPENAI_TIMEOUT_S", "PT2M", 120),
        ("AZURE_OPENAI_TIMEOUT_S", "00:01:30", 90),
        ("AUDIO_MAX_DURATION_S", "4h", 14_400),
        ("SLUICE_RETENTION_DAYS", "P30D", 30),
        ("SLUICE_RETENTION_DAYS", "2 weeks", 14),
        ("SLUICE_RETENTION_MINUTES", "00:05:00", 5),
        ("SLUICE_RETENTION_MINUTES", "300", 5),  # seconds
        ("AUDIO_MAX_BYTES", "500", 500_000_000),  # megabytes
        ("SLUICE_LOGS_ROTATION_BYTES", "8 MiB", 8_388_608),
        ("SLUICE_MAX_BODY_BYTES", "4MB", 4_000_000),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "100,000", 100_000),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "100.000 k", 100_000_000),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "1.5M", 1_500_000),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "many", None),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "-5", None),
        ("SLUICE_MAX_ATTEMPTS", "5 s", None),
    ],
)
def test_what_is_meant(name: str, value: str, number: float | None) -> None:
    found = meant(by_name()[name], value)
    assert (found[1] if found else None) == number


@given(st.sampled_from([s for s in by_name().values() if s.low is not None]), st.text(max_size=20))
def test_what_is_meant_can_be_set(setting: Setting, value: str) -> None:
    found = meant(setting, value)
    assert found is None or (setting.low or 0) <= found[1] <= (setting.high or 0)


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("AZURE_OPENAI_TIMEOUT_S", "2", 120),  # minutes
        ("AZURE_OPENAI_TIMEOUT_S", "5", None),
        ("AUDIO_MAX_DURATION_S", "4", 14_400),  # hours
        ("AUDIO_MAX_DURATION_S", "60", None),
        ("SLUICE_MAX_BODY_BYTES", "4000", 4_000_000),  # kilobytes
    ],
)
def test_what_is_unusual(name: str, value: str, number: float | None) -> None:
    found = unusual(by_name()[name], value)
    assert (found[1] if found else None) == number


_FIELD = st.lists(st.sampled_from([*"*,-/0159 ", "59", "60", "jan", "MON", "13", "x"]), max_size=3).map("".join)


@given(st.lists(_FIELD, min_size=4, max_size=7).map(" ".join))
@example("0 30 2 * * *")
@example("30 2 * * *")
@example("0 0 0 1 13 *")
@example("0 0 0 * * 7")
def test_schedules_are_judged_as_the_host_reads_them(text: str) -> None:
    try:
        CronSchedule(text)
    except ValueError:
        assert schedule_problem(text) is not None
    else:
        assert schedule_problem(text) is None


def test_seconds_that_were_forgotten() -> None:
    finding = _only(SLUICE_RETENTION_SCHEDULE="* 30 2 * * *")
    assert finding.severity is Severity.WARNING
    assert "Set it to 0 30 2 * * *." in finding.mend
    assert "0 */5 * * * *" in _only(SLUICE_RETENTION_SCHEDULE="00:05:00").mend


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SLUICE_RETENTON_DAYS", "SLUICE_RETENTION_DAYS"),
        ("SLUICE_LOG_LEVEL", "SLUICE_LOGS_LEVEL"),
        ("AZURE_OPEN_AI_ENDPOINT", "AZURE_OPENAI_ENDPOINT"),
        ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
        ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
        ("FEEDBACK_FORM_INQUEUE", "FEEDBACK_FORM_IN_QUEUE"),
        ("OPENAI_TOKENS_LIMIT_PER_MINUTE", "OPENAI_TOKEN_LIMIT_PER_MINUTE"),
        ("ServiceBusConnection_fullyQualifiedNamespace", "ServiceBusConnection__fullyQualifiedNamespace"),
        ("AzureWebjobsStorage", "AzureWebJobsStorage"),
        ("FFMPEGPATH", "FFMPEG_PATH"),
    ],
)
def test_the_name_that_is_meant(name: str, near: str) -> None:
    (finding,) = (found for found in _findings(**{name: "x"}) if found.settings == (name,))
    assert f"Did you mean {near}?" in finding.mend


def test_a_name_that_is_like_no_other() -> None:
    assert "docs/configuration.md" in _only(SLUICE_ZZZZZZZZZZZZ="x").mend


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "LANG", "OPENAI_API_KEY", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AUDIO_DEVICE"),
        *("WEBSITE_SITE_NAME", "FUNCTIONS_EXTENSION_VERSION", "APPSETTING_SLUICE_MAX_ATTEMPTS", "SLUICE_NETWORK_MODE"),
        *("AzureFunctionsJobHost__logging__logLevel__default", "AzureWebJobs.feedback_intake.Disabled"),
        *("APPLICATIONINSIGHTS_CONNECTION_STRING", "PYTHONPATH", "SERVICE_NAME", "AZURE_CONFIG_DIR", "LOG_FILE"),
    ],
)
def test_names_of_other_software_are_left_alone(name: str) -> None:
    assert [found for found in _findings(AZURE_OPENAI_API_KEY="", **{name: "x"}) if name in found.settings] == []


def test_two_names_that_disagree() -> None:
    finding = _only(FEEDBACK_IN_QUEUE="a", FEEDBACK_FORM_IN_QUEUE="b")
    assert finding.settings == ("FEEDBACK_IN_QUEUE", "FEEDBACK_FORM_IN_QUEUE")
    assert finding.mend == "Remove FEEDBACK_FORM_IN_QUEUE."
    assert _findings(FEEDBACK_IN_QUEUE="a", FEEDBACK_FORM_IN_QUEUE="a") == []


@pytest.mark.parametrize(
    ("changes", "setting", "mend"),
    [
        ({"AzureWebJobsStorage": "sluicestore"}, "AzureWebJobsStorage", "access keys"),
        (
            {"AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=x"},
            "AzureWebJobsStorage",
            "whole connection string",
        ),
        ({"ServiceBusConnection": "Endpoint=sb://x.servicebus.windows.net/"}, "ServiceBusConnection", "whole"),
        (
            {"ServiceBusConnection": f"{SOUND['ServiceBusConnection']}EntityPath=feedback-in"},
            "ServiceBusConnection",
            "of the namespace",
        ),
        (
            {**IDENTITY, "AzureWebJobsStorage__accountName": "https://sluicestore.blob.core.windows.net"},
            "AzureWebJobsStorage__accountName",
            "Set it to sluicestore.",
        ),
        (
            {**IDENTITY, "ServiceBusConnection__fullyQualifiedNamespace": "sluice-bus"},
            "ServiceBusConnection__fullyQualifiedNamespace",
            "sluice-bus.servicebus.windows.net",
        ),
        (
            {"AzureWebJobsStorage__accountName": "sluicestore"},
            "AzureWebJobsStorage",
            "Remove AzureWebJobsStorage to use the identity",
        ),
        (
            {**IDENTITY, "ServiceBusConnection__fullyQualifiedNamespace": "", "SERVICE_BUS_NAMESPACE": "bus1-x.a.net"},
            "SERVICE_BUS_NAMESPACE",
            "Set ServiceBusConnection__fullyQualifiedNamespace",
        ),
        ({"WEBSITE_SITE_NAME": "a"}, "ServiceBusConnection", "set ServiceBusConnection__fullyQualifiedNamespace"),
        ({"AZURE_OPENAI_ENDPOINT": "https://m.openai.azure.com/openai/v1"}, "AZURE_OPENAI_ENDPOINT", "azure.com."),
        ({"REASONING_TOKEN_LIMIT_PER_MINUTE": "5000"}, "REASONING_TOKEN_LIMIT_PER_MINUTE", "REASONING_DEPLOYMENT_NAME"),
        ({"AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}, "AZURE_OPENAI_BASE_MODEL", "such as gpt-4o-mini"),
        ({"SLUICE_HTTP_AUTH": "anonymous"}, "SLUICE_HTTP_AUTH", "Set it to function or entra or both."),
        ({"SLUICE_HTTP_AUTH": "entra"}, "SLUICE_ENTRA_TENANT_ID", "Set it: the directory"),
        ({"SLUICE_ENTRA_TENANT_ID": "t"}, "SLUICE_ENTRA_AUDIENCE", "Set it: for whom"),
        ({"SLUICE_WEBHOOK_HOSTS": "*.example.com"}, "SLUICE_WEBHOOK_SECRET", "Set it: signs"),
        ({"SLUICE_DEV_TOKEN_SECRET": 40 * "x"}, "SLUICE_DEV_TOKEN_SECRET", "Remove it"),
        ({"SLUICE_DEV_TOKEN_SECRET": "short"}, "SLUICE_DEV_TOKEN_SECRET", "at least 32"),
        ({"SLUICE_HTTP_ORIGINS": "*"}, "SLUICE_HTTP_ORIGINS", "Name the origins"),
        ({"SLUICE_HTTP_ORIGINS": "portal.example.com"}, "SLUICE_HTTP_ORIGINS", "https://portal.example.com"),
        ({"SLUICE_HTTP_KEYS": "portal:abc"}, "SLUICE_HTTP_KEYS", "NAME:SHA256:ROLE"),
        ({"SLUICE_WEBHOOK_QUEUE": "feedback-in"}, "SLUICE_WEBHOOK_QUEUE", "such as webhooks here"),
        ({"SLUICE_HTTP_MAX_BODY_BYTES": "8 MB"}, "SLUICE_HTTP_MAX_BODY_BYTES", "Set it to 8000000."),
        ({"AUDIO_ALLOWED_HOSTS": "https://files.example.com/a"}, "AUDIO_ALLOWED_HOSTS", "files.example.com."),
        ({"AUDIO_CONTAINERS": "recordings"}, "AUDIO_CONTAINERS", "Add audio-in"),
        ({"REASONING_CONTAINERS": "reasoning-in,sluice-payloads"}, "REASONING_CONTAINERS", "Leave it out"),
        ({"SLUICE_RUN_CONTAINERS": "runs-in,sluice-runs"}, "SLUICE_RUN_CONTAINERS", "Leave it out"),
        ({"SLUICE_LOGS_CONTAINER": "My_Logs"}, "SLUICE_LOGS_CONTAINER", "Such as my-logs."),
        ({"SLUICE_LOGS_CONTAINER": "audio-in"}, "AUDIO_IN_CONTAINER", "different containers"),
        ({"FEEDBACK_IN_QUEUE": "feedback in"}, "FEEDBACK_IN_QUEUE", "use the default"),
        ({"FFMPEG_PATH": "/nowhere/ffmpeg"}, "FFMPEG_PATH", "Correct or remove it"),
        ({"FEEDBACK_PROFILE": "/nowhere.yaml"}, "FEEDBACK_PROFILE", "full path"),
        ({"SLUICE_LOGS_MAX_DISK_BYTES": "1000000"}, "SLUICE_LOGS_MAX_DISK_BYTES", "several files"),
        ({"SLUICE_QUOTA_GUARD_S": "5", "OPENAI_REQUEST_WINDOW_S": "1"}, "SLUICE_QUOTA_GUARD_S", "window of 10"),
        ({"OPENAI_TOKEN_LIMIT_PER_MINUTE": "5000"}, "OPENAI_TOKEN_LIMIT_PER_MINUTE", "Set it to 10000"),
        (
            {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "10000", "OPENAI_REQUEST_LIMIT_PER_MINUTE": "60000"},
            "OPENAI_REQUEST_LIMIT_PER_MINUTE",
            "60 here",
        ),
        ({"REASONING_CALL_TOKENS": "90000", "REASONING_CONTEXT_TOKENS": "32000"}, "REASONING_CALL_TOKENS", "32000"),
        ({"FEEDBACK_MAX_TEXT_CHARS": "900000", "SLUICE_MAX_BODY_BYTES": "64000"}, "SLUICE_MAX_BODY_BYTES", "Raise"),
        ({"AUDIO_CHUNK_S": "40", "AUDIO_OVERLAP_S": "11"}, "AUDIO_OVERLAP_S", "a quarter of the chunk"),
        ({"SLUICE_LOGS_LEVEL": "'INFO'"}, "SLUICE_LOGS_LEVEL", "Remove the quotes."),
        ({"SLUICE_MAX_ATTEMPTS": "2.5"}, "SLUICE_MAX_ATTEMPTS", "Set it to 2."),
    ],
)
def test_single_rules(changes: dict[str, str], setting: str, mend: str) -> None:
    assert any(
        finding.settings[0] == setting and mend in f"{finding.problem} {finding.mend}"
        for finding in _findings(**changes)
    ), [finding.text for finding in _findings(**changes)]


def test_a_profile_that_is_wrong_says_where(tmp_path: Path) -> None:
    profile = tmp_path / "feedback.yaml"
    profile.write_text("categories: 3\n")
    finding = _only(FEEDBACK_PROFILE=str(profile))
    assert finding.settings == ("FEEDBACK_PROFILE",)
    assert "wrong at" in finding.problem
    assert ConfigValidator({**SOUND, "FEEDBACK_PROFILE": str(profile)}, files=False).validate_all().is_valid


def test_host_json_counts(tmp_path: Path) -> None:
    host = json.loads((ROOT / "host.json").read_text())
    host["functionTimeout"] = "00:04:00"
    path = tmp_path / "host.json"
    path.write_text(json.dumps(host))
    named = {finding.settings[0] for finding in ConfigValidator(SOUND, host_json=path).validate_all().findings}
    assert {"AUDIO_FFMPEG_TIMEOUT_S", "SLUICE_RETENTION_MINUTES"} <= named
    path.write_text("[not json")
    assert ConfigValidator(SOUND, host_json=path).validate_all().findings == ()
