"""local.settings.json and the environment."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.host.app_settings import (
    FILE_NAME,
    LocalSettings,
    combine_settings,
    find_setting,
    host_id,
    load_local_settings,
)
from local.host.errors import HostError

PYTHON = {"FUNCTIONS_WORKER_RUNTIME": "python"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def write(folder: Path, content: Any) -> None:
    (folder / FILE_NAME).write_text(content if isinstance(content, str) else json.dumps(content))


def test_reads_values_connection_strings_and_host(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "IsEncrypted": False,
            "Values": {"A": "1", "NUMBER": 5, "FLAG": True, "NOTHING": None},
            "ConnectionStrings": {"Plain": "x", "Rich": {"ConnectionString": "y", "ProviderName": "p"}},
            "Host": {"LocalHttpPort": 7100, "CORS": "https://a.example, https://b.example", "CORSCredentials": True},
        },
    )
    assert load_local_settings(tmp_path) == LocalSettings(
        {"A": "1", "NUMBER": "5", "FLAG": "True", "ConnectionStrings:Plain": "x", "ConnectionStrings:Rich": "y"},
        7100,
        ("https://a.example", "https://b.example"),
        cors_credentials=True,
    )


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert load_local_settings(tmp_path) == LocalSettings()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"IsEncrypted": True, "Values": {}}, "IsEncrypted must be false"),
        ({"Values": {}}, "IsEncrypted must be false"),
        ({"IsEncrypted": False, "Values": []}, "Values must be an object"),
        ({"IsEncrypted": False, "Values": {"A": {}}}, "Values.A must be a string"),
        ({"IsEncrypted": False, "Host": {"LocalHttpPort": "7071"}}, "Host.LocalHttpPort must be a port"),
        ({"IsEncrypted": False, "Host": {"LocalHttpPort": 70000}}, "Host.LocalHttpPort must be a port"),
        ({"IsEncrypted": False, "Host": {"CORS": 1}}, "Host.CORS must be"),
        ({"IsEncrypted": False, "Host": {"CORS": "*", "CORSCredentials": True}}, "can't be combined"),
        ('{"IsEncrypted": false,\n  oops}', r"isn't JSON: .* \(line 2, column 3\)"),
        ("[]", "must hold a JSON object"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path: Path, content: Any, says: str) -> None:
    write(tmp_path, content)
    with pytest.raises(HostError, match=says) as error:
        load_local_settings(tmp_path)
    assert str(tmp_path / FILE_NAME) in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JSON | st.dictionaries(st.sampled_from(["IsEncrypted", "Values", "Host", "ConnectionStrings"]), JSON))
def test_any_json_is_read_or_refused(tmp_path: Path, content: Any) -> None:
    write(tmp_path, content)
    try:
        values = load_local_settings(tmp_path).values
    except HostError:
        return
    assert all(isinstance(value, str) for value in values.values())


def test_the_real_environment_wins_unless_it_is_empty() -> None:
    local = LocalSettings({**PYTHON, "SET": "file", "EMPTY": "file", "NEW": "file"})
    combined = combine_settings(local, {"SET": "env", "EMPTY": "", "OTHER": "env"})
    assert combined == {**PYTHON, "SET": "env", "EMPTY": "file", "NEW": "file", "OTHER": "env"}


@pytest.mark.parametrize(("runtime", "says"), [({}, "is missing"), ({"FUNCTIONS_WORKER_RUNTIME": "node"}, "node")])
def test_only_python_apps(runtime: dict[str, str], says: str) -> None:
    with pytest.raises(HostError, match=f"FUNCTIONS_WORKER_RUNTIME.*{says}"):
        combine_settings(LocalSettings(runtime), {})


def test_settings_are_found_whatever_their_case() -> None:
    assert find_setting({"In_Queue": "q"}, "IN_QUEUE") == "q"
    assert find_setting({"a": "1", "A": "2"}, "A") == "2"
    assert find_setting({"a": "1"}, "b") is None


def test_the_host_id_is_stable_and_differs_by_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert host_id(one, {}) == host_id(one, {})
    assert host_id(one, {}) != host_id(other, {})
    assert len(host_id(one, {})) <= 32
    assert host_id(one, {"AzureFunctionsWebHost__hostid": "Mine"}) == "mine"
