"""The command line."""

import pytest

from local.model.limits import Limits
from local.model.options import parse_options


def test_defaults() -> None:
    options = parse_options([])

    assert (options.host, options.port, options.engine) == ("127.0.0.1", 8090, "auto")
    assert options.limits == Limits(tpm=100_000, rpm=600)


def test_everything_given() -> None:
    where = ["--host", "127.0.0.2", "--port", "0", "--engine", "instant", "--deployments", "a", "b:gpt-4o"]
    limits = ["--tpm", "5000", "--rpm", "7", "--token-window", "fixed", "--request-window", "1", "--refund"]
    more = ["--count-rejected", "--charge-factor", "1.1", "--no-limits", "--latency-ms", "30-80", "--seed", "3"]

    options = parse_options([*where, *limits, *more])

    assert options.limits == Limits(5000, 7, "fixed", 1, True, True, 1.1, enforced=False)
    assert (options.host, options.port, options.latency_ms, options.seed) == ("127.0.0.2", 0, (30.0, 80.0), 3)
    assert [spec.name for spec in options.deployments] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tpm", "0"], "--tpm: must be a whole number from 1"),
        (["--port", "70000"], "--port: must be a whole number from 0 to 65535"),
        (["--latency-ms", "80-30"], "--latency-ms: must look like 30 or 30-80"),
        (["--charge-factor", "x"], "--charge-factor: must be a number above 0"),
        (["--deployments", "a:b:c"], "--deployments: a:b:c: tpm must be a whole number"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(arguments)

    assert complaint in capsys.readouterr().err


def test_help_describes_faults_control_and_engines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--help"])

    text = capsys.readouterr().out
    assert all(word in text for word in ("schema_violation", "PUT    /control/limits", "SLUICE_MODEL_GGUF", "READY"))
