"""The benchmarks at full size, against their aims."""

from collections.abc import Callable

import pytest

from benchmarks import host, index


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
