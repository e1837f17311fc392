"""A line chart as SVG: logarithmic both ways, every value written beside its point; the highest one's above it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 76, 60
COLOURS = ("#0072b2", "#d55e00", "#009e73")
"""Told apart by the colour-blind too."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    values: Sequence[float]


def draw(title: str, x_name: str, y_name: str, xs: Sequence[float], lines: Sequence[Line]) -> str:
    """The whole file. Each line has a value for each x."""
    values = [value for line in lines for value in line.values]
    x_of = _scale(min(xs), max(xs), LEFT + 20, WIDTH - RIGHT - 30)
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    y_of = _scale(low, high, HEIGHT - BOTTOM, TOP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 28, title, size=17),
        _text(WIDTH / 2, HEIGHT - 14, x_name, anchor="middle"),
        '<g transform="rotate(-90)">' + _text(-HEIGHT / 2, 20, y_name, anchor="middle") + "</g>",
    ]
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        y = y_of(10.0**power)
        out += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            _text(LEFT - 8, y + 4, f"{10.0**power:g}", anchor="end"),
        ]
    for x in xs:
        out += [
            f'<line x1="{x_of(x):.1f}" x2="{x_of(x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>',
            _text(x_of(x), HEIGHT - BOTTOM + 20, f"{x:,.0f}", anchor="middle"),
        ]
    highest = [max(values) for values in zip(*(line.values for line in lines), strict=True)]
    for number, (line, colour) in enumerate(zip(lines, COLOURS, strict=False)):
        points = [(x_of(x), y_of(value)) for x, value in zip(xs, line.values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), value, top in zip(points, line.values, highest, strict=True):
            beside = y - 10 if value == top else y + 20
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            out.append(_text(x, beside, f"{value:.3g}", anchor="middle", colour=colour))
        place = LEFT + number * (WIDTH - LEFT - RIGHT) / len(lines)
        out.append(f'<circle cx="{place + 5:.1f}" cy="44" r="5" fill="{colour}"/>')
        out.append(_text(place + 16, 48, line.name, colour=colour))
    return "\n".join([*out, "</svg>", ""])


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """A logarithmic scale onto pixels."""
    span = math.log(high / low)
    return lambda value: first + (last - first) * math.log(value / low) / span


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, colour: str = "#333") -> str:
    shown = escape(text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{shown}</text>'
