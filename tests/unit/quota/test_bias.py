"""Learning by how much the endpoint counts more: checked against endpoints of either kind with arbitrary calls."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.model.limits import Limiter, Limits, TokenWindow
from shared.quota.bias import BiasState
from shared.quota.limits import slot_at
from shared.quota.slot_counts import SlotCounts
from tests.unit.quota.world import START_S

TPM = 240_000


def _learn(
    factor: float, window: TokenWindow, seed: int, largest: int = 800, minutes: float = 4, phase_s: float = 17.0
) -> list[float]:
    """Send calls for some minutes, as many as fit, and give the learnt factor after each 10 s."""
    random = Random(seed)
    limiter = Limiter(Limits(10**9, 10**7, window, charge_factor=factor), phase_s)
    counts, bias = SlotCounts(slot_at(START_S - 95)), BiasState()
    now_s, learnt = START_S, []
    while now_s < START_S + 60 * minutes:
        now_s += random.expovariate(TPM / 60 / (largest / 2)) * (0.9 if int(now_s / 12) % 2 else 4)
        tokens = random.randint(1, largest)
        counts.send(slot_at(now_s - 0.1), tokens)
        decision = limiter.admit(now_s + random.uniform(-0.03, 0.05), math.ceil(tokens * factor))
        if random.random() < 0.3:
            remaining = TPM - (10**9 - decision.remaining_tokens)
            bias.observe(counts, TPM, now_s, tokens, max(0, remaining), now_s + 1)
        if now_s > START_S + 10 * (len(learnt) + 1):
            learnt.append(bias.factor(now_s))
            counts.expire(slot_at(now_s - 95))
    return learnt


@pytest.mark.parametrize("window", ["rolling", "fixed"])
@pytest.mark.parametrize("factor", [1.05, 1.1, 1.3])
def test_the_factor_is_learnt_and_kept(window: TokenWindow, factor: float) -> None:
    learnt = _learn(factor, window, seed=1)
    assert all(known == pytest.approx(factor, rel=0.012) for known in learnt[6:])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 999),
    factor=st.sampled_from([0.5, 0.9, 1.0]),
    window=st.sampled_from(["rolling", "fixed"]),
    largest=st.sampled_from([800, 30_000]),
    phase_s=st.floats(0, 60),
)
def test_an_endpoint_that_counts_no_more_costs_nothing(
    seed: int, factor: float, window: TokenWindow, largest: int, phase_s: float
) -> None:
    assert max(_learn(factor, window, seed, largest, minutes=3, phase_s=phase_s)) <= 1.01


def test_a_429_raises_the_factor_a_little() -> None:
    counts, bias = SlotCounts(slot_at(START_S - 95)), BiasState()
    for second in range(60):
        counts.send(slot_at(START_S - second), TPM // 60)
    bias.rejected(counts, TPM, START_S, 400, START_S)
    first = bias.factor(START_S)
    assert 1.004 < first < 1.03
    bias.rejected(counts, TPM, START_S + 0.1, 400, START_S)
    assert first + 0.004 < bias.factor(START_S) < first + 0.02


def test_a_429_says_nothing_where_little_was_used() -> None:
    counts, bias = SlotCounts(slot_at(START_S - 95)), BiasState()
    bias.rejected(counts, TPM, START_S, 400, START_S)
    assert bias.factor(START_S) == 1


def test_what_is_old_is_forgotten() -> None:
    bias = BiasState([[START_S, 1.2]])
    assert bias.factor(START_S + 100) == pytest.approx(1.202)
    assert bias.factor(START_S + 200) == 1
