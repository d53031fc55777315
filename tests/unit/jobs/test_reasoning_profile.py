"""The reasoning profile."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.errors import ConfigurationError
from shared.jobs.reasoning_profile import DEFAULT_PROFILE, ReasoningProfile


def written(path: Path, change: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(yaml.safe_load(DEFAULT_PROFILE.read_text()) | change))
    return path


def test_the_default_profile_is_sound() -> None:
    profile = ReasoningProfile.load()

    assert profile.version == "1"
    assert "{material}" in profile.steps["solve"].user


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"colour": 1}, "colour"),
        ({"part_tokens": 5}, "part_tokens"),
        ({"steps": {"plan": {"system": "x", "user": "y"}}}, "the step merge is missing"),
        ({"sections": {"task": "{value}"}}, "the section answer is missing"),
        ({"steps": {"plan": {"system": "x"}}}, "steps.plan.user"),
    ],
)
def test_a_wrong_profile_says_where(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigurationError, match=where):
        ReasoningProfile.load(written(tmp_path / "p.yaml", change))


def test_a_prompt_with_an_unknown_variable(tmp_path: Path) -> None:
    steps = yaml.safe_load(DEFAULT_PROFILE.read_text())["steps"]
    steps["solve"]["user"] = "{tasks}"
    with pytest.raises(ConfigurationError, match="tasks"):
        ReasoningProfile.load(written(tmp_path / "p.yaml", {"steps": steps}))


def test_unreadable_profiles_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        ReasoningProfile.load(tmp_path / "none.yaml")
    (tmp_path / "p.yaml").write_text("a: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        ReasoningProfile.load(tmp_path / "p.yaml")
    (tmp_path / "p.yaml").write_text("just text")
    with pytest.raises(ConfigurationError, match="wrong at the file"):
        ReasoningProfile.load(tmp_path / "p.yaml")
