"""What checkov is given, and what it is told to leave out."""

import json
import re

from infra.check.scenarios import INFRA
from infra.policies import template
from tests.unit.infra.azure import azure


def test_every_exception_has_its_reason() -> None:
    written = (INFRA / ".checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    assert 0 < len(written) <= 10
    assert all(re.fullmatch(r"  - CKV\w+ +# \w.{20,}\.", line) for line in written)


def test_checkov_is_given_what_would_be_deployed() -> None:
    resources = azure("prod").resources
    given = json.loads(template(list(resources)))["resources"]
    storage = next(each for each in given if each["type"] == "Microsoft.Storage/storageAccounts")
    assert storage["properties"]["allowSharedKeyAccess"] is False
    assert storage["sku"] == {"name": "Standard_ZRS"}
    left_out = [each for each in resources if each.existing or each.type == "Microsoft.Web/sites/config"]
    assert len(given) == len(resources) - len(left_out)
