"""Topics: rules decide which subscriptions get a copy."""

from typing import Any

import pytest

from local.service_bus.rules import MessageView
from local.service_bus.sql_filter import SqlSyntaxError, compile_sql
from tests.unit.service_bus.helpers import MINUTE_MS, Bench, application_properties, message


def subscription(name: str, *rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    named = [{"Name": f"r{n}", "Properties": rule} for n, rule in enumerate(rules)]
    return {"Name": name, "Properties": properties, "Rules": named}


def correlation(**conditions: Any) -> dict[str, Any]:
    return {"FilterType": "Correlation", "CorrelationFilter": conditions}


def sql(expression: str) -> dict[str, Any]:
    return {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}


def test_every_subscription_has_its_own_copy_and_numbers() -> None:
    bench = Bench(topics={"t": {"Subscriptions": [subscription("a"), subscription("b", sql("colour = 'red'"))]}})
    bench.send(b"0", to="t")
    bench.send(b"1", to="t", properties={"colour": "red"})

    received = {name: bench.receive(f"T/subscriptions/{name}") for name in "ab"}

    assert received["a"].bodies == [b"0", b"1"]
    assert received["b"].bodies == [b"1"]
    assert (received["b"].received[0].sequence_number, received["b"].received[0].enqueued_sequence_number) == (1, 2)
    bench.queue("t/Subscriptions/a").remove(received["a"].received[1])
    assert len(bench.queue("t/Subscriptions/b").messages) == 1


def test_several_matching_rules_give_one_copy() -> None:
    bench = Bench(topics={"t": {"Subscriptions": [subscription("a", sql("1=1"), correlation(Label="x"))]}})

    bench.send(b"0", to="t", subject="x")

    assert bench.receive("t/Subscriptions/a").bodies == [b"0"]


def test_duplicates_and_schedules_are_the_topics_own() -> None:
    detecting = {"RequiresDuplicateDetection": True}
    bench = Bench(topics={"t": {"Properties": detecting, "Subscriptions": [subscription("a"), subscription("b")]}})
    (number,) = bench.send(b"0", to="t", message_id="x", scheduled_ms=bench.now_ms + MINUTE_MS)
    assert bench.send(b"1", to="t", message_id="x") == [0]
    topic = bench.broker.destination("t")
    assert list(topic.messages) == [number]

    bench.advance(MINUTE_MS)
    assert [bench.receive(f"t/Subscriptions/{name}").bodies for name in "ab"] == [[b"0"], [b"0"]]

    (number,) = bench.send(b"2", to="t", scheduled_ms=bench.now_ms + MINUTE_MS)
    topic.cancel_scheduled([number])
    bench.advance(MINUTE_MS)
    assert topic.messages == {}
    assert bench.receive("t/Subscriptions/a").received == []


def test_the_topics_time_to_live_limits_that_of_its_subscriptions() -> None:
    topic = {"Properties": {"DefaultMessageTimeToLive": "PT1S"}, "Subscriptions": [subscription("a")]}
    bench = Bench(topics={"t": topic})
    bench.send(b"0", to="t")

    bench.advance(1000)

    assert bench.queue("t/Subscriptions/a").messages == {}


def test_a_subscription_may_forward() -> None:
    bench = Bench({"q": {}}, {"t": {"Subscriptions": [subscription("a", ForwardTo="q")]}})

    bench.send(b"0", to="t")

    assert bench.receive("q").bodies == [b"0"]


def test_a_session_subscription_buries_messages_without_a_session() -> None:
    bench = Bench(topics={"t": {"Subscriptions": [subscription("a", RequiresSession=True), subscription("b")]}})

    bench.send(b"0", to="t")

    dead = bench.receive("t/Subscriptions/a/$DeadLetterQueue").received[0]
    assert application_properties(dead)["DeadLetterReason"] == "Session ID is null"
    assert bench.receive("t/Subscriptions/b").bodies == [b"0"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"Label": "order"}, True),
        ({"Label": "Order"}, False),
        ({"Label": "order", "MessageId": "m1"}, True),
        ({"Label": "order", "MessageId": "m2"}, False),
        ({"SessionId": "s"}, True),
        ({"CorrelationId": "none"}, False),
        ({"Properties": {"n": 1}}, True),
        ({"Properties": {"n": 2}}, False),
        ({"Properties": {"n": True}}, False),
        ({"Properties": {"absent": 1}}, False),
        ({"Label": "order", "Properties": {"s": "text", "flag": True}}, True),
    ],
)
def test_correlation_filters(conditions: dict[str, Any], expected: bool) -> None:
    bench = Bench(topics={"t": {"Subscriptions": [subscription("a", correlation(**conditions))]}})

    properties = {"n": 1, "s": "text", "flag": True}
    bench.send(b"0", to="t", subject="order", message_id="m1", session_id="s", properties=properties)

    assert bool(bench.receive("t/Subscriptions/a").received) is expected


VIEW = MessageView(
    message(
        subject="order",
        message_id="m1",
        properties={"n": 5, "x": 1.5, "s": "it's 100%", "yes": True, "no": False, "odd name": 1, "null": None},
    )
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1=1", True),
        ("1=0", False),
        ("n = 5 AND x < 2", True),
        ("n <> 5 OR x >= 1.5", True),
        ("NOT n != 5", True),
        ("user.n > 4 and sys.Label = 'order'", True),
        ("sys.subject LIKE 'ord%'", True),
        ("sys.MessageId IN ('m0', 'm1')", True),
        ("n NOT IN (1, 2)", True),
        ("s = 'it''s 100%'", True),
        ("s LIKE '%100!%' ESCAPE '!'", True),
        ("s LIKE 'it_s %'", True),
        ("s NOT LIKE 'x%'", True),
        ("absent IS NULL AND n IS NOT NULL", True),
        ("EXISTS(n) AND NOT EXISTS(absent)", True),
        ("yes = TRUE AND no = FALSE", True),
        ("yes", True),
        ("n + 1 = 2 * 3 AND n % 2 = 1 AND n / 2 = 2.5", True),
        ("-5 + n = 0", True),
        ('[odd name] = 1 AND "odd name" = 1', True),
        ("n = 0x5", True),
        ("(n = 1 OR n = 5) AND (x = 1.5)", True),
        ("absent = 1", None),
        ("absent <> 1", None),
        ("NOT absent = 1", None),
        ("absent = 1 OR n = 5", True),
        ("absent = 1 AND n = 1", False),
        ("n = 'five'", None),
        ("yes = 1", None),
        ("n / 0 = 1", None),
    ],
)
def test_sql_conditions(expression: str, expected: bool | None) -> None:
    assert compile_sql(expression)(VIEW.lookup) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "n =",
        "n = 1 AND",
        "(n = 1",
        "n = 'x",
        "n ? 1",
        "newid() = 1",
        "other.n = 1",
        "n LIKE m",
        "n NOT 5",
        "-(n) = 1",
    ],
)
def test_malformed_or_unsupported_sql_is_an_error(expression: str) -> None:
    with pytest.raises(SqlSyntaxError):
        compile_sql(expression)


def test_sql_is_bounded() -> None:
    with pytest.raises(SqlSyntaxError, match="longer"):
        compile_sql("n = 1" + " OR n = 1" * 200)
    with pytest.raises(SqlSyntaxError, match="nested"):
        compile_sql("(" * 100 + "1=1" + ")" * 100)
