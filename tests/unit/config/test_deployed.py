"""What the Bicep sets is what the validator takes for sound."""

import re

import pytest

from infra.check.scenarios import scenarios
from shared.config_checks.findings import Severity
from shared.config_validator import ConfigValidator
from tests.unit.infra.azure import azure

OF_THE_PLATFORM = {"WEBSITE_SITE_NAME": "sluice-app", "WEBSITE_INSTANCE_ID": "1f", "FUNCTIONS_EXTENSION_VERSION": "~4"}
KNOWN_LATER = {
    "clientId": "6b1f6d3e-0000-4000-8000-000000000000",
    "blob": "https://sluicestore.blob.core.windows.net/",
    "queue": "https://sluicestore.queue.core.windows.net/",
    "table": "https://sluicestore.table.core.windows.net/",
    "endpoint": "https://sluice-models.openai.azure.com/",
}
"""What Azure puts in place of references such as <account.properties.endpoint>."""


def _as_deployed(value: str) -> str:
    return re.sub(r"<[\w.]*?(\w+)>", lambda reference: KNOWN_LATER.get(reference[1], "x"), value)


@pytest.mark.parametrize("case", sorted(scenarios()))
def test_settings_of_the_bicep_are_sound(case: str) -> None:
    settings = {name: _as_deployed(value) for name, value in azure(case).settings.items()}
    result = ConfigValidator({**OF_THE_PLATFORM, **settings}).validate_all()
    assert [found.text for found in result.findings if found.severity is not Severity.RECOMMENDATION] == []
