"""The configuration: every property takes effect, and what is wrong is named by its path."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.service_bus import config as config_module
from local.service_bus.config import EntitySettings, load_config, parse_config
from local.service_bus.config_section import parse_duration_ms
from shared.config import all_queues, turns_queue, webhook_queue
from shared.errors import ConfigurationError
from tests.support.service_bus import configuration


def queue_config(**properties: Any) -> dict[str, Any]:
    return configuration({"q": properties})


def rule_config(**properties: Any) -> dict[str, Any]:
    subscription = {"Name": "s", "Rules": [{"Name": "r", "Properties": properties}]}
    return configuration(topics={"t": {"Subscriptions": [subscription]}})


def test_all_properties_are_read() -> None:
    config = parse_config(
        configuration(
            {
                "q": {
                    "DeadLetteringOnMessageExpiration": True,
                    "DefaultMessageTimeToLive": "P14D",
                    "DuplicateDetectionHistoryTimeWindow": "PT10M",
                    "ForwardDeadLetteredMessagesTo": "other",
                    "ForwardTo": "",
                    "LockDuration": "PT1M30S",
                    "MaxDeliveryCount": 7,
                    "RequiresDuplicateDetection": True,
                    "RequiresSession": True,
                },
                "other": {},
            }
        )
    )

    assert config.queues[0].settings == EntitySettings(
        lock_duration_ms=90_000,
        max_delivery_count=7,
        default_ttl_ms=14 * 86_400_000,
        dead_letter_expired=True,
        duplicate_window_ms=600_000,
        requires_session=True,
        forward_dead_lettered_to="other",
    )
    assert config.queues[1].settings == EntitySettings()


def test_a_window_without_detection_means_nothing() -> None:
    assert parse_config(queue_config(DuplicateDetectionHistoryTimeWindow="PT1M")).queues[0].settings == EntitySettings()


@pytest.mark.parametrize(
    ("text", "ms"),
    [("PT1M", 60_000), ("P1DT2H3M4S", 93_784_000), ("PT0.5S", 500), ("P10675199DT2H48M5.4775807S", 922337203685478)],
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "P", "PT", "1M", "P1M", "P1Y", "PT1", "pt1m", "PT-1M", "P1DT"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration_ms(text)


IN_QUEUE = "UserConfig.Namespaces[0].Queues[0].Properties."
IN_RULE = "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[0].Properties."


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({}, "UserConfig"),
        ({"UserConfig": 5}, "UserConfig"),
        ({"UserConfig": {"Namespaces": []}}, "UserConfig.Namespaces"),
        ({"UserConfig": {"Namespaces": [{}, {}]}}, "UserConfig.Namespaces"),
        ({"UserConfig": {"Namespaces": [{"Queue": []}]}}, "UserConfig.Namespaces[0].Queue"),
        ({"UserConfig": {"Namespaces": [{"Queues": {}}]}}, "UserConfig.Namespaces[0].Queues"),
        (configuration({"-q": {}}), "UserConfig.Namespaces[0].Queues[0].Name"),
        (configuration({"q": {}, "Q": {}}), "UserConfig.Namespaces[0].Queues[1].Name"),
        (configuration({"q": {}}, {"q": {}}), "UserConfig.Namespaces[0].Topics[0].Name"),
        (queue_config(LockDuratoin="PT1M"), IN_QUEUE + "LockDuratoin"),
        (queue_config(LockDuration=60), IN_QUEUE + "LockDuration"),
        (queue_config(LockDuration="1 minute"), IN_QUEUE + "LockDuration"),
        (queue_config(LockDuration="PT1S"), IN_QUEUE + "LockDuration"),
        (queue_config(LockDuration="PT6M"), IN_QUEUE + "LockDuration"),
        (queue_config(MaxDeliveryCount=0), IN_QUEUE + "MaxDeliveryCount"),
        (queue_config(MaxDeliveryCount=True), IN_QUEUE + "MaxDeliveryCount"),
        (queue_config(DefaultMessageTimeToLive="PT0S"), IN_QUEUE + "DefaultMessageTimeToLive"),
        (queue_config(DuplicateDetectionHistoryTimeWindow="P8D"), IN_QUEUE + "DuplicateDetectionHistoryTimeWindow"),
        (queue_config(RequiresSession="yes"), IN_QUEUE + "RequiresSession"),
        (queue_config(RequiresSession=True, ForwardTo="q"), IN_QUEUE + "ForwardTo"),
        (queue_config(ForwardTo="nowhere"), "UserConfig.Namespaces[0].Queues (q).Properties.ForwardTo"),
        (rule_config(FilterType="Magic"), IN_RULE + "FilterType"),
        (rule_config(FilterType="Sql"), IN_RULE + "SqlFilter"),
        (rule_config(FilterType="Sql", SqlFilter={"SqlExpression": "a ="}), IN_RULE + "SqlFilter.SqlExpression"),
        (
            rule_config(FilterType="Sql", SqlFilter={"SqlExpression": "1=1"}, Action={"SqlExpression": "SET a=1"}),
            IN_RULE + "Action",
        ),
        (rule_config(FilterType="Correlation", CorrelationFilter={}), IN_RULE + "CorrelationFilter.Properties"),
        (rule_config(FilterType="Correlation", CorrelationFilter={"Lable": "x"}), IN_RULE + "CorrelationFilter.Lable"),
        (
            rule_config(FilterType="Correlation", CorrelationFilter={"Properties": {"a": []}}),
            IN_RULE + "CorrelationFilter.Properties.a",
        ),
    ],
)
def test_errors_name_the_path(value: Any, path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(value)

    assert caught.value.field == path
    assert str(caught.value).startswith(path)


def test_files_that_can_not_be_read_are_errors(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")

    for path in (tmp_path / "absent.json", broken):
        with pytest.raises(ConfigurationError, match=path.name):
            load_config(path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(queue_config()), encoding="utf-8-sig")

    assert load_config(path).queues[0].name == "q"


_OWN = Path(config_module.__file__).with_name("config.json")
_FOR_MICROSOFTS = Path(config_module.__file__).with_name("config.emulator.json")


def test_the_applications_file_for_microsofts_emulator_is_its_own_within_the_limits_there() -> None:
    own, limited = json.loads(_OWN.read_text()), json.loads(_FOR_MICROSOFTS.read_text())
    for queue in own["UserConfig"]["Namespaces"][0]["Queues"]:
        queue["Properties"]["DefaultMessageTimeToLive"] = "PT1H"
        queue["Properties"]["DuplicateDetectionHistoryTimeWindow"] = "PT5M"
    assert own == limited
    for settings in (queue.settings for queue in load_config(_FOR_MICROSOFTS).queues):
        # The ranges of the schema of Microsoft's emulator.
        assert 5_000 <= settings.lock_duration_ms <= 300_000
        assert 5_000 <= settings.duplicate_window_ms <= 300_000
        assert 300_000 <= settings.default_ttl_ms <= 3_600_000
        assert settings.max_delivery_count <= 10


def test_the_applications_own_file_has_what_the_code_expects_of_the_queues() -> None:
    queues = {queue.name: queue.settings for queue in load_config(_OWN).queues}
    of_kinds = [name for kind in all_queues({}).values() for name in (kind.inbox, kind.run, kind.outbox)]
    assert list(queues) == [*of_kinds, turns_queue({}), webhook_queue({})]
    day_ms = 24 * 3_600_000
    for settings in queues.values():
        assert settings.lock_duration_ms == 60_000
        assert settings.max_delivery_count == 10
        assert settings.dead_letter_expired
        assert settings.default_ttl_ms == 14 * day_ms
    for kind in all_queues({}).values():
        assert queues[kind.outbox].duplicate_window_ms == day_ms
