"""The summary profile: how transcripts are summed up, in one YAML file that users may replace."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import ConfigurationError
from shared.model.prompts import format_prompt

DEFAULT_PROFILE = Path(__file__).with_name("summary.yaml")

_PARTS_PER_SUMMARY = 4
"""So many summaries fit into a part at least: fewer would make summing up summaries a long way."""


class SummaryPrompt(BaseModel):
    """`{kind}` and `{material}` are filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    user: str


class SummaryProfile(BaseModel):
    """A checked profile.

    Attributes:
        part_tokens: longest text that is summed up in one call.
        max_tokens: of a summary.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    part_tokens: int = Field(ge=200, le=1_000_000)
    max_tokens: int = Field(ge=50, le=16_384)
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    prompt: SummaryPrompt

    @property
    def least_part_tokens(self) -> int:
        """The smallest parts that make sense."""
        return _PARTS_PER_SUMMARY * self.max_tokens

    @model_validator(mode="after")
    def _check(self) -> "SummaryProfile":
        if self.part_tokens < self.least_part_tokens:
            raise ValueError(f"part_tokens must be {_PARTS_PER_SUMMARY} times max_tokens at least")
        try:
            format_prompt(self.prompt.system, self.prompt.user, {"kind": "", "material": ""})
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> "SummaryProfile":
        """Read a profile; the default one where no path is given.

        Raises:
            ConfigurationError: the file can't be read, or says what is wrong in it and where.
        """
        path = path or DEFAULT_PROFILE
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The summary profile {path} can't be read: {type(error).__name__}.") from None
        except yaml.YAMLError as error:
            raise ConfigurationError(f"The summary profile {path} is not YAML: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigurationError(f"The summary profile {path} is wrong at {where}: {first['msg']}.") from None
