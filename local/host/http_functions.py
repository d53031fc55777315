"""Calls functions for HTTP requests."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local.host.binding_data import add_json_properties
from local.host.console import Console
from local.host.contracts import Datum, Function, FunctionFailedError, Invocation, Invoker, WorkerLostError
from local.host.http_messages import request_datum, response_from
from local.host.invoker import new_trace_parent
from local.host.keys import Keys
from local.host.router import Route, Router

_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NO_TRACE = "0" * 32


class HttpFunctions:
    """All functions with an HTTP trigger."""

    def __init__(self, router: Router, invoker: Invoker, keys: Keys, console: Console) -> None:
        self._router = router
        self._invoker = invoker
        self._keys = keys
        self._console = console

    async def handle(self, request: web.BaseRequest) -> web.Response | None:
        """Answer a request, or return None if no function's route matches it."""
        found = self._router.find(request.method, request.rel_url.raw_path)
        if found is None:
            return None
        route, values = found
        if not self._keys.allows_function(request, route.auth_level, route.function.name):
            return web.Response(status=401)
        return await self._call(request, route, values)

    async def _call(self, request: web.BaseRequest, route: Route, values: dict[str, str]) -> web.Response:
        function = route.function
        if request.content_length is None and request.can_read_body:
            text = "A request body without Content-Length (chunked) does not reach the function, as in the cloud."
            self._console.log(f"Function.{function.name}", logging.WARNING, text)
        datum = await request_datum(request, values)
        inputs, metadata = {function.trigger["name"]: datum}, _metadata(function, datum.value)
        invocation = Invocation(function, inputs, metadata, _trace_parent(request))
        try:
            result = await self._invoker.invoke(invocation)
        except (FunctionFailedError, WorkerLostError):
            return web.Response(status=500)
        try:
            return response_from(result.return_value)
        except ValueError as error:
            text = f"What '{function.name}' returned can't be sent as a response: {error}"
            self._console.log(f"Function.{function.name}", logging.ERROR, text)
            return web.Response(status=500)


def _metadata(function: Function, fields: Mapping[str, Any]) -> dict[str, Datum]:
    """What placeholders of the function's other bindings refer to: properties of a JSON body, query values (`code`
    excepted), route parameters; the later ones win (HttpTriggerAttributeBindingProvider.cs)."""
    metadata: dict[str, Datum] = {}
    if not function.inputs and all(binding["type"] == "http" for binding in function.outputs):
        return metadata
    add_json_properties(metadata, fields["body"].decode("utf-8", "replace"))
    query = [(name, value) for name, value in fields["query"].items() if name.lower() != "code"]
    for name, value in (*query, *fields["params"].items()):
        # The same name in another case is the same name.
        for known in [known for known in metadata if known.lower() == name.lower()]:
            del metadata[known]
        metadata[name] = Datum("string", value)
    return metadata


def _trace_parent(request: web.BaseRequest) -> str:
    """A new span in the caller's trace, or in a new one."""
    match = _TRACE_PARENT.fullmatch(request.headers.get("traceparent", ""))
    return new_trace_parent(match[1] if match and match[1] != _NO_TRACE else "")
