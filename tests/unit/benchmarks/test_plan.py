import pytest

from benchmarks.quota.plan import plan_rows
from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.scenario import WORKLOADS, Scenario


def test_all_combinations() -> None:
    plans = plan_rows(Scenario())
    assert {(plan.algorithm, plan.scenario.workload) for plan in plans} == {
        (algorithm, workload) for algorithm in ALGORITHMS for workload in WORKLOADS
    }
    assert len(plans) == len(ALGORITHMS) * len(WORKLOADS)


def test_what_is_named_is_run_with_what_all_share() -> None:
    base = Scenario(minutes=3, seed=5, backend="dts")
    plans = plan_rows(base, ["openai", "sluice"], ["heavy"], [1, 64], ["prompt", "late"])

    assert [(p.algorithm, p.scenario.instances, p.scenario.delivery) for p in plans] == [
        ("openai", 1, "prompt"),  # it schedules nothing: one delivery is like the other
        ("sluice", 1, "prompt"),
        ("sluice", 1, "late"),
        ("openai", 64, "prompt"),
        ("sluice", 64, "prompt"),
        ("sluice", 64, "late"),
    ]
    assert {(p.scenario.minutes, p.scenario.seed, p.scenario.backend) for p in plans} == {(3, 5, "dts")}


@pytest.mark.parametrize(
    ("base", "chosen", "said"),
    [
        (Scenario(), {"algorithms": ["tokens"]}, "no algorithm 'tokens'.*minute-counter"),
        (Scenario(), {"workloads": ["light"]}, "no workload 'light'.*bursty"),
        (Scenario(), {"deliveries": ["never"]}, "no delivery 'never'.*prompt, late"),
        (Scenario(), {"instances": [0]}, "instances must be from 1 to 1000, not 0"),
        (Scenario(minutes=0.5), {}, "minutes must be from 1"),
        (Scenario(charge_factor=9), {}, "charge factor"),
        (Scenario(clock_offset_s=-1), {}, "clock offset"),
    ],
)
def test_what_is_wrong_is_said(base: Scenario, chosen: dict[str, list[str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan_rows(base, **chosen)  # type: ignore[arg-type]
