"""Loss and development score over the steps, as an SVG that follows the reader's light or dark mode. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, PANEL, GAP = 720, 200, 46
LEFT, RIGHT, TOP = 64, 16, 28
_POINTS = 400  #: of a line at most; a long run is thinned to means
Point = tuple[float, float]

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333; } .axis { stroke: #999; } .line { fill: none; stroke-width: 2; }
.loss { stroke: #0b62a4; } .score { stroke: #9a5b00; } .dot { fill: #9a5b00; }
@media (prefers-color-scheme: dark) { text { fill: #ddd; } .axis { stroke: #777; } .loss { stroke: #7ab8ea; }
.score { stroke: #f0b35a; } .dot { fill: #f0b35a; } }
"""


def draw(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the picture of a curve's lines: those with a `loss` and those with a `score`."""
    rows = list(lines)
    losses = thinned([(row["step"], row["loss"]) for row in rows if "loss" in row])
    scores = [(row["step"], row["score"]) for row in rows if "score" in row]
    last = max((row["step"] for row in rows), default=1)
    panels = [("Loss", "loss", losses), ("Development score, NDCG@10 in percent", "score", scores)]
    drawn = [panel for panel in panels if panel[2]]
    height = TOP + len(drawn) * (PANEL + GAP)
    body = "".join(
        _panel(title, kind, points, last=last, top=TOP + number * (PANEL + GAP))
        for number, (title, kind, points) in enumerate(drawn)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>Training curve, {last} steps</title><style>{_STYLE}</style>{body}</svg>\n"
    )


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most 400 points: each the mean of its neighbours."""
    size = -(-len(points) // _POINTS) if points else 1
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _panel(title: str, kind: str, points: Sequence[Point], *, last: float, top: int) -> str:
    low, high = min(value for _, value in points), max(value for _, value in points)
    span = (high - low) or max(abs(high), 1.0) * 0.1

    def place(point: Point) -> Point:
        x = LEFT + (WIDTH - LEFT - RIGHT) * point[0] / max(last, 1)
        return round(x, 1), round(top + PANEL * (1 - (point[1] - low) / span), 1)

    path = " ".join(f"{x},{y}" for x, y in map(place, points))
    dots = "".join(_dot(point, place(point)) for point in points) if kind == "score" else ""
    bottom = top + PANEL
    return (
        f'<text x="{LEFT}" y="{top - 10}">{escape(title)}</text>'
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}"/>'
        f'<text x="{LEFT - 6}" y="{top + 4}" text-anchor="end">{low + span:.3g}</text>'
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{LEFT}" y="{bottom + 16}">0</text>'
        f'<text x="{WIDTH - RIGHT}" y="{bottom + 16}" text-anchor="end">{last:,.0f} steps</text>'
        f'<polyline class="line {kind}" points="{path}"/>{dots}'
    )


def _dot(point: Point, at: Point) -> str:
    return (
        f'<circle class="dot" cx="{at[0]}" cy="{at[1]}" r="3"><title>{point[1]:.2f} at step {point[0]}</title></circle>'
    )
