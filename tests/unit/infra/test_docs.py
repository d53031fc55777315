"""The documentation of the deployment names what there is: parameters, alerts, files, sections."""

import json
import re

import pytest

from tests.unit.infra.azure import azure, parameter_names
from tests.unit.infra.code import ROOT

DOCS = ROOT / "docs"
PAGES = ("deployment.md", "costs.md", "scaling.md", "runbook.md", "upgrade.md")


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text()
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", text)):
        if target.startswith("http"):
            continue
        path = DOCS / target if target else DOCS / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), f"{target}#{anchor}"


def test_every_alert_has_a_section_in_the_runbook() -> None:
    rules = [each for each in azure("prod").resources if "lerts" in each.type or "scheduledQueryRules" in each.type]
    assert len(rules) >= 7
    assert {rule.name for rule in rules} <= anchors((DOCS / "runbook.md").read_text())


def test_every_parameter_is_explained() -> None:
    text = (DOCS / "deployment.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    told = {"environmentName", "location"}  # azd asks for them
    assert parameter_names("main") - named == told


def test_variables_of_the_guide_are_those_that_azd_reads() -> None:
    written = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"].values()
    read = set(re.findall(r"\$\{(\w+)", " ".join(entry["value"] for entry in written)))
    known = read | set(re.findall(r"^output (\w+)", (ROOT / "infra" / "main.bicep").read_text(), re.MULTILINE))
    known |= {"SLUICE_SMOKE_TEST", "SLUICE_FUNCTION_KEY"}
    settings = set(re.findall(r"`(\w+)`", (DOCS / "configuration.md").read_text()))
    for page in PAGES:
        for name in set(re.findall(r"\b(SLUICE_[A-Z_]*[A-Z])(?!_)\b", (DOCS / page).read_text())):
            assert name in known | settings, f"{page} names {name}"


def test_every_file_of_infra_is_in_the_guide() -> None:
    text = (DOCS / "deployment.md").read_text()
    for path in (ROOT / "infra").glob("*.bicep"):
        assert f"`{path.name}`" in text


def test_commands_that_need_azure_say_so() -> None:
    for page in PAGES:
        text = (DOCS / page).read_text()
        for block in re.finditer(r"```sh\n(.*?)```", text, re.DOTALL):
            before = " ".join(text[: block.start()].split("\n\n")[-3:])
            if re.search(r"\b(az|azd) (?!env (?:set|new))", block[1]):
                assert "needs azure" in (before + block[1]).lower(), f"{page}: {block[1]}"
