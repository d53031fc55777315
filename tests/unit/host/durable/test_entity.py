"""Batches of entity operations."""

import json

import pytest

from local.host.durable import entity
from local.host.durable.records import Operation

CALL = Operation("@counter@k", "id-1", "add", '"5"', "i", "e1")
SIGNAL = Operation("@counter@k", "id-2", "add", None)


def test_ids() -> None:
    assert str(entity.EntityId("Counter", "K")) == "@counter@K"
    assert entity.parse_entity_id("@counter@a@b") == entity.EntityId("counter", "a@b")
    for text in ("counter@k", "@counter", "@@k", ""):
        with pytest.raises(ValueError, match="Unable to parse"):
            entity.parse_entity_id(text)


def test_the_context_is_what_the_sdk_reads() -> None:
    content = json.loads(entity.context(entity.parse_entity_id("@counter@k"), None, [CALL, SIGNAL]))
    assert content == {
        "self": {"name": "counter", "key": "k"},
        "exists": False,
        "state": None,
        "batch": [
            {"name": "add", "input": '"5"', "isSignal": False},
            {"name": "add", "input": None, "isSignal": True},
        ],
    }


def test_those_who_called_get_answers_and_signals_do_not() -> None:
    results = [{"isError": True, "result": '"no"'}, {"isError": False, "result": "1"}]
    outcome = entity.finish([CALL, SIGNAL], json.dumps({"entityExists": True, "entityState": "1", "results": results}))
    assert outcome.state == "1"
    (answer,) = outcome.answers
    assert (answer.target, answer.execution_id, answer.event["Name"]) == ("i", "e1", "id-1")
    assert json.loads(answer.event["Input"]) == {"result": '"no"', "exceptionType": "Error"}


def test_an_entity_that_deleted_itself_has_no_state() -> None:
    reply = {"entityExists": False, "entityState": "null", "results": [{"isError": False, "result": "null"}]}
    assert entity.finish([SIGNAL], json.dumps(reply)).state is None


def test_a_batch_that_took_too_long_has_failed_without_effect() -> None:
    outcome = entity.timed_out([CALL, SIGNAL], "7", "Timeout value of 00:00:01 was exceeded by function: Functions.c")
    assert outcome.state == "7"
    (answer,) = outcome.answers
    assert json.loads(answer.event["Input"])["exceptionType"] == "Error"


@pytest.mark.parametrize("reply", ["null", "{}", '{"results": []}', '{"results": [{}]}', "x"])
def test_what_is_no_reply_is_refused(reply: str) -> None:
    with pytest.raises(ValueError):
        entity.finish([CALL], reply)
