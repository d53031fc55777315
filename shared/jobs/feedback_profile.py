"""The feedback profile: categories, hashtags, output schema and prompt in one YAML file that users may replace."""

import copy
from collections.abc import Mapping, Set
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import ConfigurationError
from shared.jobs.hashtags import HashtagMapping
from shared.model.strict_schema import UNSUPPORTED_KEYWORDS

DEFAULT_PROFILE = Path(__file__).with_name("feedback.yaml")


class Hashtag(BaseModel):
    """One hashtag: what it is for, and other words for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    synonyms: tuple[str, ...] = ()


class Example(BaseModel):
    """A worked example for the prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    output: dict[str, Any]


class Prompt(BaseModel):
    """The prompt's parts. `{categories}`, `{hashtags}`, `{feedback}` and `{details}` are filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    user: str
    examples: tuple[Example, ...] = ()


class FeedbackProfile(BaseModel):
    """A checked profile.

    In `output_schema`, `enum: $categories` and `enum: $hashtags` stand for the names above.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    categories: dict[str, str] = Field(min_length=1)
    hashtags: dict[str, Hashtag] = Field(min_length=1)
    max_hashtags: int = Field(default=5, ge=1, le=50)
    max_tokens: int = Field(default=500, ge=16, le=16_384)
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    prompt: Prompt
    output_schema: dict[str, Any]

    @model_validator(mode="after")
    def _check(self) -> "FeedbackProfile":
        try:
            jsonschema.Draft202012Validator.check_schema(self._filled)
        except jsonschema.SchemaError as error:
            raise ValueError(f"output_schema is not a JSON schema: {error.message}") from None
        if self.output_schema.get("type") != "object":
            raise ValueError("output_schema must describe an object.")
        self.mapping  # noqa: B018 - raises where a synonym is used twice
        return self

    @cached_property
    def mapping(self) -> HashtagMapping:
        """Synonyms to hashtags."""
        return HashtagMapping({name: tag.synonyms for name, tag in self.hashtags.items()})

    @cached_property
    def schema_sent(self) -> dict[str, Any]:
        """The schema as the endpoint gets it: what strict mode doesn't know is left out, and checked by us."""
        sent: dict[str, Any] = _without(self._filled, UNSUPPORTED_KEYWORDS)
        return sent

    @cached_property
    def schema_checked(self) -> dict[str, Any]:
        """The schema that answers are checked against: hashtags are free, as they are mapped afterwards."""
        schema = copy.deepcopy(self._filled)
        schema.get("properties", {}).get("hashtags", {}).get("items", {}).pop("enum", None)
        return schema

    @cached_property
    def _filled(self) -> dict[str, Any]:
        names = {"$categories": list(self.categories), "$hashtags": list(self.hashtags)}
        filled: dict[str, Any] = _replaced(self.output_schema, names)
        return filled

    @classmethod
    def load(cls, path: Path | None = None) -> "FeedbackProfile":
        """Read a profile; the default one where no path is given.

        Raises:
            ConfigurationError: the file can't be read, or says what is wrong in it and where.
        """
        path = path or DEFAULT_PROFILE
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls.model_validate(data)
        except OSError as error:
            raise ConfigurationError(f"The feedback profile {path} can't be read: {error.strerror}.") from None
        except yaml.YAMLError as error:
            raise ConfigurationError(f"The feedback profile {path} is not YAML: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigurationError(f"The feedback profile {path} is wrong at {where}: {first['msg']}.") from None


def _replaced(node: Any, names: Mapping[str, list[str]]) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, names) for value in node]
    return names.get(node, node) if isinstance(node, str) else node


def _without(node: Any, keywords: Set[str], *, names: bool = False) -> Any:
    """A copy of a schema without these keywords. Under `properties` the keys are names, not keywords."""
    if isinstance(node, dict):
        return {
            key: _without(value, keywords, names=key == "properties" and not names)
            for key, value in node.items()
            if names or key not in keywords
        }
    if isinstance(node, list):
        return [_without(value, keywords) for value in node]
    return node
