"""The workflow and the devcontainer: what they run exists, and the workflow holds no secret."""

import json
import re

import yaml

from tests.unit.infra.code import ROOT

SOURCE = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
WORKFLOW = yaml.safe_load(SOURCE)
MAKEFILE = (ROOT / "Makefile").read_text()


def test_it_lints_tests_and_then_deploys() -> None:
    assert "bash .ci/run" in [step.get("run") for step in WORKFLOW["jobs"]["test"]["steps"]]
    ci = (ROOT / ".ci" / "run").read_text()
    assert "make lint" in ci
    assert "make test" in ci
    assert WORKFLOW["jobs"]["deploy"]["needs"] == "test"
    for target in re.findall(r"make ([a-z]+)", SOURCE):
        assert f"\n{target}:" in MAKEFILE


def test_it_signs_in_without_a_secret_and_only_where_it_deploys() -> None:
    assert "secrets." not in SOURCE
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOW["jobs"]["test"]
    assert WORKFLOW["jobs"]["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}


def test_actions_are_pinned_to_commits() -> None:
    used = [step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.search(r"@[0-9a-f]{40}$", action) for action in used)


def test_no_value_of_the_outside_is_pasted_into_a_script() -> None:
    for job in WORKFLOW["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]


def test_the_devcontainer_sets_the_project_up() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    target = container["postCreateCommand"].removeprefix("make ")
    assert f"\n{target}:" in MAKEFILE
    python = (ROOT / ".python-version").read_text().strip()
    assert f":{python}-" in container["image"]
