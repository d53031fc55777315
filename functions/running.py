"""The orchestrations of jobs that run now, as the durable client lists them."""

import json
from typing import Any

import azure.durable_functions as df

_RUNNING = [df.OrchestrationRuntimeStatus.Running, df.OrchestrationRuntimeStatus.Pending]


async def running_jobs(client: df.DurableOrchestrationClient, kind: str, most: int) -> list[dict[str, Any]]:
    """Jobs of a kind with their progress: `job_id`, `since`, and what the custom status says where there is one."""
    all_of_kind = await client.get_status_by(runtime_status=_RUNNING, instance_id_prefix=f"{kind}-")
    found = [one for one in all_of_kind if one.name == "job_steps"]
    jobs: list[dict[str, Any]] = []
    for status in sorted(found, key=lambda one: one.created_time):
        job = _job(status.input_)
        if job.get("kind") == kind and len(jobs) < most:
            jobs.append({"job_id": job["job_id"], "since": status.created_time.isoformat(), **_custom(status)})
    return jobs


def _job(raw: Any) -> dict[str, Any]:
    value = json.loads(raw) if isinstance(raw, str) else raw
    return value if isinstance(value, dict) else {}


def _custom(status: Any) -> dict[str, Any]:
    return status.custom_status if isinstance(status.custom_status, dict) else {}
