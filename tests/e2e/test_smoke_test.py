"""The smoke test that azd runs after a deployment, against the local stack."""

import pytest

from infra.hooks import smoke_test
from tests.e2e.conftest import System


def test_a_job_goes_through(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in system.env.items():
        monkeypatch.setenv(name, value)

    assert smoke_test.main([]) == 0

    assert "smoke test passed" in capsys.readouterr().out


def test_a_failing_job_fails_the_smoke_test(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in system.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(smoke_test, "TEXT", "x" * 30_000)  # longer than any text may be

    assert smoke_test.main([]) == 1

    assert "no outcome" in capsys.readouterr().err


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AzureWebJobsStorage", "ServiceBusConnection"):
        monkeypatch.setenv(name, "nonsense")

    assert smoke_test.main([]) == 1

    assert "no outcome" in capsys.readouterr().err
