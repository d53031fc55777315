"""The benchmarks at full size, against their aims."""

from collections.abc import Callable

import pytest

from benchmarks import host, index, log_calls, storage
from benchmarks.quota.plan import plan_rows
from benchmarks.quota.runner import run_rows
from benchmarks.quota.scenario import Scenario


@pytest.mark.accept
@pytest.mark.timeout(900)
def test_host_throughput(record_property: Callable[[str, object], None]) -> None:
    ratio = host.run(rounds=5, messages=10_000, as_json=False)
    record_property("figures", f"host / bare receive loop = {ratio:.2f} (aim: at least {host.AIM})")
    assert ratio >= host.AIM


@pytest.mark.accept
def test_time_to_index(record_property: Callable[[str, object], None]) -> None:
    ratio = index.run(rounds=15, as_json=False)
    record_property("figures", f"this app / same triggers without logic = {ratio:.2f} (aim: at most {index.AIM})")
    assert ratio <= index.AIM


@pytest.mark.accept
def test_log_calls(record_property: Callable[[str, object], None]) -> None:
    ratio = log_calls.run(rounds=9, calls=20_000, as_json=False)
    figures = f"a log call / plain logging with a rotating file = {ratio:.2f} (aim: at most {log_calls.AIM})"
    record_property("figures", figures)
    assert ratio <= log_calls.AIM


@pytest.mark.accept
def test_storage_requests(record_property: Callable[[str, object], None]) -> None:
    ratio = storage.run(rounds=7, requests=2_000, as_json=False)
    figures = f"processor time of a request: ours / the SDK's own client = {ratio:.2f} (aim: at most {storage.AIM})"
    record_property("figures", figures)
    assert ratio <= storage.AIM


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_quota_admission(record_property: Callable[[str, object], None]) -> None:
    """Every peer runs; ours never breaks the quota, uses it, and doesn't wait inside functions."""
    rows = run_rows(plan_rows(Scenario()), done=lambda _: None)
    assert [row.error for row in rows if row.error] == []
    measured = {(row.plan.algorithm, row.plan.scenario.workload): row.measures for row in rows if row.measures}
    ours = {workload: measures for (name, workload), measures in measured.items() if name == "sluice"}
    others = [measures for (name, _), measures in measured.items() if name != "sluice"]
    used = {workload: measures.used_percent for workload, measures in ours.items()}
    figures = ", ".join(f"{workload} {percent:.1f} %" for workload, percent in used.items() if percent is not None)
    record_property("figures", f"quota used while there is work: {figures}; 429s: 0 (aim: at least 97 %, none)")

    assert sum(measures.rejected for measures in ours.values()) == 0
    assert sum(measures.unfinished for measures in ours.values()) == 0
    assert max(measures.billed_wait_s for measures in ours.values()) <= 0.5
    assert (used["uniform"] or 0) >= 97
    assert (used["heavy"] or 0) >= 96  # large jobs leave gaps that nothing fits in
    assert sum(measures.rejected for measures in others) > 0
