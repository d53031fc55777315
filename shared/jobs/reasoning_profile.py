"""The reasoning profile: the prompts of all steps in one YAML file that users may replace."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import ConfigurationError
from shared.model.prompts import format_prompt

DEFAULT_PROFILE = Path(__file__).with_name("reasoning.yaml")

type StepKind = Literal["plan", "read", "merge", "solve", "verify", "revise"]
type Section = Literal["task", "instructions", "schema", "inputs", "notes", "plan", "answer", "problems"]

STEP_KINDS: tuple[StepKind, ...] = ("plan", "read", "merge", "solve", "verify", "revise")
VARIABLES = ("task", "instructions", "schema", "material", "plan", "answer", "problems")
"""What the prompts of steps may use; `material` is the section `inputs` or `notes`."""


class StepPrompt(BaseModel):
    """Attributes: max_tokens: of the output; solving takes the job's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    user: str
    max_tokens: int = Field(default=1_000, ge=64, le=16_384)
    temperature: float | None = Field(default=0.0, ge=0, le=2)


class ReasoningProfile(BaseModel):
    """A checked profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    part_tokens: int = Field(default=16_000, ge=200, le=1_000_000)
    overlap_tokens: int = Field(default=200, ge=0, le=10_000)
    sampling_temperature: float | None = Field(default=0.7, ge=0, le=2)
    sections: dict[Section, str]
    steps: dict[StepKind, StepPrompt]

    @model_validator(mode="after")
    def _check(self) -> "ReasoningProfile":
        if missing := set(Section.__value__.__args__) - set(self.sections):
            raise ValueError(f"the section {min(missing)} is missing")
        if missing := set(STEP_KINDS) - set(self.steps):
            raise ValueError(f"the step {min(missing)} is missing")
        try:
            for template in self.sections.values():
                format_prompt("", template, {"value": ""})
            for step in self.steps.values():
                format_prompt(step.system, step.user, dict.fromkeys(VARIABLES, ""))
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> "ReasoningProfile":
        """Read a profile; the default one where no path is given.

        Raises:
            ConfigurationError: the file can't be read, or says what is wrong in it and where.
        """
        path = path or DEFAULT_PROFILE
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The reasoning profile {path} can't be read: {type(error).__name__}.") from None
        except yaml.YAMLError as error:
            raise ConfigurationError(f"The reasoning profile {path} is not YAML: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigurationError(f"The reasoning profile {path} is wrong at {where}: {first['msg']}.") from None
