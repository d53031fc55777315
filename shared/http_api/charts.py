"""Pictures of the last hour as inline SVG: bars by the minute, with a title, a description and a table beside each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from shared.http_api.html import join

_WIDTH, _HEIGHT = 720, 160
_LEFT, _BOTTOM, _TOP = 48, 22, 10


@dataclass(frozen=True, slots=True)
class Series:
    """One part of each bar.

    Attributes:
        name: of the number in each minute.
        css: class of its colour.
        label: for people.
    """

    name: str
    css: str
    label: str


def bars(
    key: str,
    title: str,
    minutes: Sequence[Mapping[str, Any]],
    series: Sequence[Series],
    unit: str,
    limit: float | None = None,
) -> Markup:
    """Stacked bars.

    Args:
        key: unlike that of any other picture of the page.
        minutes: oldest first, each with `at` and the numbers.
        limit: a line across.
    """
    highest = max([sum(minute[one.name] for one in series) for minute in minutes], default=0)
    top = nice(max(highest, limit or 0, 1))
    step = (_WIDTH - _LEFT) / max(1, len(minutes))
    parts: list[Markup] = [_grid(top)]
    for index, minute in enumerate(minutes):
        base = 0.0
        for one in series:
            if value := minute[one.name]:
                y, height = _y(base + value, top), _y(base, top) - _y(base + value, top)
                parts.append(_rect(one.css, _LEFT + index * step + step * 0.1, y, step * 0.8, height))
            base += value
    if limit:
        parts.append(_line("limit", _y(limit, top)))
    if minutes:
        parts += [
            _text(_LEFT, _HEIGHT - 6, "start", _clock(minutes[0])),
            _text(_WIDTH, _HEIGHT - 6, "end", _clock(minutes[-1])),
        ]
    said = f"{title}: at most {number(highest)} {unit} a minute" + (f", limit {number(limit)}" if limit else "")
    picture = Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        '<desc id="{key}-d">{said}. The numbers are in the table below.</desc>{parts}</svg>'
    ).format(w=_WIDTH, h=_HEIGHT, key=key, title=title, said=said, parts=join(parts))
    return join([picture, legend(series)])


def legend(series: Sequence[Series]) -> Markup:
    """What the colours mean."""
    names = (Markup('<span><span class="dot {}"></span>{}</span>').format(one.css, one.label) for one in series)
    return Markup('<p class="legend soft">{}</p>').format(join(names))


def number(value: float | None) -> str:
    """With separators."""
    return "" if value is None else f"{value:,.0f}"


def short(value: float) -> str:
    """For an axis: 1,500,000 is 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def nice(value: float) -> float:
    """A round number that isn't below."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= value)


def _grid(top: float) -> Markup:
    return join(
        part
        for share in (0.0, 0.5, 1.0)
        for part in (
            _line("grid", _y(top * share, top)),
            _text(_LEFT - 6, _y(top * share, top) + 4, "end", short(top * share)),
        )
    )


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _BOTTOM - _TOP) * (1 - value / top)


def _rect(css: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        css, x, y, width, max(height, 0.5)
    )


def _line(css: str, y: float) -> Markup:
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(css, _LEFT, _WIDTH, y, y)


def _text(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{:.0f}" y="{:.0f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _clock(minute: Mapping[str, Any]) -> str:
    return f"{str(minute['at'])[11:16]} UTC"
