"""Pictures of the README as SVG, in a light and a dark theme, each with its numbers embedded as JSON."""

from __future__ import annotations

import io
import json
import math
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.records import latency
from bench.records.releases import release_name, steps
from bench.records.trials import BASE, TYPICAL, pairs_of
from bench.report.html.sections import curves
from bench.report.html.summaries import model_summaries
from bench.report.html.view import shorten
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.report.html.stored import Stored

Numbers = Mapping[str, Any]
"""All that a picture shows, as JSON has it."""

THEMES = {
    "light": {"ink": "#1b1e23", "line": "#dfe2e6", "colours": ["#0072B2", "#D55E00", "#009E73", "#B0559B", "#6B7480"]},
    "dark": {"ink": "#e8eaed", "line": "#3a4047", "colours": ["#56B4E9", "#FF9A5C", "#3FCFA4", "#E39BCB", "#9AA3AD"]},
}
MARKERS = ("o", "D", "s", "^", "v", "P")
CROWDED = 0.2
"""Of the picture's width."""
SIZE_IN = (8.0, 3.6)
CURVES = curves.FIRST
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def make_numbers(stored: Stored) -> dict[str, Numbers]:
    """The numbers of each picture, by its name; only of those that the runs are enough for."""
    made = {name: numbers(stored) for name, (numbers, _) in PICTURES.items()}
    return {name: numbers for name, numbers in made.items() if numbers}


def write_pictures(results: Path, stored: Stored) -> list[Path]:
    """Write each picture in both themes to `pictures/<name>-<theme>.svg`, and return the paths.

    Raises:
        DensebenchError: Matplotlib is not installed.
        OSError: a picture could not be written.
    """
    folder = results / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, numbers in make_numbers(stored).items():
        for theme in THEMES:
            path = folder / f"{name}-{theme}.svg"
            write_atomically(path, draw(name, numbers, theme))
            paths.append(path)
    return paths


def check_pictures(results: Path, stored: Stored) -> Iterator[str]:
    """Yield a line for each picture that is missing, has no runs, or shows other numbers than the pinned runs."""
    folder, expected = results / "pictures", make_numbers(stored)
    stored_as = {name: json.loads(json.dumps(numbers)) for name, numbers in expected.items()}
    names = {f"{name}-{theme}": numbers for name, numbers in stored_as.items() for theme in THEMES}
    for name in sorted({*names, *(path.stem for path in folder.glob("*.svg"))}):
        path = folder / f"{name}.svg"
        if name not in names:
            yield f"{path}: no pinned run says what it shows"
        elif not path.exists():
            yield f"{path}: it is missing, though the pinned runs are enough for it"
        elif (shown := read_numbers(path.read_bytes())) != names[name]:
            yield f"{path}: it shows other numbers than the pinned runs give{_where(shown, names[name])}"


def read_numbers(svg: bytes) -> Any:
    """The numbers embedded in a picture; ``None`` where there are none that can be read."""
    try:
        found = ET.fromstring(svg).find(f".//{DESCRIPTION}")  # noqa: S314  our own file; no entity is resolved outside
        return json.loads(found.text or "") if found is not None else None
    except (ET.ParseError, ValueError, RecursionError):
        return None


def _where(shown: Any, expected: Any, place: str = "") -> str:
    """The first difference between two JSON values, as text that continues a sentence."""
    if isinstance(shown, dict) and isinstance(expected, dict):
        pairs = [(key, shown.get(key), expected.get(key)) for key in dict.fromkeys([*expected, *shown])]
    elif isinstance(shown, list) and isinstance(expected, list) and len(shown) == len(expected):
        pairs = [(str(key), a, b) for key, (a, b) in enumerate(zip(shown, expected, strict=True))]
    else:
        return f": {place or 'as a whole'} is {str(shown)[:40]}, not {str(expected)[:40]}"
    return next((_where(a, b, f"{place} {key}".strip()) for key, a, b in pairs if a != b), "")


