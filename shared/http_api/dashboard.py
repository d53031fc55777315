"""The status page: the facts of /api/status as tables and pictures. It works without scripts and loads nothing else."""

import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote

from markupsafe import Markup

from shared.errors import ConflictError, SluiceError
from shared.http_api.charts import Series, bars, number
from shared.http_api.errors import CrossSiteError, ResourceNotFoundError
from shared.http_api.html import join, not_known, page, table
from shared.http_api.jobs import Orchestrations
from shared.http_api.messages import Call, Request, Response
from shared.http_api.run_overview import runs_table
from shared.jobs.failures import FailedJobs
from shared.jobs.kinds import Kind
from shared.jobs.store import JobStore

FORM = "application/x-www-form-urlencoded"
_PATH = "/api/dashboard"
_COOKIE = "sluice-form"
_REFRESH = """
(()=>{const main=document.getElementById('main');
setInterval(async()=>{const at=document.activeElement;
if(document.hidden||(at&&at!==main&&main.contains(at)))return;
try{const r=await fetch(location.href,{headers:{Accept:'text/html'}});if(!r.ok)return;
const d=new DOMParser().parseFromString(await r.text(),'text/html');
for(const id of['main','when']){const to=document.getElementById(id),from=d.getElementById(id);
if(to&&from)to.replaceChildren(...from.childNodes)}}catch{}},5000)})();
"""
_JOBS = (Series("succeeded", "ok", "succeeded"), Series("failed", "bad", "failed"))
_TOKENS = (Series("used", "ok", "used"), Series("booked", "booked", "booked ahead"))


class Dashboard:
    """Draws the page, and runs failed jobs again for its buttons.

    A form brings back a random text that is also in a cookie of this site alone, so that no page of another site can
    send it, even where the browser is signed in.
    """

    def __init__(self, kinds: Mapping[str, Kind], store: JobStore, failed_jobs: FailedJobs) -> None:
        self._kinds = kinds
        self._store = store
        self._failed_jobs = failed_jobs

    def draw(self, call: Call, facts: Mapping[str, Any]) -> Response:
        """The page."""
        request = call.request
        token = _cookie(request) or secrets.token_urlsafe(24)
        key = request.query.get("code")
        action = f"{_PATH}/replay" + (f"?code={quote(key, safe='')}" if key else "")
        body = join(
            [
                _said(request.query),
                _kinds(facts["kinds"]),
                _throughput(facts["kinds"]),
                runs_table(facts["runs"], key),
                _deployments(facts["deployments"]),
                _failures(facts["failures"], action, token),
                _dead_letters(facts["dead_letters"]),
                _logs(facts["logs"]),
                _providers(facts["providers"]),
            ]
        )
        release = f" ({facts['release']})" if facts["release"] else ""
        head = Markup('<p class="soft">App {}, <span id="when">as of <time datetime="{}">{}</time></span></p>').format(
            facts["app_id"], facts["at"], f"{facts['at'][:19].replace('T', ' ')} UTC"
        )
        drawn = page("Sluice status", body, head=head, foot=f"Version {facts['version']}{release}", script=_REFRESH)
        secure = "; Secure" if request.url.startswith("https:") else ""
        cookie = f"{_COOKIE}={token}; Path={_PATH}; HttpOnly; SameSite=Strict{secure}"
        return Response(drawn.status, drawn.body, drawn.content_type, {**drawn.headers, "Set-Cookie": cookie})

    async def replay(self, call: Call, durable: Orchestrations) -> Response:
        """Run one failed job again, and go back to the page."""
        request = call.request
        form = _form(request)
        token = _cookie(request)
        if not token or not secrets.compare_digest(form.get("token", "").encode(), token.encode()):
            raise CrossSiteError("This form isn't one that the status page made for this browser. Load the page again.")
        kind, job_id = form.get("kind", ""), form.get("id", "")
        record = await self._store.get(kind, job_id) if kind in self._kinds else None
        if record is None or not call.who.sees(record.app_id):
            raise ResourceNotFoundError("job", job_id[:128] if job_id.isprintable() else "of such a name")
        try:
            await self._failed_jobs.replay(record)
            outcome = {"replayed": job_id}
            await durable.wake(kind)
        except ConflictError:
            raise
        except SluiceError as error:
            outcome = {"refused": job_id, "why": str(error)[:300]}
        key = {"code": request.query["code"]} if "code" in request.query else {}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in {**outcome, **key}.items())
        return Response(303, headers={"Location": f"{_PATH}?{query}"}, about=f"{kind}/{job_id}")


