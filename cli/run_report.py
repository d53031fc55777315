"""`sluice report`: one HTML page of a run's results, which needs nothing else: no network, no JavaScript."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cli.console import EXIT_OK, err
from cli.run_summary import MOST_URGENT, Summary
from cli.run_view import RunView, view_of
from shared.bootstrap import Backend
from shared.errors import ConfigurationError

_ORDER = ("positive", "neutral", "mixed", "negative")
_COLOURS = {"positive": "#2e7d32", "neutral": "#78909c", "mixed": "#f9a825", "negative": "#c62828"}
_OTHER_COLOURS = ("#1565c0", "#6a1b9a", "#00838f", "#5d4037")
_MOST_BARS = 15
_SVG = "{http://www.w3.org/2000/svg}"
_STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:0}h2{font-size:1.2rem;margin-top:2.5rem}
p.note{color:#555;margin-top:.2rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:1rem;margin:1.5rem 0}
dl div{border:1px solid #ddd;border-radius:6px;padding:.6rem .8rem}dt{color:#555;font-size:.85rem}
dd{margin:0;font-size:1.25rem;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e2e2e2;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
details{margin:.5rem 0}summary{cursor:pointer;color:#1a4fa0}
figure{margin:0}svg{width:100%;height:auto}
td p{margin:0 0 .3rem;white-space:pre-line;overflow-wrap:anywhere}
@media print{details{display:none}}
"""


async def report(system: Backend, name: str, to: Path) -> int:
    """Write the page.

    Raises:
        UnknownRunError, OSError, StorageError
        ConfigurationError: the run isn't one of feedback jobs.
    """
    view = await view_of(system, name)
    if view.run.spool.kind != "feedback":
        raise ConfigurationError(f"Reports are made of feedback runs; {name} is one of {view.run.spool.kind} jobs.")
    summary = Summary()
    async for found in system.runs.results.rows(view.run):
        summary.add(found)
    to.write_text(page(view, summary, datetime.now(UTC)), encoding="utf-8")
    err.print(f"The report is in {to}.", highlight=False, markup=False)
    return EXIT_OK


def page(view: RunView, summary: Summary, now: datetime) -> str:
    """The whole page as HTML."""
    spool = view.run.spool
    title = f"Feedback: {spool.source}"
    labels = _labels(summary.labels)
    what, steps = summary.over_time()
    categories = dict(sorted(summary.by_category.items(), key=lambda item: -item[1].total())[:_MOST_BARS])
    hashtags = {tag: Counter({"comments": count}) for tag, count in summary.hashtags.most_common(_MOST_BARS)}
    state = str(view.progress.state)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">Run {escape(view.run.name)}, {state}; started {spool.created_at:%Y-%m-%d %H:%M} UTC, '
        f"report of {now:%Y-%m-%d %H:%M} UTC.</p>",
        _facts(view, summary),
        _section("Sentiment over time", f"Comments by {what}.", _bars(steps, labels), _table(what, steps, labels)),
        _section(
            "Sentiment by category",
            "Comments in each category, the largest first.",
            _bars(categories, labels, horizontal=True),
            _table("category", categories, labels),
        ),
        _section(
            "Top hashtags",
            f"The {len(hashtags)} most frequent.",
            _bars(hashtags, ["comments"], horizontal=True),
            _table("hashtag", hashtags, ["comments"]),
        ),
        _urgent(summary),
        _failures(summary),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _facts(view: RunView, summary: Summary) -> str:
    tally = view.run.head.tally
    cost = f"{view.cost:,.2f} {view.currency}" if view.cost is not None else "not known"
    each = f"{1000 * view.cost / tally.ended:,.2f} {view.currency}" if view.cost is not None and tally.ended else "-"
    pairs = {
        "rows": f"{summary.statuses.total():,}",
        "succeeded": f"{summary.statuses['succeeded']:,}",
        "failed": f"{summary.statuses['failed']:,}",
        "rejected": f"{summary.statuses['rejected']:,}",
        "urgent": f"{summary.urgencies['high']:,}",
        "tokens in / out": f"{tally.input_tokens:,} / {tally.output_tokens:,}",
        "cost": cost,
        "cost of 1,000 comments": each,
    }
    return f"<dl>{''.join(f'<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>' for n, v in pairs.items())}</dl>"


