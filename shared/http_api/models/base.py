"""What all answers have in common."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What every answer has in common: nothing that isn't said here."""

    model_config = ConfigDict(extra="forbid")
