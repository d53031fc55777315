"""How failures are told to orchestrations: the texts of the durable extension."""

import json
from dataclasses import dataclass


class FunctionTimeoutError(Exception):
    """A function took longer than functionTimeout. The text is the real host's."""

    def __init__(self, function: str, timeout_s: float) -> None:
        hours, rest = divmod(int(timeout_s), 3600)
        value = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
        super().__init__(f"Timeout value of {value} was exceeded by function: Functions.{function}")


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason and details of a TaskFailed event; the SDK raises `Exception("{reason} \\n {details}")`."""

    reason: str
    details: str


def raised(name: str, text: str, stack_trace: str) -> Failure:
    """An activity raised.

    The two spaces after "failed:" are the cloud's: OutOfProcExceptionHelpers.cs cuts the worker's message right after
    "Exception:", TaskActivityShim.cs puts a space of its own before it.

    Args:
        text: "TypeName: text".
    """
    inner = {
        "$type": "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script.Grpc",
        "IsUserException": False,
        "RemoteStackTrace": stack_trace,
        "RemoteMessage": text,
        "Result": "Failure",
        "Message": f"Result: Failure\nException: {text}\nStack: {stack_trace}",
    }
    return Failure(f"Activity function '{name}' failed:  {text}", details(f" {text}", inner))


def activity(name: str, text: str, detail: str) -> Failure:
    """An activity failed otherwise than by raising."""
    return Failure(f"Activity function '{name}' failed: {text}", details(detail or text))


def details(text: str, inner: object = None) -> str:
    """An exception as Newtonsoft.Json writes it (Utils.SerializeCause)."""
    return json.dumps(
        {
            "$type": "System.Exception, System.Private.CoreLib",
            "ClassName": "System.Exception",
            "Message": text,
            "Data": None,
            "InnerException": inner,
            "HelpURL": None,
            "StackTraceString": None,
            "HResult": -2146233088,
            "Source": None,
        }
    )


def first_line(error: Exception) -> str:
    """The start of an error's text, for the log: what follows may hold payloads."""
    return f"{type(error).__name__}: {error}".split("\n", 1)[0]
