"""What a run will need: pure arithmetic over counts of tokens and what is known of the quota."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.jobs.call_needs import Needs


@dataclass(frozen=True, slots=True)
class Quota:
    """What of a deployment's quota there is now.

    Attributes:
        tpm, rpm: tokens and requests a minute.
        bias: by which the endpoint counts more than we do.
        backlog_calls, backlog_tokens: what waits already.
        frozen_s: until calls are made again after a 429.
    """

    tpm: float
    rpm: float
    bias: float = 1.0
    backlog_calls: int = 0
    backlog_tokens: int = 0
    frozen_s: float = 0.0


WINDOW_S = 60.5
"""In which a minute's tokens are used: docs/quota.md, "Windows"."""


def duration_s(calls: int, charged_tokens: int, quota: Quota, overhead_s: float = 0.0) -> float:
    """How long it takes until all calls have ended, those before them in the line included.

    Tokens or requests are the bottleneck, whichever takes longer. The quota is used as it refills, all of it while
    there is work (docs/quota.md); what others take of it isn't known before.

    Args:
        charged_tokens: what the quota is charged: prompts and `max_tokens`.
        overhead_s: from the last start to the last end, and of the slow start.
    """
    if not calls:
        return 0.0
    by_tokens_s = WINDOW_S * (charged_tokens + quota.backlog_tokens) * quota.bias / quota.tpm
    by_requests_s = WINDOW_S * (calls + quota.backlog_calls) / quota.rpm
    return quota.frozen_s + max(by_tokens_s, by_requests_s) + overhead_s


def latest_s(needs: Iterable[tuple[Needs, Quota]], overhead_s: float = 0.0) -> float:
    """How long it takes until the calls of all deployments have ended, side by side.

    Jobs whose calls follow each other take longer where there are few of them: each waits for its own.
    """
    return max((duration_s(n.calls, n.charged_tokens, quota, overhead_s) for n, quota in needs), default=0.0)
