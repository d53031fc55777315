"""HTTP functions that use a durable client: one for each thing that it can do."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()


def _answer(content: Any) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(content, default=str), mimetype="application/json")


@blueprint.route(route="start/{name}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    body = req.get_body()
    instance_id = await client.start_new(
        req.route_params["name"],
        req.params.get("id"),
        json.loads(body) if body else None,
        req.params.get("version"),
    )
    return client.create_check_status_response(req, instance_id)


@blueprint.route(route="client/{operation}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def client_operation(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    key, name = req.params.get("id", ""), req.params.get("name", "")
    body = json.loads(req.get_body() or "null")
    try:
        return await _operate(req, client, key, name, body)
    except Exception as error:
        return _answer({"error": str(error)})


async def _operate(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, key: str, name: str, body: Any
) -> func.HttpResponse:
    match req.route_params["operation"]:
        case "status":
            status = await client.get_status(key, show_history="history" in req.params, show_input=True)
            return _answer({**status.to_json(), "events": getattr(status, "historyEvents", None)} if status else None)
        case "status_all":
            return _answer([status.to_json() for status in await client.get_status_all()])
        case "status_by":
            wanted = [df.OrchestrationRuntimeStatus(status) for status in body["statuses"]]
            since = datetime.now(UTC) - timedelta(seconds=body["since_s"])
            found = await client.get_status_by(
                created_time_from=since,
                created_time_to=datetime.now(UTC) + timedelta(minutes=1),
                runtime_status=wanted,
                instance_id_prefix=body.get("prefix"),
            )
            return _answer([status.instance_id for status in found])
        case "wait":
            return await client.wait_for_completion_or_create_check_status_response(req, key, 15000, 20)
        case "raise":
            await client.raise_event(key, name, body)
        case "terminate":
            await client.terminate(key, "because")
        case "suspend":
            await client.suspend(key, "hold on")
        case "resume":
            await client.resume(key, "go on")
        case "rewind":
            await client.rewind(key, "again")
        case "restart":
            return _answer(await client.restart(key, "same" not in req.params))
        case "purge":
            return _answer((await client.purge_instance_history(key)).instances_deleted)
        case "purge_by":
            wanted = [df.OrchestrationRuntimeStatus(status) for status in body["statuses"]]
            since = datetime.now(UTC) - timedelta(seconds=body["since_s"])
            purged = await client.purge_instance_history_by(since, runtime_status=wanted)
            return _answer(purged.instances_deleted)
        case "signal":
            await client.signal_entity(df.EntityId("Counter", key), name, body)
        case "entity":
            state = await client.read_entity_state(df.EntityId(name or "Counter", key))
            return _answer([state.entity_exists, state.entity_state])
        case "links":
            return _answer(client.create_http_management_payload(key))
    return _answer("done")
