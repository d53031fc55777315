"""The composition root of the status."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from shared.bootstrap.app import Services
from shared.bootstrap.backend import now
from shared.bootstrap.kinds import base_model
from shared.config import DeploymentSettings, Settings, webhook_queue
from shared.http_api.run_overview import newest_runs
from shared.http_api.runs import RunsParts
from shared.http_api.status import Provider, Section, StatusApi, StatusParts, count_dead_letters
from shared.jobs.quota_history import QuotaHistory
from shared.logs.index import LogIndex
from shared.messaging.browser import browse

_ROLES = {"chat": "feedback", "reasoner": "reasoning", "transcription": "audio"}
_INSTANCES = 20
_SEEN_WITHIN = timedelta(days=1)
_ARRIVES_WITHIN = timedelta(minutes=10)


def build_status(found: Services, release: str | None, runs: RunsParts) -> StatusApi:
    """On these services."""
    backend, settings = found.backend, found.backend.settings

    async def dead_letters() -> Any:
        async with browse(settings.service_bus) as browser:
            return await count_dead_letters(backend.kinds, browser, webhook_queue())

    return StatusApi(
        StatusParts(
            app_id=settings.app_id,
            kinds=backend.kinds,
            job_list=backend.job_list,
            store=backend.store,
            history=QuotaHistory(backend.tables),
            waiting={name: deployment.pump.waiting for name, deployment in found.deployments.items()},
            providers=_providers(settings),
            dead_letters=dead_letters,
            runs=lambda: newest_runs(runs),
            logs=_logs(LogIndex(backend.tables), settings.logs.app) if settings.logs.on else None,
            release=release,
        )
    )


def _providers(settings: Settings) -> list[Provider]:
    roles: dict[str, list[str]] = {}
    of_name: dict[str, DeploymentSettings] = {}
    for role, kind in _ROLES.items():
        deployment: DeploymentSettings = getattr(settings, role)
        if name := deployment.openai.deployment:
            roles.setdefault(name, []).append(kind)
            of_name[name] = deployment
    return [
        Provider(name, tuple(roles[name]), urlsplit(one.openai.endpoint or "").netloc, base_model(one))
        for name, one in of_name.items()
    ]


def _logs(index: LogIndex, app: str) -> Section:
    async def logs() -> Mapping[str, Any]:
        seen = [facts async for facts in index.instances(app) if facts.last and now() - facts.last < _SEEN_WITHIN]
        newest = sorted(seen, key=lambda facts: facts.last or now(), reverse=True)
        before = now() - _ARRIVES_WITHIN
        return {
            "missing": sum(facts.missing_count(before) for facts in seen),
            "instances": [
                {
                    "instance": facts.instance,
                    "arrived": facts.arrived.highest,
                    "missing": facts.missing_count(before),
                    "last_seen": facts.last.isoformat() if facts.last else None,
                }
                for facts in newest[:_INSTANCES]
            ],
        }

    return logs
