"""How an app starts, and what the host says when it can't."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.host.__main__ import main
from local.host.console import Console
from local.host.errors import HostError
from local.host.host import FunctionsHost, HostOptions
from local.process import ServerProcess, free_port
from tests.support.host import functions_host, write_app

PYTHON = {"FUNCTIONS_WORKER_RUNTIME": "python"}
A_V2_APP = "is this the folder of a Python v2 app?"
HTTP = """
@app.route(route="hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""


async def refusal(app: Path, environ: dict[str, str]) -> str:
    """Start a host in this process that doesn't get far; return its reason."""
    settings = {name: value for name, value in os.environ.items() if name != "FUNCTIONS_WORKER_RUNTIME"}
    try:
        host = FunctionsHost(HostOptions(app, port=0), settings | environ, Console())
    except HostError as error:
        return str(error)
    with pytest.raises(HostError) as refused:
        await host.start()
    await host.close()
    return str(refused.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def broken(:\n", "SyntaxError: invalid syntax"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('no settings')\n", "RuntimeError: no settings"),
        ("second = func.FunctionApp()\n", "More than one FunctionApp or other top level function app"),
        (HTTP + HTTP, "Function hello does not have a unique function name"),
        (HTTP.replace("-> str", "-> dict"), "does not match binding type"),
        ("sys.exit(3)\n", "the worker process ended by itself (exit code 3) while it started"),
        (None, "there is no function_app.py in"),
    ],
)
async def test_an_app_that_cannot_be_indexed(tmp_path: Path, source: str | None, says: str) -> None:
    reason = await refusal(write_app(tmp_path, source) if source is not None else tmp_path, PYTHON)
    assert says in reason
    # Only the app's own frames are shown.
    assert "azure_functions_runtime" not in reason


async def test_workers_that_index_different_functions(tmp_path: Path) -> None:
    source = """
@app.route(route="hello")
@app.function_name(f"hello{os.getpid()}")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
    reason = await refusal(write_app(tmp_path, source), {**PYTHON, "FUNCTIONS_WORKER_PROCESS_COUNT": "2"})
    assert "a worker process indexed other functions than the host runs" in reason


@pytest.mark.parametrize(
    ("app", "environ", "says"),
    [
        ({"settings": {"FUNCTIONS_WORKER_RUNTIME": "node"}}, {}, 'is "node"'),
        ({}, {}, "FUNCTIONS_WORKER_RUNTIME is missing"),
        ({"local_settings": {"IsEncrypted": True}}, {}, "IsEncrypted must be false"),
        ({"host_json": {"functionTimeout": "x"}}, PYTHON, "functionTimeout must be a duration"),
        ({}, {**PYTHON, "FUNCTIONS_WORKER_PROCESS_COUNT": "11"}, "PROCESS_COUNT must be a number from 1 to 10"),
        ({}, {**PYTHON, "AzureFunctionsJobHost__version": "3.0"}, "AzureFunctionsJobHost__version (for version of"),
    ],
)
async def test_settings_that_are_wrong(tmp_path: Path, app: dict[str, Any], environ: dict[str, str], says: str) -> None:
    assert says in await refusal(write_app(tmp_path, HTTP, **app), environ)


def test_the_exit_code_of_a_start_that_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.host", str(tmp_path)]
    done = subprocess.run(command, env=PYTHON, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"error: there is no function_app.py in {tmp_path}: {A_V2_APP}\n")


def test_an_app_without_functions_runs_and_its_port_is_taken(tmp_path: Path) -> None:
    with functions_host(write_app(tmp_path, "")) as host:
        host.wait_for_line("No functions found")
        assert host.functions == []
        with pytest.raises(HostError, match=f"port {host.port} of 127.0.0.1 can't be used"):
            FunctionsHost(HostOptions(tmp_path, host.port), PYTHON, Console())


def test_the_port_of_local_settings(tmp_path: Path) -> None:
    port = free_port()
    app = write_app(tmp_path, HTTP, local_settings={"Host": {"LocalHttpPort": port}})
    process = ServerProcess("host", [sys.executable, "-m", "local.host", app], env=PYTHON)
    assert process.start() == {"port": port, "functions": ["hello"]}
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--help"], "--grace S"),
        (["no-such-folder"], "no-such-folder is not a folder"),
        ([".", "--port", "-1"], "ports go from 0 to 65535"),
        ([".", "--workers", "0"], "invalid choice"),
        ([".", "--auth"], "at least the key _master"),
        ([".", "--key", "secret"], "a key is written NAME=VALUE"),
    ],
)
def test_the_command_line(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    assert says in printed.out + printed.err
    assert ended.value.code == (0 if arguments == ["--help"] else 2)


UNUSABLE = """
@app.route(route="good")
def good(req: func.HttpRequest) -> str:
    return "good"

@app.route(route="twin", methods=["GET"])
def one(req: func.HttpRequest) -> str:
    return "one"

@app.route(route="twin")
def other(req: func.HttpRequest) -> str:
    return "other"