def draw(name: str, numbers: Numbers, theme: str) -> bytes:
    """Draw a picture and return it as SVG.

    Raises:
        DensebenchError: Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DensebenchError("the README's pictures need Matplotlib: `pip install matplotlib` brings it.") from error
    look = THEMES[theme]
    style = {
        "svg.hashsalt": "densebench",
        "svg.fonttype": "none",
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.grid": True,
        "axes.edgecolor": look["line"],
        "grid.color": look["line"],
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), look["ink"]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.facecolor": "none",
        "legend.frameon": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        figure.patch.set_alpha(0)
        PICTURES[name][1](figure, numbers, look)
        buffer = io.BytesIO()
        text = json.dumps(numbers, separators=(",", ":"))
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "densebench", "Description": text})
    return buffer.getvalue()


def _headline_numbers(stored: Stored) -> Numbers:
    run = stored.headline
    points = [
        {
            "model": shorten(one.model),
            "typical_s": [float(f"{value:.4g}") for value in (found.value, found.low, found.high) if value is not None],
            "accuracy": round(statistics.fmean(one.train.test_accuracies), 6),
            "sd": round(statistics.stdev(one.train.test_accuracies), 6) if len(one.train.test_accuracies) > 1 else 0.0,
        }
        for one in (model_summaries([run]) if run else [])
        if not one.faults and one.train and one.train.test_accuracies and one.single
        if (found := latency.typical(one.single))
    ]
    return {"file": run.file, "points": points} if run and points else {}


def _draw_headline(figure: Any, numbers: Numbers, look: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    for place, point in enumerate(numbers["points"]):
        colour = look["colours"][place % len(look["colours"])]
        micro_s, *ends = (value_s * 1e6 for value_s in point["typical_s"])
        bar = [[micro_s - ends[0]], [ends[1] - micro_s]] if ends else None
        style = {"fmt": MARKERS[place % len(MARKERS)], "color": colour, "capsize": 3, "markersize": 8}
        axes.errorbar(micro_s, point["accuracy"], yerr=point["sd"], xerr=bar, **style)
        side = {"xytext": (-9, 5), "ha": "right"} if _crowded(point, numbers["points"]) else {"xytext": (9, 5)}
        axes.annotate(point["model"], (micro_s, point["accuracy"]), textcoords="offset points", **side)
    axes.margins(0.18)
    axes.set_xlabel("ONNX Runtime, one image on one thread: typical time (µs)")
    axes.set_ylabel("Test accuracy")


def _crowded(point: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> bool:
    """True if another point lies so close to the right of a point that its name would cover it."""
    times = [one["typical_s"][0] for one in points]
    return any(0 < time_s - point["typical_s"][0] < CROWDED * (max(times) - min(times)) for time_s in times)


def _curves_numbers(stored: Stored) -> Numbers:
    found = {name: (file, known) for name, file, _, known in curves.histories(stored) if name in CURVES}
    if set(found) != set(CURVES):
        return {}
    shown = {name: _bands(found[name][1]) for name in CURVES}
    return {"file": found[CURVES[0]][0], "recipes": shown}


def _bands(known: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """Least, mean and most loss by epoch, over the seeds, and the epoch from which the two part."""
    bands = {}
    for label, metric in (("training", "loss"), ("validation", "val_loss")):
        by_epoch = list(zip(*(one[metric] for one in known if metric in one), strict=False))
        bands[label] = [[round(value, 5) for value in (min(at), statistics.fmean(at), max(at))] for at in by_epoch]
    return {**bands, "parting": curves.parting(known)}


def _draw_curves(figure: Any, numbers: Numbers, look: Mapping[str, Any]) -> None:
    panels = figure.subplots(1, len(numbers["recipes"]), sharey=True)
    for axes, (name, shown) in zip(panels, numbers["recipes"].items(), strict=True):
        for place, label in enumerate(("training", "validation")):
            epochs = range(1, len(shown[label]) + 1)
            low, mean, high = zip(*shown[label], strict=True)
            colour, marker, dash = look["colours"][place], MARKERS[place], ("-", "--")[place]
            axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(epochs, mean, color=colour, marker=marker, markersize=3, label=label, linestyle=dash)
        axes.axvline(shown["parting"], color=look["colours"][4], linestyle=":")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("Epoch")
    panels[0].set_ylabel("Loss")
    panels[0].legend()


def _trend_numbers(stored: Stored) -> Numbers:
    """The typical times of the headline model in each release over those in the oldest, judged as one family."""
    if not stored.releases:
        return {}
    main = stored.releases[0].main
    roles = [BASE, *(role for _, role in steps(main))]
    trial = main.judged(pairs_of(roles))
    rows: dict[str, list[Any]] = {}
    for row in trial.rows:
        ends = row.effect.value, row.effect.low, row.effect.high
        if row.finding == TYPICAL and f"[{HEADLINE}," in row.case and None not in ends:
            name = release_name(trial.environment(row.environment))
            rows.setdefault(row.case, []).append([name, *(round(math.exp(end or 0.0), 5) for end in ends), row.word])
    names = [release_name(trial.environment(role)) for role in roles]
    return {"base": names[0], "releases": names, "rows": rows} if rows else {}


def _draw_trend(figure: Any, numbers: Numbers, look: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    places, rows = {name: place for place, name in enumerate(numbers["releases"])}, numbers["rows"]
    axes.axhline(1.0, color=look["colours"][4], linestyle=":", linewidth=1)
    for number, (name, points) in enumerate(rows.items()):
        at = [places[point[0]] + 0.1 * (number - (len(rows) - 1) / 2) for point in points]
        bars = [[point[1] - point[2] for point in points], [point[3] - point[1] for point in points]]
        style = {"fmt": f"-{MARKERS[number]}", "color": look["colours"][number], "markersize": 5, "capsize": 2}
        axes.errorbar(at, [point[1] for point in points], yerr=bars, label=name, linewidth=1.2, **style)
    axes.set_ylabel(f"Typical time over {numbers['base']}'s")
    axes.set_xticks(list(places.values()), list(places))
    axes.set_xlabel("TensorFlow")
    axes.legend(fontsize=8, ncols=2)


PICTURES: dict[str, tuple[Callable[[Stored], Numbers], Callable[[Any, Numbers, Mapping[str, Any]], None]]] = {
    "headline": (_headline_numbers, _draw_headline),
    "curves": (_curves_numbers, _draw_curves),
    "releases": (_trend_numbers, _draw_trend),
}
"""Name to what it shows, and how it is drawn."""
