"""What an endpoint says of its limits, against the settings."""

import pytest

from shared.config import DeploymentSettings, OpenAISettings, QuotaSettings
from shared.config_checks.findings import Severity
from shared.config_checks.limits import Deployed, limit_findings
from shared.model.client import QuotaHeaders


def _severities(
    tpm: int, rpm: int, limit_tokens: int | None, limit_requests: int | None, role: str = "chat"
) -> list[str]:
    openai = OpenAISettings("https://m", "v1", "d", None, 60.0)
    deployed = Deployed("NAME", role, DeploymentSettings(openai, QuotaSettings(tpm, rpm, 10.0, 2.15, {})))
    quota = QuotaHeaders(limit_tokens=limit_tokens, limit_requests=limit_requests)
    return [str(finding.severity) for finding in limit_findings(deployed, quota)]


@pytest.mark.parametrize(
    ("tpm", "rpm", "limit_tokens", "limit_requests", "expected"),
    [
        (100_000, 600, 100_000, 600, []),
        (50_000, 300, 100_000, 600, []),  # a share
        (100_000, 600, 100_000, 100, []),  # of 10 s
        (100_000, 600, 100_000, 10, []),  # of 1 s
        (20_000, 125, 20_000, 21, []),  # of 10 s, rounded
        (100_000, 600, 100_000, 200, [Severity.WARNING]),  # of a minute, or of 10 s
        (100_000, 600, 100_000, 90, [Severity.CRITICAL]),  # too little either way
        (100_001, 600, 100_000, 600, [Severity.CRITICAL]),
        (100_000, 600, None, 600, []),
        (100_000, 600, 100_000, None, []),
        (100_000, 600, None, None, [Severity.RECOMMENDATION]),
    ],
)
def test_limits(tpm: int, rpm: int, limit_tokens: int, limit_requests: int, expected: list[str]) -> None:
    assert _severities(tpm, rpm, limit_tokens, limit_requests) == expected


def test_tokens_of_transcriptions_are_calls() -> None:
    assert _severities(1_000_000, 3, 100_000, 3, role="transcription") == []
