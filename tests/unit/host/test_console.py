"""What the host prints."""

import asyncio
import logging
import re

import pytest

from local.host.console import WORKER_OUTPUT, Console, ConsoleHandler
from local.host.log_levels import LogFilter


def test_records_have_time_label_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(LogFilter({"default": logging.DEBUG}))
    console.log("Function.job.User", 25, "one\ntwo")
    console.log("Function.job", logging.CRITICAL, "x")
    console.log(WORKER_OUTPUT, logging.INFO, "printed")
    console.host(logging.DEBUG, "detail")
    stamp = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]"
    lines = capsys.readouterr().out
    assert re.fullmatch(
        rf"{stamp} \[Function.job\] \[INFO\] one\ntwo\n{stamp} \[Function.job\] \[CRITICAL\] x\n"
        rf"{stamp} \[Worker\] \[INFO\] printed\n{stamp} \[Host\] \[DEBUG\] detail\n",
        lines,
    )


async def test_one_turn_of_the_loop_is_one_write(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.host(logging.INFO, "a")
    console.plain("b")
    assert capsys.readouterr().out == ""
    await asyncio.sleep(0)
    assert capsys.readouterr().out.endswith("a\nb\n")


def test_the_hosts_own_logging(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(LogFilter({"Host.quiet": logging.ERROR}))
    logger = logging.Logger("local.host.loud")
    logger.addHandler(ConsoleHandler(console))
    logger.warning("shown")
    logger.warning("for %s", "a job", extra={"function": "job"})
    logger.name = "local.host.quiet"
    logger.warning("hidden")
    printed = capsys.readouterr().out
    assert "[Host] [WARNING] shown" in printed
    assert "[Function.job] [WARNING] for a job" in printed
    assert "hidden" not in printed
