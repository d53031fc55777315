"""Whether the quota that the settings reserve is there: what an endpoint says of its limits."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.config import DeploymentSettings
from shared.config_checks.findings import Area, Finding, Severity
from shared.model.client import QuotaHeaders

LIMITS = {"chat": "OPENAI", "reasoner": "REASONING", "transcription": "TRANSCRIPTION"}
_WINDOWS_S = (1.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment.

    Attributes:
        setting: the name of the setting that names it.
        role: chat, reasoner or transcription.
    """

    setting: str
    role: str
    settings: DeploymentSettings


def limit_findings(deployed: Deployed, quota: QuotaHeaders) -> Iterator[Finding]:
    """Compare the settings with `x-ratelimit-limit-tokens` and `x-ratelimit-limit-requests`.

    Less than the endpoint has is a choice: others may use the rest. Azure evaluates requests over 1 or 10 s (Microsoft,
    "Manage Azure OpenAI quota") and was seen to give `x-ratelimit-remaining-requests` for such a window
    (clemenssiebler.com, 2024: 19 remain of 120 a minute), so that a limit of requests may be of a window, too.
    """
    prefix = LIMITS[deployed.role]
    tpm, rpm = f"{prefix}_TOKEN_LIMIT_PER_MINUTE", f"{prefix}_REQUEST_LIMIT_PER_MINUTE"
    own = deployed.settings.quota
    if quota.limit_tokens is None and quota.limit_requests is None:
        yield Finding(
            Severity.RECOMMENDATION,
            Area.AI_PROVIDERS,
            (tpm, rpm),
            "the deployment answers, but doesn't say its limits.",
            "Compare them with what the resource shows.",
        )
    if quota.limit_tokens is not None and own.tpm > quota.limit_tokens and deployed.role != "transcription":
        yield _too_much(tpm, f"{own.tpm} tokens a minute", f"{quota.limit_tokens} tokens", quota.limit_tokens)
    limit = quota.limit_requests
    if limit is None or own.rpm <= limit or any(_is_part(limit, own.rpm, window_s) for window_s in _WINDOWS_S):
        return
    if own.rpm > limit * 60 / min(_WINDOWS_S[1:]):
        yield _too_much(rpm, f"{own.rpm} requests a minute", f"{limit} requests", limit)
    else:
        yield Finding(
            Severity.WARNING,
            Area.AI_PROVIDERS,
            (rpm,),
            f"the app may make {own.rpm} requests a minute, and the deployment names a limit of {limit}, which may be "
            "of a minute or of 10 s.",
            f"Set it to what the resource shows: {limit} if that is its limit of a minute.",
        )


def _is_part(limit: int, rpm: int, window_s: float) -> bool:
    """Whether a limit is that of a window when `rpm` is that of a minute."""
    return abs(limit - rpm * window_s / 60) < 1


def _too_much(name: str, reserved: str, granted: str, limit: int) -> Finding:
    return Finding(
        Severity.CRITICAL,
        Area.AI_PROVIDERS,
        (name,),
        f"the app would use {reserved}, and the deployment has {granted}: it would refuse calls (429).",
        f"Set it to {limit} or less, or raise the deployment's capacity.",
    )
