"""The section extensions.durableTask of host.json."""

from typing import Any

import pytest

from local.host.bindings import BindingError
from local.host.config_section import Section
from local.host.durable.options import DurableOptions, read_options


def read(section: dict[str, Any], settings: dict[str, str] | None = None) -> DurableOptions:
    return read_options(Section({"extensions": {"durableTask": section}}), settings or {})


def test_defaults() -> None:
    options = read_options(Section({}), {})
    assert (options.hub, options.connection, options.partitions) == ("TestHubName", "AzureWebJobsStorage", 4)
    assert options.entity_batch == 50
    assert options.activities == options.orchestrations == options.entities
    assert options.activities % 10 == 0


def test_values_also_as_text_and_whatever_their_case() -> None:
    options = read(
        {
            "HubName": "%HUB%",
            "maxConcurrentActivityFunctions": "3",
            "maxConcurrentOrchestratorFunctions": 5,
            "maxEntityOperationBatchSize": 7,
            "overridableExistingInstanceStates": "AnyState",
            "storageProvider": {"partitionCount": 16, "connectionName": "Other", "unknown": 1},
            "useGracefulShutdown": True,
        },
        {"HUB": "MyHub"},
    )
    assert options == DurableOptions("MyHub", "Other", 16, 3, 5, 5, 7, replace_running=True)


@pytest.mark.parametrize(
    ("site", "hub"),
    [
        ("my-app", "myapp"),
        ("1app", "t1app"),
        ("a", "aHub"),
        ("---", "DefaultTaskHub"),
        ("x" * 60, "x" * 45),
    ],
)
def test_in_the_cloud_the_hub_is_named_after_the_app(site: str, hub: str) -> None:
    assert read({}, {"WEBSITE_SITE_NAME": site}).hub == hub


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"maxConcurrentActivityFunctions": 0}, "maxConcurrentActivityFunctions must be a positive integer, not 0"),
        ({"maxConcurrentEntityFunctions": 1.5}, "maxConcurrentEntityFunctions must be a positive integer"),
        ({"maxEntityOperationBatchSize": "many"}, "maxEntityOperationBatchSize must be a positive integer"),
        ({"extendedSessionsEnabled": "perhaps"}, "extendedSessionsEnabled must be true or false"),
        ({"storageProvider": {"partitionCount": 17}}, "partitionCount must be an integer between 1 and 16, not 17"),
        ({"storageProvider": {"controlQueueBufferThreshold": 1001}}, "must be an integer between 1 and 1000"),
        ({"storageProvider": {"type": "mssql"}}, "the local host stands in for AzureStorage only"),
        ({"hubName": "my-hub"}, "Task hub name 'my-hub' should contain only alphanumeric characters"),
        ({"hubName": "%NO_SUCH%"}, "no app setting is named 'NO_SUCH'"),
        ({"overridableExistingInstanceStates": "Some"}, "must be NonRunningStates or AnyState"),
    ],
)
def test_values_of_no_use_are_named(section: dict[str, Any], says: str) -> None:
    with pytest.raises(BindingError, match=says):
        read(section)