def _form(request: Request) -> dict[str, str]:
    try:
        fields = parse_qs(request.body.decode(), max_num_fields=20, keep_blank_values=True)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None and 20 <= len(found.value) <= 100 and found.value.isascii() else ""


def _said(query: Mapping[str, str]) -> Markup:
    """What became of a button."""
    if job := query.get("replayed"):
        text = f"The job {job[:128]} runs again."
    elif job := query.get("refused"):
        text = f"The job {job[:128]} doesn't run again: {query.get('why', '')[:300]} Mend its body and retry it."
    else:
        text = ""
    return Markup('<div role="status">{}</div>').format(Markup('<p class="note">{}</p>').format(text) if text else "")


def _kinds(kinds: Mapping[str, Any]) -> Markup:
    rows = []
    for kind, facts in kinds.items():
        if "error" in facts:
            rows.append([kind, *([facts["error"]] + [""] * 6)])
            continue
        states = facts["states"]
        open_states = [
            (number(states[name]["count"]), _age(states[name].get("oldest_s"))) for name in ("pending", "running")
        ]
        rows.append(
            [
                kind,
                *(cell for pair in open_states for cell in pair),
                *(number(states[name]["count"]) for name in ("succeeded", "failed", "cancelled")),
            ]
        )
    columns = ("Kind", "Pending", "oldest", "Running", "oldest", "Succeeded", "Failed", "Cancelled")
    caption = "Jobs by kind and state, with the age of the oldest that hasn't ended"
    return join([Markup('<h2 id="jobs">Jobs</h2>'), table(caption, columns, rows, numbers=range(1, 8))])


def _throughput(kinds: Mapping[str, Any]) -> Markup:
    known = {kind: facts["minutes"] for kind, facts in kinds.items() if "error" not in facts}
    summed = [
        {"at": together[0]["at"], **{one.name: sum(minute[one.name] for minute in together) for one in _JOBS}}
        for together in zip(*known.values(), strict=True)
    ]
    hours = [
        [kind, *(number(facts["last_hour"][name]) for name in ("accepted", "succeeded", "failed", "cancelled"))]
        for kind, facts in kinds.items()
        if "error" not in facts
    ]
    return join(
        [
            Markup("<h2>Throughput of the last hour</h2>"),
            bars("throughput", "Jobs ended in each minute", summed, _JOBS, "jobs"),
            table(
                "Jobs of the last hour", ("Kind", "Accepted", "Succeeded", "Failed", "Cancelled"), hours, range(1, 5)
            ),
            _by_minute("Jobs ended, minute by minute", summed, _JOBS),
        ]
    )


def _by_minute(caption: str, minutes: list[dict[str, Any]], series: tuple[Series, ...]) -> Markup:
    rows = [
        [str(minute["at"])[11:16], *(number(minute[one.name]) for one in series)]
        for minute in reversed(minutes)
        if any(minute[one.name] for one in series)
    ]
    columns = ("Minute (UTC)", *(one.label for one in series))
    return Markup("<details><summary>{}</summary>{}</details>").format(
        caption, table(caption, columns, rows, range(1, len(columns)))
    )


