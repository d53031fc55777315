"""From indexed metadata to functions: names, disabled, unsupported, order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.bindings import AppFunction, BindingError, SupportedBindings, build_functions, resolve_names

SUPPORTED = SupportedBindings(("httpTrigger", "timerTrigger", "queueTrigger"), ("blob",), ("http", "serviceBus"))
TIMER = {"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": "%TICK%"}


def indexed(name: str, *bindings: dict[str, Any]) -> dict[str, Any]:
    raw = [json.dumps(binding) for binding in bindings or (TIMER,)]
    return {"name": name, "function_id": f"id-{name}", "script_file": "f.py", "raw_bindings": raw, "retry": None}


def build(*entries: dict[str, Any], only: list[str] | None = None, **settings: str) -> list[AppFunction]:
    return build_functions(entries, settings, SUPPORTED, only)


def test_a_function_gets_its_bindings_with_names_resolved() -> None:
    output = {"direction": "OUT", "type": "serviceBus", "name": "out", "queueName": "%Q%-x", "connection": "%SB%"}
    blob = {"direction": "IN", "type": "blob", "name": "b", "path": "c/%Q%"}
    (found,) = build(indexed("tick", output, blob, TIMER), TICK="0 * * * * *", q="jobs")
    assert found.state == "ready"
    assert found.function.trigger["schedule"] == "0 * * * * *"
    assert found.function.inputs == ({**blob, "path": "c/jobs"},)
    # connection names a setting; it isn't resolved.
    assert found.function.outputs == ({**output, "queueName": "jobs-x"},)
    assert found.bindings[2] == TIMER


@pytest.mark.parametrize(
    ("bindings", "says"),
    [
        ([TIMER], "'%TICK%' does not resolve to a value"),
        ([{**TIMER, "schedule": "50%"}], "does not have a closing '%'"),
        (
            [{"direction": "IN", "type": "cosmosDBTrigger", "name": "d"}],
            "trigger type 'cosmosDBTrigger' is not supported",
        ),
        (
            [{**TIMER, "schedule": "x"}, {"direction": "OUT", "type": "queue", "name": "q"}],
            "output binding type 'queue'",
        ),
        ([{**TIMER, "schedule": "x"}, {"direction": "IN", "type": "sql", "name": "q"}], "input binding type 'sql'"),
        ([{"direction": "OUT", "type": "http", "name": "$return"}], "it has no trigger"),
        ([{**TIMER, "schedule": "x", "properties": {"SupportsDeferredBinding": True}}], "supports for blobs only"),
    ],
)
def test_a_function_that_cannot_start_says_why_and_others_run(bindings: list[dict[str, Any]], says: str) -> None:
    fine = {"direction": "IN", "type": "httpTrigger", "name": "req"}
    failed, other = build(indexed("bad", *bindings), indexed("good", fine))
    assert (failed.state, other.state) == ("failed", "ready")
    assert says in failed.error


def test_a_blob_may_be_wanted_as_a_reference_only() -> None:
    blob = {"direction": "IN", "type": "blob", "name": "b", "path": "c/x"}
    other = {**TIMER, "schedule": "x", "properties": {"SupportsDeferredBinding": False}}
    (found,) = build(indexed("tick", {**blob, "properties": {"SupportsDeferredBinding": True}}, other))
    assert found.state == "ready"


@pytest.mark.parametrize(
    "name", ["AzureWebJobs.tick.Disabled", "AzureWebJobs_tick_Disabled", "azurewebjobs.TICK.disabled"]
)
@pytest.mark.parametrize(
    ("value", "state"), [("true", "disabled"), ("True", "disabled"), ("1", "disabled"), ("0", "ready")]
)
def test_disabled_by_a_setting(name: str, value: str, state: str) -> None:
    (found,) = build(indexed("tick"), **{name: value, "TICK": "x"})
    assert found.state == state


def test_functions_come_in_the_order_of_their_names_whatever_their_case() -> None:
    found = build(indexed("b"), indexed("C"), indexed("a"), TICK="x")
    assert [function.name for function in found] == ["a", "b", "C"]


def test_only_the_functions_that_host_json_names() -> None:
    assert [f.name for f in build(indexed("a"), indexed("b"), only=["B"], TICK="x")] == ["b"]


@pytest.mark.parametrize("name", ["host", "1st", "sp ace", "a" * 129])
def test_names_that_the_host_refuses(name: str) -> None:
    (found,) = build(indexed(name), TICK="x")
    assert "not a valid function name" in found.error


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="%")), st.sampled_from(["A", "b"])), max_size=4))
def test_every_name_is_replaced_and_nothing_else(parts: list[tuple[str, str]]) -> None:
    values = {"A": "one", "B": "%A%"}
    template = "".join(f"{text}%{name}%" for text, name in parts)
    assert resolve_names(template, values) == "".join(text + values[name.upper()] for text, name in parts)


@given(st.text(st.sampled_from("%Ax")))
def test_any_text_resolves_or_is_refused(text: str) -> None:
    try:
        assert resolve_names(text, {"A": ""}).count("%") == 0
    except BindingError:
        assert "%" in text
