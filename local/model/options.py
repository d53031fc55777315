"""The command line of `python -m local.model`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from local.model import control, faults, limits
from local.model.deployments import DeploymentError, DeploymentSpec, parse_deployments
from local.model.engines.select import ENVIRONMENT_HELP, EngineChoice
from local.model.limits import Limits, default_rpm

DEFAULT_PORT = 8090
DEFAULT_TPM = 100_000


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    engine: EngineChoice
    deployments: tuple[DeploymentSpec, ...]
    limits: Limits
    latency_ms: tuple[float, float]
    seed: int | None


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; ends the process with a message where it is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        deployments = parse_deployments(given.deployments)
    except DeploymentError as error:
        parser.error(f"argument --deployments: {error}")
    return Options(
        host=given.host,
        port=given.port,
        engine=given.engine,
        deployments=tuple(deployments),
        limits=Limits(
            tpm=given.tpm,
            rpm=given.rpm or default_rpm("", given.tpm),
            token_window=given.token_window,
            request_window_s=given.request_window,
            refund=given.refund,
            count_rejected=given.count_rejected,
            charge_factor=given.charge_factor,
            enforced=not given.no_limits,
        ),
        latency_ms=given.latency_ms,
        seed=given.seed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.model",
        description="A stand-in for Azure OpenAI: chat completions, embeddings and transcriptions under its paths,\n"
        "with its errors, headers and rate limits. Any api-key or bearer token is accepted, but there must be one.",
        epilog="\n\n".join(
            [ENVIRONMENT_HELP, *(str(module.__doc__) for module in (limits, control, faults))],
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="0 picks a free one, which the READY line names (%(default)s)"
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "embedded", "instant"),
        default="auto",
        help="auto: by the environment, see below. instant: fixed answers at once, for load tests (default: auto)",
    )
    parser.add_argument(
        "--deployments",
        nargs="+",
        default=[],
        metavar="DEPLOYMENT",
        help="the only deployments there are: NAME[:MODEL[:TPM[:RPM]]], or a file.json like "
        '{"my-gpt": {"model": "gpt-4o-mini", "tpm": 100000, "rpm": 600}}. Without it every name exists.',
    )
    group = parser.add_argument_group("limits, for each deployment")
    group.add_argument("--tpm", type=_positive, default=DEFAULT_TPM, help="tokens per minute (default: %(default)s)")
    group.add_argument("--rpm", type=_positive, help="requests per minute (default: 6 per 1,000 tokens)")
    group.add_argument(
        "--token-window",
        choices=("rolling", "fixed"),
        default="rolling",
        help="how tokens are counted: over the last 60 s, or by minutes that begin at a hidden second (rolling)",
    )
    group.add_argument(
        "--request-window", type=int, choices=(10, 1), default=10, help="seconds over which requests count (10)"
    )
    group.add_argument("--refund", action="store_true", help="give unused tokens back when a call ends")
    group.add_argument("--count-rejected", action="store_true", help="rejected calls use up requests, as at OpenAI")
    group.add_argument(
        "--charge-factor", type=_factor, default=1.0, help="charge this much of the exact estimate (default: 1.0)"
    )
    group.add_argument("--no-limits", action="store_true", help="count, but reject nothing")
    parser.add_argument(
        "--latency-ms",
        type=_milliseconds,
        default=(0.0, 0.0),
        metavar="A-B",
        help="every admitted call waits a random time from A to B, or just A, beside the engine's own time (0)",
    )
    parser.add_argument("--seed", type=int, help="makes chance (faults, latency, hidden minutes) repeatable")
    return parser


def _port(text: str) -> int:
    return _whole(text, 0, 65_535)


def _positive(text: str) -> int:
    return _whole(text, 1, 10**12)


def _whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 100:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and up to 100, not {text!r}")
    return factor


def _milliseconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    if not low.isdecimal() or (high and not high.isdecimal()) or int(high or low) < int(low):
        raise argparse.ArgumentTypeError(f"must look like 30 or 30-80, not {text!r}")
    return float(low), float(high or low)
