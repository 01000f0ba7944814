"""A differential flame graph as SVG: the stacks of the second environment, coloured by what they add.

Each box is a function, as wide as the time within it; those above were called by it. Red took longer than in the first
environment, blue less, by the share of the whole difference. No script and no host: the text of a box is its title.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

WIDTH, ROW = 1200.0, 17.0
LEAST = 2.0
"""Pixels of a box that is drawn."""
LETTER = 6.6
GONE = 0.02
"""Of its time in the first environment: how wide what is gone in the second is drawn."""


@dataclass
class Node:
    """A function within its callers.

    Attributes:
        head_s: seconds within it in the second environment.
        base_s: in the first.
    """

    head_s: float = 0.0
    base_s: float = 0.0
    children: dict[str, Node] = field(default_factory=dict)


Box = tuple[str, Node, float, float, int]
"""Name, node, left, width and level."""


def flame_svg(base: Mapping[str, float], head: Mapping[str, float], title: str) -> str:
    """The picture.

    Args:
        base: stack to seconds in the first environment.
        head: in the second.
        title: what is written above.
    """
    root = tree(base, head)
    whole = abs(root.head_s - root.base_s) or 1.0
    boxes = list(_boxes(root, 0.0, WIDTH, 0))
    depth = max((level for *_, level in boxes), default=0) + 1
    height = (depth + 2) * ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" font-size="11" role="img">',
        f"<title>{html.escape(title)}</title>",
        "<style>text { font-family: monospace; } .ground { fill: #ffffff; }</style>",
        f'<rect class="ground" width="100%" height="100%"/><text x="6" y="13">{html.escape(title)}</text>',
    ]
    for box in boxes:
        lines += _drawn(box, height, whole)
    return "\n".join([*lines, "</svg>\n"])


def _drawn(box: Box, height: float, whole: float) -> list[str]:
    """A box with its title, from the bottom up."""
    name, node, left, width, level = box
    top, change = height - (level + 1) * ROW, (node.head_s - node.base_s) / whole
    told = f"{name}: {_us(node.base_s)} to {_us(node.head_s)} ({100 * change:+.0f} % of the difference)"
    shown = name.rpartition("/")[2][: max(int(width / LETTER) - 1, 0)]
    place = f'x="{left:.1f}" y="{top:.1f}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1:.0f}"'
    return [
        f'<g><title>{html.escape(told)}</title><rect {place} fill="{colour(change)}"/>',
        f'<text x="{left + 3:.1f}" y="{top + 12:.1f}">{html.escape(shown)}</text></g>',
    ]


def tree(base: Mapping[str, float], head: Mapping[str, float]) -> Node:
    """The functions within their callers."""
    root = Node()
    for stacks, side in ((base, "base_s"), (head, "head_s")):
        for stack, seconds in stacks.items():
            node = root
            setattr(node, side, getattr(node, side) + seconds)
            for name in stack.split(";"):
                node = node.children.setdefault(name, Node())
                setattr(node, side, getattr(node, side) + seconds)
    return root


def _boxes(node: Node, left: float, width: float, level: int) -> Iterator[Box]:
    """Yield each box that is wide enough to be seen."""
    children = sorted(node.children.items(), key=lambda one: -one[1].head_s)
    whole = max(node.head_s, sum(_extent(child) for _, child in children)) or 1.0
    for name, child in children:
        own = width * _extent(child) / whole
        if own >= LEAST:
            yield name, child, left, own, level
            yield from _boxes(child, left, own, level + 1)
        left += own


def _extent(node: Node) -> float:
    """As wide as it is in the second environment; what is only in the first is a sliver."""
    return max(node.head_s, GONE * node.base_s)


def colour(change: float) -> str:
    """Red for what adds to the difference, blue for what takes from it, white for neither."""
    strength = min(abs(change), 1.0)
    light = round(255 - 150 * strength)
    return f"#ff{light:02x}{light:02x}" if change > 0 else f"#{light:02x}{light:02x}ff"


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"
