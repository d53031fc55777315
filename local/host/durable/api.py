"""The management API: for the webhooks of the host and for its workers (HttpApiHandler.cs of the extension)."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from local.host.durable.api_query import (
    TOKEN,
    make_token,
    read_filter,
    read_flag,
    read_number,
    read_page_size,
    read_statuses,
    read_time,
    read_token,
)
from local.host.durable.client import (
    AlreadyExistsError,
    ArgumentError,
    HubClient,
    InvalidOperationError,
    StorageDownError,
)
from local.host.durable.entity import EntityId, is_entity
from local.host.durable.instance_table import Filter
from local.host.durable.links import Links
from local.host.durable.records import Instance, Status
from local.host.durable.scheduling import UnknownFunctionError
from local.host.durable.status import describe, describe_entity, describe_history

_RETRY_START_S, _RETRY_STATUS_S = "10", "5"
_NO_KEY = "$"  # stands for the empty entity key
_BAD_REQUEST = "One or more of the arguments submitted is incorrect"
_FAILED = "Something went wrong while processing your request"
_TYPES = {
    InvalidOperationError: "System.InvalidOperationException",
    StorageDownError: "DurableTask.AzureStorage.Storage.DurableTaskStorageException",
}


class ManagementApi:
    """Answers requests by their path below the API's base."""

    def __init__(self, client: HubClient, links: Links) -> None:
        self._client = client
        self._links = links

    async def handle(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer one request.

        Args:
            path: as sent, still percent-encoded, below /runtime/webhooks/durabletask or the RPC address.
        """
        parts = [unquote(part) for part in path.strip("/").split("/")]
        try:
            self._check_hub(request)
            match (request.method, [parts[0].lower(), *parts[1:]]):
                case ("POST", ["orchestrators", name]):
                    return await self._start(request, name, "")
                case ("POST", ["orchestrators", name, instance_id]):
                    return await self._start(request, name, instance_id)
                case ("GET", ["entities", name, key]):
                    return await self._get_entity(name, key)
                case ("GET", ["entities", *names]) if len(names) <= 1:
                    return await self._list_entities(request, names[0] if names else "")
                case ("POST" | "DELETE", ["entities", name, *keys]) if len(keys) <= 1:
                    return await self._signal(request, EntityId(name, keys[0] if keys else ""))
                case ("GET", ["instances"]):
                    return await self._list(request)
                case ("DELETE", ["instances"]):
                    return await self._purge_by(request)
                case (_, ["instances", instance_id, *operation]):
                    return await self._instance(request, instance_id, operation)
        except (ArgumentError, UnknownFunctionError) as error:
            return _error(400, _BAD_REQUEST, str(error), "System.ArgumentException")
        except AlreadyExistsError as error:
            return _error(409, str(error))
        except (InvalidOperationError, StorageDownError) as error:
            return _error(500, _FAILED, str(error), _TYPES[type(error)])
        except sqlite3.Error as error:
            return _error(500, _FAILED, f"the task hub's file can't be used: {error}", _TYPES[StorageDownError])
        return web.Response(status=404)

    async def _instance(self, request: web.BaseRequest, instance_id: str, operation: list[str]) -> web.Response:
        instance = await self._client.get(instance_id)
        verb = operation[0].lower() if operation else ""
        if instance is None:
            if verb == "restart":
                text = f"An orchestrastion with the instanceId {instance_id} was not found."
                what = "InstanceId does not match a valid orchestration instance."
                return _error(400, what, text, "System.ArgumentException")
            return web.Response(status=404)
        match (request.method, verb, operation[1:]):
            case ("GET", "", []):
                return await self._status(request, instance)
            case ("DELETE", "", []):
                if not instance.status.ended and not is_entity(instance_id):
                    return _json(
                        "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID "
                        f"{instance_id} has status {instance.status}",
                        412,
                    )
                return _json({"instancesDeleted": await self._client.purge(instance_id)})
            case ("POST", "restart", []):
                return await self._restart(request, instance)
            case ("POST", "rewind", []):
                return _rewind(instance)
            case ("POST", "raiseevent", [name]):
                return web.Response(status=410) if instance.status.ended else await self._raise(request, instance, name)
            case ("POST", "terminate" | "suspend" | "resume", []):
                if instance.status.ended:
                    return web.Response(status=410)
                change = {
                    "terminate": self._client.terminate,
                    "suspend": self._client.suspend,
                    "resume": self._client.resume,
                }[verb]
                await change(instance, request.rel_url.query.get("reason"))
                return web.Response(status=202)
        return web.Response(status=404)

    async def _start(self, request: web.BaseRequest, name: str, instance_id: str) -> web.Response:
        body = await request.text()
        try:
            input_ = json.dumps(json.loads(body)) if body else None
        except ValueError as error:
            return _error(400, "Invalid JSON content", str(error), "Newtonsoft.Json.JsonReaderException")
        started = await self._client.start(name, instance_id, input_, request.rel_url.query.get("version"))
        return await self._answer_start(request, started)

    async def _restart(self, request: web.BaseRequest, instance: Instance) -> web.Response:
        same_id = request.rel_url.query.get("restartWithNewInstanceId", "true").lower() == "false"
        return await self._answer_start(request, await self._client.restart(instance, new_id=not same_id))

    async def _answer_start(self, request: web.BaseRequest, instance_id: str) -> web.Response:
        timeout, interval = (read_number(request.rel_url.query.get(name)) for name in ("timeout", "pollingInterval"))
        if timeout is not None and interval is not None:
            if interval > timeout:
                raise ArgumentError(f"Total timeout {timeout:g} should be bigger than retry timeout {interval:g}")
            if (ended := await self._wait(instance_id, timeout, interval)) is not None:
                if ended.status is Status.COMPLETED:
                    return _json(describe(ended)["output"])
                return await self._status(request, ended)
        links = self._links.management(instance_id, _origin(request))
        del links["rewindPostUri"]
        return _json(links, 202, {"Location": links["statusQueryGetUri"], "Retry-After": _RETRY_START_S})

    async def _wait(self, instance_id: str, timeout_s: float, interval_s: float) -> Instance | None:
        end_s = time.monotonic() + timeout_s
        while True:
            instance = await self._client.get(instance_id)
            left_s = end_s - time.monotonic()
            if instance is not None and instance.status.ended:
                return instance
            if left_s <= 0:
                return None
            await asyncio.sleep(min(max(interval_s, 0.01), left_s))

    async def _status(self, request: web.BaseRequest, instance: Instance) -> web.Response:
        query = request.rel_url.query
        show_input = read_flag(query, "showInput", default=True)
        history = None
        if read_flag(query, "showHistory") and instance.status is not Status.PENDING:
            parts = await self._client.history(instance.id)
            history = describe_history(parts, show_output=read_flag(query, "showHistoryOutput"), show_input=show_input)
        content = describe(instance, history, show_input=show_input)
        if instance.status.ended:
            failed = instance.status is Status.FAILED and read_flag(query, "returnInternalServerErrorOnFailure")
            return _json(content, 500 if failed else 200)
        location = f"{_origin(request)}{request.rel_url.raw_path_qs}"
        return _json(content, 202, {"Location": location, "Retry-After": _RETRY_STATUS_S})

    async def _list(self, request: web.BaseRequest) -> web.Response:
        size, wanted = read_page_size(request), read_filter(request)
        found = await self._client.find(wanted)
        show_input = read_flag(request.rel_url.query, "showInput", default=True)
        shown = [describe(instance, show_input=show_input) for instance in found[:size]]
        return _json(shown, 200, {TOKEN: make_token(found, size)})

    async def _list_entities(self, request: web.BaseRequest, name: str) -> web.Response:
        size, query = read_page_size(request), request.rel_url.query
        wanted = Filter(
            created_from_s=read_time(query.get("lastOperationTimeFrom")),
            created_to_s=read_time(query.get("lastOperationTimeTo")),
            prefix=f"@{name.lower()}@" if name else "@",
            after=read_token(request),
            limit=size + 1,
        )
        found = await self._client.find(wanted)
        fetch_state = read_flag(query, "fetchState")
        shown = [describe_entity(instance, fetch_state=fetch_state) for instance in found[:size]]
        return _json(shown, 200, {TOKEN: make_token(found, size)})

    async def _purge_by(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        created_from_s = read_time(query.get("createdTimeFrom"))
        if created_from_s is None:
            return _json("Please provide value for 'createdTimeFrom' parameter.", 400)
        created_to_s = read_time(query.get("createdTimeTo")) or time.time()
        purged = await self._client.purge_by(Filter(created_from_s, created_to_s, read_statuses(query)))
        return _json({"instancesDeleted": purged}) if purged else web.Response(status=404)

    async def _raise(self, request: web.BaseRequest, instance: Instance, name: str) -> web.Response:
        if request.content_type != "application/json":
            return _error(400, "Only application/json request content is supported")
        try:
            data = json.dumps(json.loads(await request.text() or "null"))
        except ValueError as error:
            return _error(400, "Invalid JSON content", str(error), "Newtonsoft.Json.JsonReaderException")
        await self._client.raise_event(instance.id, name, data)
        return web.Response(status=202)

    async def _get_entity(self, name: str, key: str) -> web.Response:
        state = await self._client.entity_state(EntityId(name, "" if key == _NO_KEY else key))
        return web.Response(status=404) if state is None else _json(json.loads(state))

    async def _signal(self, request: web.BaseRequest, entity_id: EntityId) -> web.Response:
        operation = "delete" if request.method == "DELETE" else request.rel_url.query.get("op", "")
        body = await request.text()
        input_ = None
        if body:
            try:
                is_json = request.content_type == "application/json"
                input_ = json.dumps(json.loads(body) if is_json else body)
            except ValueError as error:
                return _error(400, f"Could not parse JSON content: {error}")
        await self._client.signal(entity_id, operation, input_)
        return web.Response(status=202)

    def _check_hub(self, request: web.BaseRequest) -> None:
        hub = request.rel_url.query.get("taskHub", "").strip()
        if hub and hub.lower() != self._links.hub.lower():
            raise ArgumentError(
                f"The local host serves its own task hub '{self._links.hub}' only, not '{hub}' (Parameter 'taskHub')"
            )


def _rewind(instance: Instance) -> web.Response:
    if instance.status is not Status.FAILED:
        return _json(
            f'This orchestration has status {instance.status}, but only orchestrations in the "Failed" state can be '
            "rewound.",
            412,
        )
    return _error(501, "Rewind is not supported by the local host. Restart the instance instead.")


def _origin(request: web.BaseRequest) -> str:
    return f"{request.scheme}://{request.host}"


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers=headers)


def _error(status: int, text: str, exception: str = "", kind: str = "") -> web.Response:
    """As HttpRequestMessage.CreateErrorResponse writes it."""
    content = {"Message": text}
    if exception:
        content |= {"ExceptionMessage": exception, "ExceptionType": kind, "StackTrace": ""}
    return _json(content, status)
