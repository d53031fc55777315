"""host.json and the variables that override it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.host.config_section import Section
from local.host.errors import HostError
from local.host.host_json import DEFAULT_FUNCTION_TIMEOUT_S, HostJson, load_host_json
from local.host.log_levels import NONE, LogFilter

PREFIX = "AzureFunctionsJobHost__"


def load(folder: Path, content: dict[str, Any] | None = None, **environ: str) -> HostJson:
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **(content or {})}))
    return load_host_json(folder, environ)


def test_the_defaults(tmp_path: Path) -> None:
    found = load_host_json(tmp_path, {})
    assert found == load(tmp_path)
    assert (found.route_prefix, found.function_timeout_s) == ("api", DEFAULT_FUNCTION_TIMEOUT_S)
    assert (found.functions, found.log_levels) == (None, {})


def test_values_of_the_file(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        {
            "functionTimeout": "00:01:00",
            "functions": ["one", "two"],
            "extensions": {"http": {"routePrefix": "/v1/"}, "serviceBus": {"maxConcurrentCalls": 3}},
            "logging": {"logLevel": {"default": "Warning", "Function.one.User": "none"}},
            "singleton": {"listenerLockPeriod": "00:00:15"},
        },
    )
    assert (found.function_timeout_s, found.functions, found.route_prefix) == (60.0, ("one", "two"), "v1")
    assert found.log_levels == {"default": logging.WARNING, "Function.one.User": NONE}
    assert found.listener_lock_s == 15.0
    assert found.config.find("extensions.serviceBus.maxConcurrentCalls") == 3


@pytest.mark.parametrize(("text", "seconds"), [("-1", None), ("-1.00:00:00", None), ("00:00:01", 1.0), ("1", 86400.0)])
def test_function_timeout(tmp_path: Path, text: str, seconds: float | None) -> None:
    assert load(tmp_path, {"functionTimeout": text}).function_timeout_s == seconds


def test_variables_override_whatever_their_case(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        {"extensions": {"serviceBus": {"maxConcurrentCalls": 3, "prefetchCount": 1}}},
        azurefunctionsjobhost__EXTENSIONS__servicebus__MaxConcurrentCalls="8",
        AzureFunctionsJobHost__extensions__http__routePrefix="",
        AzureFunctionsJobHost__extensions__serviceBus__autoCompleteMessages="False",
        AzureFunctionsJobHost__functions__0="only",
    )
    service_bus = found.config.find("extensions.serviceBus")
    assert service_bus["maxConcurrentCalls"] == 8
    assert service_bus["prefetchCount"] == 1
    assert service_bus["autoCompleteMessages"] is False
    assert (found.route_prefix, found.functions) == ("", ("only",))


def test_a_variable_can_override_one_item_of_a_list(tmp_path: Path) -> None:
    variables = {f"{PREFIX}functions__1": "changed"}
    assert load(tmp_path, {"functions": ["one", "two"]}, **variables).functions == ("one", "changed")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"version": "1.0"}, "version must be"),
        ({"version": None}, "version must be .*, not missing"),
        ({"functionTimeout": "00:00:00"}, "functionTimeout must be a duration"),
        ({"functionTimeout": "soon"}, "functionTimeout must be a duration .*, not 'soon'"),
        ({"functionTimeout": True}, "functionTimeout must be a duration"),
        ({"extensions": {"http": {"routePrefix": 5}}}, "extensions.http.routePrefix must be a string, not 5"),
        ({"extensions": {"serviceBus": {"maxConcurrentCalls": 0}}}, "serviceBus.maxConcurrentCalls must be a whole"),
        ({"extensions": {"serviceBus": {"maxConcurrentCalls": "many"}}}, "serviceBus.maxConcurrentCalls must be"),
        ({"extensions": {"serviceBus": {"maxConcurrentCalls": 1.5}}}, "serviceBus.maxConcurrentCalls must be"),
        ({"extensions": {"serviceBus": {"prefetchCount": -1}}}, "prefetchCount must be a whole number of at least 0"),
        ({"extensions": {"serviceBus": {"autoCompleteMessages": "yes"}}}, "autoCompleteMessages must be true or false"),
        ({"extensions": {"serviceBus": {"maxAutoLockRenewalDuration": "5m"}}}, "maxAutoLockRenewalDuration must be"),
        ({"logging": {"logLevel": {"Function": "Loud"}}}, "logging.logLevel.Function must be one of Trace, Debug"),
        ({"logging": {"logLevel": "Debug"}}, "logging.logLevel must be an object"),
        (
            {"singleton": {"listenerLockPeriod": "00:05:00"}},
            "listenerLockPeriod must be a duration hh:mm:ss of 15 to 60",
        ),
    ],
)
def test_says_which_path_is_wrong(tmp_path: Path, content: dict[str, Any], says: str) -> None:
    with pytest.raises(HostError, match=says) as error:
        load(tmp_path, content)
    assert str(tmp_path / "host.json") in str(error.value)


def test_says_which_variable_is_wrong(tmp_path: Path) -> None:
    name = f"{PREFIX}extensions__serviceBus__maxConcurrentCalls"
    with pytest.raises(HostError, match=rf"{name} \(for extensions.serviceBus.maxConcurrentCalls of host.json\)"):
        load(tmp_path, {}, **{name: "x"})


KEYS = st.sampled_from(
    ["functionTimeout", "extensions", "http", "routePrefix", "serviceBus", "prefetchCount", "logging", "logLevel"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(KEYS, JSON), path=st.lists(KEYS, min_size=1, max_size=4), value=st.text(max_size=5))
def test_any_host_json_is_used_or_refused(tmp_path: Path, content: Any, path: list[str], value: str) -> None:
    try:
        found = load(tmp_path, content, **{PREFIX + "__".join(path): value})
    except HostError:
        return
    assert isinstance(found.route_prefix, str)
    assert found.function_timeout_s is None or found.function_timeout_s >= 1


@given(st.lists(KEYS, min_size=1, max_size=4), st.text())
def test_an_override_is_found_at_its_path(path: list[str], value: str) -> None:
    section = Section({"extensions": {"http": {"routePrefix": "api"}}, "functions": ["a"]}).with_value(path, value)
    assert section.find(".".join(path)) == value
    assert section.find(".".join(path).upper()) == value


def test_the_longest_prefix_decides_the_log_level() -> None:
    levels = LogFilter({"default": logging.ERROR, "Function": logging.INFO, "Function.loud.User": logging.DEBUG})
    assert levels.minimum("Host.Startup") == logging.ERROR
    assert levels.minimum("Function.quiet.User") == logging.INFO
    assert levels.minimum("function.LOUD.user") == logging.DEBUG
    assert LogFilter().minimum("anything") == logging.INFO
