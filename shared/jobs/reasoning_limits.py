"""How large reasoning jobs, their inputs and their calls may be."""

from dataclasses import dataclass

from shared.errors import ConfigurationError

MIN_CALL_TOKENS = 4_000


@dataclass(frozen=True, slots=True)
class ReasoningLimits:
    """Limits of one deployment's reasoning jobs.

    Attributes:
        context_tokens: what the model can take in and give out in one call.
        quota_tokens: what one call may take of the deployment's tokens per minute.
        input_chars: of all inputs of a job together.
        inputs: how many.
        task_chars: of `task`, and of `instructions`.
        default_max_tokens: of the output of a call that solves, where the job names none.
        samples: how many a job may ask for.
        parts: into how many parts inputs are split at most.
    """

    context_tokens: int = 128_000
    quota_tokens: int = 50_000
    input_chars: int = 10_000_000
    inputs: int = 100
    task_chars: int = 20_000
    default_max_tokens: int = 2_000
    samples: int = 10
    parts: int = 200

    def __post_init__(self) -> None:
        if self.call_tokens < MIN_CALL_TOKENS:
            raise ConfigurationError(
                f"Reasoning jobs need at least {MIN_CALL_TOKENS} tokens a call; context and quota leave "
                f"{self.call_tokens}."
            )

    @property
    def call_tokens(self) -> int:
        """The largest call: prompt and output together."""
        return min(self.context_tokens, self.quota_tokens)
