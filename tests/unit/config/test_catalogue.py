"""Every setting is defined once, with all that the documentation needs, and the documentation is current."""

import inspect
import json
import re
from pathlib import Path

import pytest

from cli import settings_docs
from shared import config
from shared.config import Settings
from shared.config_catalogue import ELSEWHERE, by_name, catalogue, settings_of
from shared.config_checks.names import OF_AZD
from shared.config_reader import NotedEnvironment, Reader
from shared.config_setting import Form, Setting, shown
from tests.unit.config.broken import ROOT, SOUND

OF_THE_SOURCE_DOCUMENTS = {
    "SERVICE_BUS_NAMESPACE": "ServiceBusConnection__fullyQualifiedNamespace",
    "FEEDBACK_FORM_IN_QUEUE": "FEEDBACK_IN_QUEUE",
    "FEEDBACK_FORM_OUT_QUEUE": "FEEDBACK_OUT_QUEUE",
    "AZURE_OPENAI_API_VERSION": "AZURE_OPENAI_API_VERSION",
    "AZURE_OPENAI_ENDPOINT": "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_DEPLOYMENT_NAME": "AZURE_OPENAI_DEPLOYMENT_NAME",
    "FFMPEG_PATH": "FFMPEG_PATH",
    "OPENAI_TOKEN_LIMIT_PER_MINUTE": "OPENAI_TOKEN_LIMIT_PER_MINUTE",
    "AZURE_STORAGE_ACCOUNT": "AzureWebJobsStorage__accountName",
    "AZURE_STORAGE_CONTAINER": "SLUICE_LOGS_CONTAINER",
    "LOG_LEVEL": "SLUICE_LOGS_LEVEL",
}
"""All that the source documents name, but REDIS_URL, MQTT_BROKER_HOST and MQTT_BROKER_PORT, of what this app has not,
and JWT_SECRET_KEY: SLUICE_DEV_TOKEN_SECRET lets anybody be anybody, and is to be set on purpose."""


@pytest.mark.parametrize("name", sorted(setting.name for setting in catalogue()))
def test_every_setting_says_what_it_does(name: str) -> None:
    setting = by_name()[name]
    assert setting.effect, (
        f'{name} is read, but nothing says what it does: add effect="..." to the look-up (reader.text, reader.number '
        "and so on) in shared/, then run `make docs`"
    )
    assert setting.area, f'{name} belongs to no part of the documentation: look it up with reader.of("...")'
    assert not setting.effect.endswith("."), f"{name}: effects end without a full stop"
    assert setting.form not in (Form.NUMBER, Form.WHOLE) or setting.low is not None


@pytest.mark.parametrize("name", sorted(setting.name for setting in catalogue() if setting.form is Form.NUMBER))
def test_numbers_say_their_unit(name: str) -> None:
    assert by_name()[name].measure, f'{name}: end the name with its unit (_S, _BYTES, ...), or give unit="..."'


def test_documentation_and_sample_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert settings_docs.main(["--check"]) == 0, f"run `make docs`: {capsys.readouterr().err}"


def test_a_setting_that_is_new_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, sample = tmp_path / "docs" / "configuration.md", tmp_path / "local.settings.sample.json"
    page.parent.mkdir()
    page.write_text("# Settings\n\n<!-- settings: One -->\n<!-- end -->\n\n## Platform\n\n<!-- settings: Platform -->")
    sample.write_text("{}")
    new = (
        Setting("A_S", ("B",), "One", Form.NUMBER, 5.0, "effect", low=1, high=9),
        Setting("C", (), "Two", default_is="that of A_S", effect="effect"),
    )
    monkeypatch.setattr(settings_docs, "catalogue", lambda: new)
    monkeypatch.setattr(settings_docs, "by_name", lambda: {setting.name: setting for setting in new})
    for name, value in (("ROOT", tmp_path), ("PAGE", page), ("SAMPLE", sample)):
        monkeypatch.setattr(settings_docs, name, value)

    assert settings_docs.main(["--check"]) == 1
    assert "docs/configuration.md isn't current: run `make docs`" in capsys.readouterr().err
    assert settings_docs.main([]) == 0

    text = page.read_text()
    assert "| `A_S` | `5` | seconds, 1 to 9 | effect; also `B` |" in text
    assert "## Two\n\n<!-- settings: Two -->" in text
    assert text.index("## Two") < text.index("## Platform")
    assert "| `C` | that of A_S |  | effect |" in text
    assert settings_docs.main(["--check"]) == 0


def test_the_sample_is_whole_and_works() -> None:
    assert json.loads(settings_docs.sample())["Values"] == SOUND
    assert Settings.from_env(SOUND).chat.openai.deployment == "gpt-4o-mini"


def test_all_functions_of_the_module_are_read() -> None:
    """What takes an environment is a look-up: nothing that is set can be missing in the catalogue."""
    for name, function in inspect.getmembers(config, inspect.isfunction):
        source = inspect.getsource(function)
        if "os.environ" in source and name not in ("environment", "_reader"):
            assert "env" in inspect.signature(function).parameters, name


@pytest.mark.parametrize(("theirs", "ours"), OF_THE_SOURCE_DOCUMENTS.items())
def test_names_of_the_source_documents_are_accepted(theirs: str, ours: str) -> None:
    assert by_name()[theirs].name == ours


def test_names_of_the_deployment_are_known() -> None:
    """azd hands them to hooks; they aren't misspelt settings."""
    given = set(re.findall(r"\$\{(SLUICE_\w+)", (ROOT / "infra" / "main.parameters.json").read_text()))
    given |= set(re.findall(r"^output (SLUICE_\w+)", (ROOT / "infra" / "main.bicep").read_text(), re.MULTILINE))
    assert given - set(by_name()) == OF_AZD


def test_what_others_read_is_not_defined_twice() -> None:
    env = NotedEnvironment({"AzureWebJobsStorage": "x", "ServiceBusConnection": "x"})
    Settings.from_env(env)
    assert not {setting.name for setting in ELSEWHERE} & set(env.noted)


def test_defaults_follow_from_other_settings() -> None:
    values = {**SOUND, "OPENAI_REQUEST_LIMIT_PER_MINUTE": "", "OPENAI_TOKEN_LIMIT_PER_MINUTE": "50000"}
    (rpm,) = (setting for setting in settings_of(values) if setting.name == "OPENAI_REQUEST_LIMIT_PER_MINUTE")
    assert rpm.default == 300


def test_another_softwares_value_does_not_count() -> None:
    """LOG_LEVEL is read by many; what we don't know of it is no mistake of ours."""
    levels = ("DEBUG", "INFO")

    def level(**env: str) -> str:
        return Reader(env).choice("OUR_LEVEL", "LOG_LEVEL", choices=levels, default="INFO", effect="")

    assert level(LOG_LEVEL="debug") == "DEBUG"
    assert level(LOG_LEVEL="verbose") == "INFO"
    assert level(OUR_LEVEL="info", LOG_LEVEL="debug") == "INFO"


@pytest.mark.parametrize("value", ["0123456789abcdef0123", "x" * 40, "a\nb", "SharedAccessKey=x", "sig=x"])
def test_what_may_be_a_key_is_not_shown(value: str) -> None:
    assert shown(value) == f"a text of {len(value)} characters"
    assert shown("12 apples") == "'12 apples'"