@app.generic_trigger(arg_name="context", type="entityTrigger")
def durable(context) -> str:
    return "x"

@app.cosmos_db_trigger(arg_name="docs", container_name="c", database_name="d", connection="X")
def cosmos(docs: func.DocumentList) -> None:
    pass

@app.timer_trigger(arg_name="timer", schedule="0 0 25 * * *")
def bad_schedule(timer: func.TimerRequest) -> None:
    pass

@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def no_setting(timer: func.TimerRequest) -> None:
    pass

@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
def no_storage(timer: func.TimerRequest) -> None:
    pass

@app.route(route="retried")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:05")
def retried(req: func.HttpRequest) -> str:
    return "x"
"""


async def test_functions_that_cannot_start_are_named_and_the_others_run(tmp_path: Path) -> None:
    with functions_host(write_app(tmp_path, UNUSABLE), {"AzureWebJobsStorage": ""}) as host:
        assert host.functions == ["good", "one", "retried"]
        for name, reason in {
            "other": "the route specified conflicts with the route defined by function 'one'",
            "durable": "durable functions keep their task hub in a storage account: connection",
            "cosmos": "trigger type 'cosmosDBTrigger' is not supported by the local host (supported: activityTrigger, ",
            "bad_schedule": "25 is not a hour: 0 to 23",
            "no_setting": "'%TICK%' does not resolve to a value: no app setting is named 'TICK'",
            "no_storage": "a timer needs the setting AzureWebJobsStorage",
        }.items():
            line = host.wait_for_line(f"The '{name}' function is in error: ")
            assert reason in line
        host.wait_for_line("The retry policy of 'retried' has no effect")
        async with aiohttp.ClientSession() as session, session.get(f"{host.url}/api/good") as response:
            assert await response.text() == "good"


SURROUNDINGS = """
AT_IMPORT = {"cwd": os.getcwd(), "path": sys.path[0], "setting": os.environ["SETTING"]}
import neighbour

@app.route(route="see")
async def see(req: func.HttpRequest) -> func.HttpResponse:
    names = ("AZURE_FUNCTIONS_ENVIRONMENT", "WEBSITE_HOSTNAME", "AzureWebJobsScriptRoot")
    seen = {**AT_IMPORT, "neighbour": neighbour.NAME, **{name: os.environ[name] for name in names}}
    return func.HttpResponse(json.dumps(seen))

@app.route(route="other")
async def other(req: func.HttpRequest) -> str:
    return "other"
"""


async def test_what_surrounds_the_app(tmp_path: Path) -> None:
    app = write_app(
        tmp_path, SURROUNDINGS, settings={"SETTING": "file"}, host_json={"extensions": {"http": {"routePrefix": ""}}}
    )
    (app / "neighbour.py").write_text('NAME = "here"\n')
    with functions_host(app, {"AzureFunctionsJobHost__functions__0": "SEE"}) as host:
        assert host.functions == ["see"]
        async with aiohttp.ClientSession() as session, session.get(f"{host.url}/see") as response:
            assert await response.json(content_type=None) == {
                "cwd": str(app),
                "path": str(app),
                "setting": "file",
                "neighbour": "here",
                "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
                "WEBSITE_HOSTNAME": f"localhost:{host.port}",
                "AzureWebJobsScriptRoot": str(app),
            }


LOGGING = """
logging.info("while indexing")

@app.route(route="chat")
async def chat(req: func.HttpRequest) -> str:
    print("printed")
    logging.debug("a detail")
    logging.getLogger("my.logger").warning("careful %s", "now")
    await asyncio.to_thread(logging.error, "from a thread")
    asyncio.create_task(background())
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("caught")
    return ""

async def background():
    logging.warning("in the background")

@app.route(route="quiet")
def quiet(req: func.HttpRequest) -> str:
    logging.warning("not shown")
    logging.error("shown")
    return ""
"""


async def test_what_functions_log(tmp_path: Path) -> None:
    levels = {"Function.quiet": "Error", "Function.chat.User": "Debug"}
    app = write_app(tmp_path, LOGGING, host_json={"logging": {"logLevel": levels}})
    with functions_host(app, {"PYTHON_ENABLE_DEBUG_LOGGING": "1"}) as host:
        async with aiohttp.ClientSession() as session:
            for name in ("chat", "quiet"):
                async with session.get(f"{host.url}/api/{name}") as response:
                    assert response.status == 200
        host.wait_for_line("[Function.quiet] [ERROR] shown")
        for text in (
            "[Worker] [INFO] while indexing",
            "[Worker] [INFO] printed",
            "[Function.chat] [DEBUG] a detail",
            "[Function.chat] [WARNING] careful now",
            "[Function.chat] [ERROR] from a thread",
            "[Function.chat] [ERROR] caught",
            "ZeroDivisionError: division by zero",
            "[Function.chat] [INFO] Executing 'Functions.chat'",
        ):
            host.wait_for_line(text)
        host.wait_for_line("in the background")
        assert "not shown" not in host.text
        assert "Functions.quiet" not in host.text
