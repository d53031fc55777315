"""`sluice config` as it is run, in this process: thirty broken configurations, tables, JSON, sources, masks."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.main import app, main
from cli.settings_source import find_settings
from shared.config_catalogue import catalogue
from tests.unit.config.broken import BROKEN, ROOT, SOUND, Broken

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test sets: neither the settings of whoever runs the tests, nor a stack that runs here."""
    for setting in catalogue():
        for name in (setting.name, *setting.aliases):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def _run(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], *arguments: str) -> tuple[int, str]:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = RUNNER.invoke(app, ["config", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what)
def test_broken_configurations(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.config.out.width", 400, raising=False)
    code, shown = _run(monkeypatch, broken.env, "check")
    assert code == (1 if broken.severity == "critical" else 0)
    for text in (broken.setting, *broken.others, broken.mend, broken.severity):
        assert text in shown
    assert "Traceback" not in shown
    assert broken.severity == "critical" or "degraded" in shown


def test_there_are_thirty() -> None:
    assert len(BROKEN) >= 30
    assert len({broken.what for broken in BROKEN}) == len(BROKEN)


def test_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = _run(monkeypatch, SOUND, "check")
    assert code == 0
    assert shown == "✓ environment\n✓ services\n✓ AI providers\n✓ performance\nSettings: healthy\n"


def test_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = _run(monkeypatch, {**SOUND, "SLUICE_MAX_ATTEMPTS": "500"}, "check", "--json")
    result = json.loads(shown)
    assert code == 1
    assert result["health_status"] == "unhealthy"
    (finding,) = result["findings"]
    assert (finding["severity"], finding["area"], finding["settings"]) == (
        "critical",
        "environment",
        ["SLUICE_MAX_ATTEMPTS"],
    )


def test_local_settings_are_read_as_the_host_reads_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment wins over the file unless it is empty."""
    content = {"IsEncrypted": False, "Values": {**SOUND, "SLUICE_MAX_ATTEMPTS": "7", "SLUICE_MAX_THROTTLES": "8"}}
    (tmp_path / "local.settings.json").write_text(json.dumps(content))
    env = {"SLUICE_MAX_ATTEMPTS": "9", "SLUICE_MAX_THROTTLES": "", "FEEDBACK_FORM_IN_QUEUE": "form"}

    code, _ = _run(monkeypatch, env, "check")
    _, lines = _run(monkeypatch, env, "show", "--json")

    assert code == 0
    shown = {row["name"]: row for row in map(json.loads, lines.splitlines())}
    assert set(shown) == {setting.name for setting in catalogue()}

    def of(name: str) -> tuple[str, str, str]:
        return shown[name]["value"], shown[name]["source"], shown[name]["given_as"]

    assert of("SLUICE_MAX_ATTEMPTS") == ("9", "environment", "SLUICE_MAX_ATTEMPTS")
    assert of("SLUICE_MAX_THROTTLES") == ("8", "local.settings.json", "SLUICE_MAX_THROTTLES")
    assert of("FEEDBACK_IN_QUEUE") == ("form", "environment", "FEEDBACK_FORM_IN_QUEUE")
    assert of("SLUICE_RETENTION_MINUTES") == ("5", "default", None)
    assert of("AZURE_OPENAI_REASONING_ENDPOINT") == (None, "default", None)
    assert of("AZURE_OPENAI_BASE_MODEL") == (None, "not set", None)


@pytest.mark.parametrize(
    ("content", "named", "mend"),
    [
        ("{", "local.settings.json", "isn't JSON"),
        (json.dumps({"Values": SOUND}), "local.settings.json", "IsEncrypted"),
        (
            json.dumps({"IsEncrypted": False, "Values": {**SOUND, "FUNCTIONS_WORKER_RUNTIME": "node"}}),
            "FUNCTIONS_WORKER_RUNTIME",
            "python",
        ),
        (
            json.dumps({"IsEncrypted": False, "Values": {**SOUND, "FUNCTIONS_WORKER_RUNTIME": None}}),
            "FUNCTIONS_WORKER_RUNTIME",
            "add",
        ),
    ],
)
def test_a_file_that_the_host_refuses_is_a_finding(
    content: str, named: str, mend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "local.settings.json").write_text(content)
    code, shown = _run(monkeypatch, {}, "check", "--json")
    finding = json.loads(shown)["findings"][0]
    assert code == 1
    assert finding["settings"] == [named]
    assert mend.lower() in f"{finding['problem']} {finding['mend']}".lower()


def test_a_running_stack_wins_where_no_namespace_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It gives the app its settings, over those of the environment and the file."""
    stack = SimpleNamespace(settings={**SOUND, "OPENAI_TOKEN_LIMIT_PER_MINUTE": "1000000"})
    monkeypatch.setattr("cli.settings_source.running_stack", lambda _: stack)
    given = {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "5", "SLUICE_MAX_ATTEMPTS": "6"}

    found = find_settings(tmp_path, given)
    assert (found.values["OPENAI_TOKEN_LIMIT_PER_MINUTE"], found.values["SLUICE_MAX_ATTEMPTS"]) == ("1000000", "6")
    assert found.sources["OPENAI_TOKEN_LIMIT_PER_MINUTE"] == "running stack"

    cloud = find_settings(tmp_path, {**given, "SERVICE_BUS_NAMESPACE": "n.servicebus.windows.net"})
    assert cloud.values["OPENAI_TOKEN_LIMIT_PER_MINUTE"] == "5"


def test_other_commands_point_to_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {**SOUND, "SLUICE_MAX_ATTEMPTS": "many"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["sluice", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "SLUICE_MAX_ATTEMPTS" in said
    assert "`sluice config check`" in said


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "q7Vd03LmZt9PqR"
    env = {
        **SOUND,
        "AZURE_OPENAI_API_KEY": secret,
        "ServiceBusConnection": f"Endpoint=sb://x;SharedAccessKeyName=n;SharedAccessKey={secret}",
        "SLUICE_APP_ID": f"app-{secret}",
    }
    for arguments in (("show",), ("show", "--json"), ("check",), ("check", "--json")):
        _, shown = _run(monkeypatch, env, *arguments)
        assert secret not in shown
    _, shown = _run(monkeypatch, env, "show")
    assert "app-***" in shown
    _, lines = _run(monkeypatch, {**env, "AZURE_OPENAI_API_KEY": "short"}, "show", "--json")
    values = {row["name"]: row["value"] for row in map(json.loads, lines.splitlines())}
    assert {values[setting.name] for setting in catalogue() if setting.secret} == {"***", None}


def test_settings_that_are_not_set_are_shown_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    _, short = _run(monkeypatch, SOUND, "show")
    _, whole = _run(monkeypatch, SOUND, "show", "--all")
    assert "SLUICE_APP_WEIGHTS" not in short
    assert "SLUICE_APP_WEIGHTS" in whole
    assert "local.settings.json" not in short


def test_a_wrong_setting_does_not_keep_the_others_from_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = _run(monkeypatch, {"SLUICE_MAX_ATTEMPTS": "many"}, "show", "--json")
    shown = {row["name"]: row for row in map(json.loads, lines.splitlines())}
    assert shown["SLUICE_MAX_ATTEMPTS"]["value"] == "many"
    assert shown["SLUICE_MAX_THROTTLES"]["value"] == "50"


def test_the_folder_may_be_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "local.settings.json").write_bytes((ROOT / "local.settings.sample.json").read_bytes())
    assert _run(monkeypatch, {}, "check", "--folder", str(folder))[0] == 0
