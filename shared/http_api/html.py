"""HTML pages: one self-contained file each, under a policy that lets nothing else be loaded. Everything is escaped."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from shared.http_api.messages import Response

HTML = "text/html; charset=utf-8"

STYLE = Markup("""
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--panel:#f6f8fa;--line:#d0d7de;--blue:#0550ae;
--green:#116329;--amber:#7d4e00;--red:#a40e26;--bar:#0969da;--bar2:#8250df;--bad:#cf222e}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;--panel:#161b22;--line:#30363d;
--blue:#79c0ff;--green:#7ee787;--amber:#e3b341;--red:#ffa198;--bar:#388bfd;--bar2:#a371f7;--bad:#f85149}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;margin:1rem 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .25rem}
a{color:var(--blue)}:focus-visible{outline:3px solid var(--bar);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem}
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.5rem .75rem;color:var(--soft)}
th,td{padding:.4rem .75rem;border-top:1px solid var(--line);text-align:left;vertical-align:top;min-width:6.5rem;
overflow-wrap:anywhere}td.n,th.n{min-width:0}td.t{min-width:16rem}td code{white-space:nowrap}
thead th{background:var(--panel);border-top:0}td.n,th.n{text-align:right;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;padding:0;margin:0 0 .75rem;
list-style:none}
.cards li{border:1px solid var(--line);border-radius:6px;background:var(--panel);padding:.6rem .75rem}
.cards b{display:block;font-size:1.3rem}.soft{color:var(--soft)}
.pass{color:var(--green)}.warn{color:var(--amber)}.fail{color:var(--red)}
svg{display:block;width:100%;height:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px}
svg text{fill:var(--soft);font-size:11px}.ok{fill:var(--bar)}.bad{fill:var(--bad)}.booked{fill:var(--bar2)}
.grid{stroke:var(--line)}.limit{stroke:var(--red);stroke-dasharray:4 3}
button{font:inherit;padding:.25rem .75rem;border:1px solid var(--line);border-radius:6px;background:var(--panel);
color:var(--ink);cursor:pointer;white-space:nowrap}
progress{width:7rem;margin-right:.5rem;accent-color:var(--bar);vertical-align:middle}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow-x:auto;background:var(--panel);padding:.75rem}
details{border-top:1px solid var(--line);padding:.25rem 0}summary{cursor:pointer;padding:.25rem 0}
.note{border:1px solid var(--line);border-left:4px solid var(--bar);border-radius:6px;padding:.5rem .75rem}
.legend span{margin-right:1rem}.dot{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.35em}
.dot.ok{background:var(--bar)}.dot.bad{background:var(--bad)}.dot.booked{background:var(--bar2)}
@media(max-width:40rem){body{font-size:15px}th,td{padding:.35rem .5rem}svg text{font-size:18px}}
""")

_FRAME = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>'
    "<style>{style}</style></head><body>"
    '<a class="skip" href="#main">Skip to the content</a>'
    '<header><h1>{title}</h1>{head}</header><main id="main" tabindex="-1">{body}</main>'
    "<footer><p>{foot}</p></footer>{script}</body></html>\n"
)


def page(title: str, body: Markup, *, head: Markup | str = "", foot: Markup | str = "", script: str = "") -> Response:
    """A page.

    Args:
        head: below the title.
        script: without it, as with scripts switched off, the page works all the same.
    """
    tag = Markup("<script>{}</script>").format(Markup(script)) if script else ""  # noqa: S704 - a text of ours
    text = _FRAME.format(title=title, style=STYLE, head=head, body=body, foot=foot, script=tag)
    return Response(200, text.encode("utf-8", "replace"), HTML, {"Content-Security-Policy": _policy(script)})


def join(parts: Iterable[Markup]) -> Markup:
    """One after the other."""
    return Markup().join(parts)


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Iterable[int] = (),
    texts: Iterable[int] = (),
) -> Markup:
    """A table.

    Args:
        rows: cells; those that are Markup stay as they are. The first of each row is its heading.
        numbers: columns that hold numbers.
        texts: columns that hold sentences.
    """
    css = {**dict.fromkeys(numbers, "n"), **dict.fromkeys(texts, "t")}

    def kind(column: int) -> Markup:
        return Markup(' class="{}"').format(css[column]) if column in css else Markup()

    head = join(Markup('<th scope="col"{}>{}</th>').format(kind(i), name) for i, name in enumerate(columns))
    lines = [
        Markup("<tr>{}{}</tr>").format(
            Markup('<th scope="row">{}</th>').format(row[0]),
            join(Markup("<td{}>{}</td>").format(kind(i), cell) for i, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    if not lines:
        lines = [Markup('<tr><td colspan="{}" class="soft">None</td></tr>').format(len(columns))]
    return Markup(
        '<div class="wide" role="region" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
        "<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    ).format(caption=caption, head=head, lines=join(lines))


def not_known(facts: Any) -> Markup | None:
    """What is said where a part of the facts couldn't be had; None where it could."""
    if isinstance(facts, Mapping) and "error" in facts:
        return Markup('<p class="note"><strong class="fail">Not known:</strong> {}</p>').format(facts["error"])
    return None


def _policy(script: str) -> str:
    parts = ["default-src 'none'", f"style-src {_hash(STYLE)}", "form-action 'self'", "base-uri 'none'"]
    if script:
        parts += [f"script-src {_hash(script)}", "connect-src 'self'"]
    return "; ".join([*parts, "frame-ancestors 'none'"])


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