def _deployments(deployments: Mapping[str, Any]) -> Markup:
    parts = [Markup("<h2>Token budget</h2>")]
    for index, (name, facts) in enumerate(deployments.items()):
        parts.append(Markup("<h3>{}</h3>").format(name))
        if (error := not_known(facts)) is not None:
            parts.append(error)
            continue
        limit = facts["limits"]["tpm"]
        frozen = f"for {facts['frozen_for_s']:g} s" if facts["frozen_for_s"] else "no"
        cards = (
            ("used in the last minute", number(facts["used_tokens"])),
            ("booked ahead", number(facts["booked_ahead_tokens"])),
            ("free", number(facts["free_tokens"])),
            ("limit a minute", number(limit)),
            ("calls that wait", number(sum(facts["waiting"].values()))),
            ("429s so far", number(facts["throttles"])),
            ("frozen by a 429", frozen),
        )
        items = join(Markup("<li><b>{}</b>{}</li>").format(value, label) for label, value in cards)
        parts += [
            Markup('<ul class="cards">{}</ul>').format(items),
            bars(f"budget{index}", f"Tokens of {name}, minute by minute", facts["minutes"], _TOKENS, "tokens", limit),
            _by_minute(f"Tokens of {name}, minute by minute", facts["minutes"], _TOKENS),
        ]
    return join(parts)


def _failures(failures: Any, action: str, token: str) -> Markup:
    head = Markup('<h2 id="failures">Failures</h2>')
    if (error := not_known(failures)) is not None:
        return join([head, error])
    button = Markup(
        '<form method="post" action="{}"><input type="hidden" name="kind" value="{}">'
        '<input type="hidden" name="id" value="{}"><input type="hidden" name="token" value="{}">'
        '<button aria-label="Run again: {}">Run again</button></form>'
    )
    rows = [
        [
            one["id"],
            Markup("<code>{}</code>").format(one.get("code", "")),
            one.get("message", ""),
            one["kind"],
            f"{one['failed_at'][:19].replace('T', ' ')}",
            button.format(action, one["kind"], one["id"], token, one["id"]),
        ]
        for one in failures
    ]
    columns = ("Job", "Code", "Reason", "Kind", "When (UTC)", "Action")
    return join([head, table("The newest failed jobs", columns, rows, texts=(2,))])


def _dead_letters(found: Any) -> Markup:
    head = Markup("<h2>Dead letters</h2>")
    if (error := not_known(found)) is not None:
        return join([head, error])
    rows = [
        [queue, kind, "not to be seen with this app's roles" if count is None else _count(count)]
        for kind, queues in found.items()
        for queue, count in queues.items()
        if count != 0
    ]
    if not rows:
        return join([head, Markup('<p><span class="pass">None</span> in any queue.</p>')])
    return join([head, table("Dead letters by queue", ("Queue", "Kind", "Messages"), rows)])


def _count(count: int) -> str:
    return f"{count}" if count < 100 else f"{count} or more"


def _logs(facts: Any) -> Markup:
    head = Markup("<h2>Log shipping</h2>")
    if facts is None:
        return join([head, Markup('<p class="soft">Logs are not shipped.</p>')])
    if (error := not_known(facts)) is not None:
        return join([head, error])
    rows = [
        [one["instance"], number(one["arrived"]), number(one["missing"]), one["last_seen"] or "never"]
        for one in facts["instances"]
    ]
    columns = ("Instance", "Files arrived", "Files missing", "Last heard of")
    return join([head, table("Log files by instance", columns, rows, numbers=(1, 2))])


def _providers(providers: list[dict[str, Any]]) -> Markup:
    rows = [[one["deployment"], ", ".join(one["for"]), one["model"], one["endpoint"]] for one in providers]
    columns = ("Deployment", "For", "Model", "Endpoint")
    return join([Markup("<h2>Providers</h2>"), table("Model deployments that are used", columns, rows)])


def _age(age_s: float | None) -> str:
    if age_s is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age_s >= size:
            return f"{age_s / size:.1f} {unit}"
    return f"{age_s:.0f} s"
