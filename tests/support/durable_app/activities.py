"""Activities. Those that leave a trace append a line to the file named by TRACE."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import azure.durable_functions as df

blueprint = df.Blueprint()


def trace(line: str) -> None:
    with Path(os.environ["TRACE"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def count(line: str) -> int:
    path = Path(os.environ["TRACE"])
    return path.read_text(encoding="utf-8").splitlines().count(line) if path.exists() else 0


@blueprint.activity_trigger(input_name="name")
def greet(name: str) -> str:
    return f"Hello {name}"


@blueprint.activity_trigger(input_name="number")
async def square(number: int) -> int:
    return number * number


@blueprint.activity_trigger(input_name="arg")
def flaky(arg: dict) -> dict:
    """Fails the first `failures` times."""
    trace(f"flaky {arg['key']}")
    attempt = count(f"flaky {arg['key']}")
    if attempt <= arg["failures"]:
        raise RuntimeError(f"attempt {attempt} of {arg['key']}")
    return {"attempts": attempt}


@blueprint.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@blueprint.activity_trigger(input_name="arg")
async def slow(arg: dict) -> str:
    """Takes its time without blocking the worker."""
    trace(f"slow {arg['key']} begins")
    await asyncio.sleep(arg["s"])
    trace(f"slow {arg['key']} ends")
    return str(arg["key"])


@blueprint.activity_trigger(input_name="arg")
def crash_once(arg: dict) -> str:
    """Takes its worker down the first time."""
    trace(f"crash {arg['key']}")
    if count(f"crash {arg['key']}") == 1:
        os._exit(7)
    return "survived"


@blueprint.activity_trigger(input_name="seconds")
def block(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


@blueprint.activity_trigger(input_name="value")
def echo(value: Any):  # noqa: ANN201 - anything
    return value


@blueprint.activity_trigger(input_name="arg")
def job_state(arg: dict) -> str:
    trace(f"look {arg['job']}")
    return "done" if count(f"look {arg['job']}") >= arg["done_after"] else "busy"


@blueprint.activity_trigger(input_name="to")
def send_code(to: str) -> int:
    return sum(map(ord, to))
