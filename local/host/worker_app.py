"""Drives Microsoft's worker library: indexes the app, runs its functions."""

import _strptime  # type: ignore[import-not-found]
import os
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

from local.host import protos
from local.host.protocol import Kind, Message, Value
from local.host.rpc_values import from_typed_data, to_typed_data

_NOT_THE_APP = re.compile(r'  File "[^"]*(?:azure_functions_runtime|importlib)')


class IndexingError(Exception):
    """The app can't be indexed. The text holds the reason and, where there is one, the stack trace."""


async def index(app_dir: Path) -> list[dict[str, Any]]:
    """Import the app's functions. May be called once a process: the library keeps them in module variables.

    Returns:
        Per function: name, function_id, script_file, raw_bindings (JSON texts) and retry, which is None or
        {"strategy", "max_retry_count", and in seconds "delay_s" or "minimum_s" and "maximum_s"}.

    Raises:
        IndexingError: there is no app, it raises, or it uses what this host has no code for.
    """
    runtime.start_threadpool_executor()
    # Microsoft's library tries up to 16 formats for each date of a message; strptime by default keeps 5 compiled.
    _strptime._CACHE_MAX_SIZE = 32
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (app_dir / script).is_file():
        raise IndexingError(f"there is no {script} in {app_dir}: is this the folder of a Python v2 app?")
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
    response = await runtime.worker_init_request(
        SimpleNamespace(
            request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": protos}
        )
    )
    if response.result.status != protos.StatusResult.Success:
        failure = response.result.exception
        raise IndexingError(f"the app can't be indexed: {failure.message}\n{_without_library(failure.stack_trace)}")
    if "HttpUri" in response.capabilities:
        raise IndexingError(
            "the app uses HTTP streams (azurefunctions-extensions-http-fastapi), which the local host does not support"
        )
    metadata = await runtime.functions_metadata_request(SimpleNamespace(request=SimpleNamespace()))
    return [_describe(function) for function in metadata.function_metadata_results or ()]


async def invoke(message: Message) -> Message:
    """Run one function.

    Args:
        message: of kind INVOKE.

    Returns:
        A message of kind SUCCEEDED or RAISED.
    """
    _, invocation_id, function_id, inputs, metadata, trace_parent, retry_count, max_retry_count = message
    # The library sets this for synchronous functions only.
    runtime.invocation_id_cv.set(invocation_id)
    request = protos.InvocationRequest(
        invocation_id=invocation_id,
        function_id=function_id,
        input_data=[_parameter(name, value) for name, value in inputs.items()],
        trigger_metadata={name: to_typed_data(value) for name, value in metadata.items()},
        trace_context=protos.TraceContext(trace_parent=trace_parent, trace_state="", attributes={}),
        retry_context=protos.RetryContext(retry_count=retry_count, max_retry_count=max_retry_count, exception=None),
    )
    try:
        response = await runtime.invocation_request(
            SimpleNamespace(request=SimpleNamespace(invocation_request=request))
        )
        if response.result.status != protos.StatusResult.Success:
            failure = response.result.exception
            return Kind.RAISED, invocation_id, failure.message, failure.stack_trace
        return Kind.SUCCEEDED, invocation_id, from_typed_data(response.return_value), _outputs(response.output_data)
    except Exception as error:
        return Kind.RAISED, invocation_id, f"{type(error).__name__}: {error}", traceback.format_exc()


def _without_library(stack_trace: str) -> str:
    """A stack trace without the frames of the worker library and the import system: what is left is the app's."""
    frames = re.split(r"^(?=  File )", stack_trace, flags=re.MULTILINE)
    kept = [frame for frame in frames if not _NOT_THE_APP.match(frame)]
    return "".join(kept).rstrip()


def _parameter(name: str, value: Value) -> protos.ParameterBinding:
    return protos.ParameterBinding(name=name, data=to_typed_data(value))


def _outputs(bindings: list[protos.ParameterBinding]) -> Mapping[str, Value]:
    values = {binding.name: from_typed_data(binding.data) for binding in bindings}
    return {name: value for name, value in values.items() if value is not None}


def _describe(function: protos.RpcFunctionMetadata) -> dict[str, Any]:
    return {
        "name": function.name,
        "function_id": function.function_id,
        "script_file": function.script_file,
        "raw_bindings": list(function.raw_bindings),
        "retry": _retry(function.retry_options),
    }


def _retry(options: Any) -> dict[str, Any] | None:
    if options is None:
        return None
    retry = {"strategy": options.retry_strategy, "max_retry_count": options.max_retry_count}
    if options.retry_strategy == "fixed_delay":
        return {**retry, "delay_s": options.delay_interval.total_seconds()}
    return {
        **retry,
        "minimum_s": options.minimum_interval.total_seconds(),
        "maximum_s": options.maximum_interval.total_seconds(),
    }