def _section(title: str, note: str, chart: str, table: str) -> str:
    return (
        f'<section><h2>{escape(title)}</h2><p class="note">{escape(note)}</p><figure>{chart}</figure>'
        f"<details><summary>As a table</summary>{table}</details></section>"
    )


def _urgent(summary: Summary) -> str:
    count = summary.urgencies["high"]
    if not count:
        return "<section><h2>Urgent</h2><p>Nothing is urgent.</p></section>"
    shown = f"The first {MOST_URGENT} of {count:,}." if count > len(summary.urgent) else f"{count:,} of the comments."
    rows = "".join(
        f'<tr><td class="n">{item.row:,}</td><td>{escape(item.category)}</td><td>{escape(item.sentiment)}</td>'
        f"<td><p>{escape(item.text)}</p></td><td><p>{escape(item.summary)}</p><p><b>{escape(item.action)}</b></p></td></tr>"
        for item in summary.urgent
    )
    head = "<tr><th class=n>row</th><th>category</th><th>sentiment</th><th>comment</th><th>what it is about</th></tr>"
    return (
        f'<section><h2>Urgent</h2><p class="note">{shown}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table>'
        "</section>"
    )


def _failures(summary: Summary) -> str:
    if not summary.reasons:
        return ""
    rows = {code: Counter({"jobs": count}) for code, count in summary.reasons.most_common()}
    return f"<section><h2>Failures</h2>{_table('reason', rows, ['jobs'])}</section>"


def _labels(found: Iterable[str]) -> list[str]:
    return [label for label in _ORDER if label in found] + sorted(set(found) - set(_ORDER))


def _table(first: str, rows: Mapping[str, Counter[str]], labels: Sequence[str]) -> str:
    head = f"<tr><th>{escape(first)}</th>{''.join(f'<th class=n>{escape(label)}</th>' for label in labels)}</tr>"
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td class=n>{counts[label]:,}</td>' for label in labels)}</tr>"
        for name, counts in rows.items()
    )
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _bars(rows: Mapping[str, Counter[str]], labels: Sequence[str], *, horizontal: bool = False) -> str:
    """Stacked bars as SVG."""
    import pygal
    from pygal.style import Style

    if not rows:
        return "<p>Nothing yet.</p>"
    others = iter(_OTHER_COLOURS * (1 + len(labels) // len(_OTHER_COLOURS)))
    style = Style(
        background="transparent",
        plot_background="transparent",
        colors=tuple(_COLOURS.get(label) or next(others) for label in labels),
        font_family="system-ui, sans-serif",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=13,
        opacity="1",
    )
    names = list(rows)
    options: dict[str, Any] = {
        "style": style,
        "js": [],
        "width": 900,
        "height": 90 + 30 * len(rows) if horizontal else 340,
        "show_legend": len(labels) > 1,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": len(labels),
        "x_label_rotation": 0 if horizontal or len(rows) <= 8 else 45,
        "truncate_label": -1,
        "value_formatter": lambda value: f"{int(value):,}",
    }
    if horizontal:
        names.reverse()  # the library begins below
    chart = (pygal.HorizontalStackedBar if horizontal else pygal.StackedBar)(**options)
    chart.x_labels = names
    for label in labels:
        chart.add(label, [rows[name][label] for name in names])
    return _plain_svg(chart.render_tree())


def _plain_svg(root: ElementTree.Element) -> str:
    """Without the library's scripts and comments: the page has none."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.removeprefix(_SVG) == "script":
                parent.remove(child)
    root.set("role", "img")
    return ElementTree.tostring(root, encoding="unicode")
