"""Names of log files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.log_names import LogName, date_of, instance_id


@given(
    st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9]+\.[0-9]+\.[0-9a-f]+", fullmatch=True),
    st.dates().map(lambda day: f"{day:%Y%m%d}"),
    st.integers(1, 10**9),
)
def test_every_name_is_read_as_it_was_written(app: str, instance: str, date: str, n: int) -> None:
    name = LogName(app, instance, date.zfill(8), n)
    assert LogName.parse(str(name)) == name


def test_the_form() -> None:
    assert str(LogName("my-app", "vm.12.19a", "20261122", 7)) == "my-app-vm.12.19a-20261122-000007.jsonl"
    assert LogName.parse("my-app-vm.12.19a-20261122-000007~1a2b3c4d.jsonl") == LogName(
        "my-app", "vm.12.19a", "20261122", 7
    )


@pytest.mark.parametrize(
    "text", ["", "a.jsonl", "a-b-20261122-1.jsonl", "a-b-2026112-000001.jsonl", "a-b-20261122-000001.log"]
)
def test_other_names_are_none(text: str) -> None:
    assert LogName.parse(text) is None


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    name = LogName.parse(text)
    assert name is None or LogName.parse(str(name)) == name


def test_instances_and_dates() -> None:
    assert instance_id("vm", 12, 1.5) == "vm.12.5dc"
    assert date_of(86_400.0 * 2) == "19700103"
