"""What the environments of a survey of compatibility cost: their size, their import, their memory, their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_bytes, format_duration, percent
from bench.report.markdown import markdown_table
from bench.stats.estimate import centre
from bench.stats.trend import slope

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.records.compatibility import StoredCompatibility
    from bench.records.schema.compatibility import Artifact, Environment
    from bench.stats.estimate import Centre

ERROR = 0.05
"""Of each interval."""
MOST_PARTS = 6
"""Packages whose part of an import is shown."""


def costs_table(stored: StoredCompatibility) -> str:
    """Installed size, packages, import, memory, growth, and the size of the first model's files."""
    forms = stored.formats
    rows = []
    for each in stored.found.environments:
        costs = each.costs
        sizes = {one.format: one for one in each.saved if one.model == stored.models[0]}
        rows.append(
            [
                each.role,
                format_bytes(sum(costs.sizes.values())) if costs.sizes else NOT_MEASURED,
                str(len(costs.sizes) or NOT_MEASURED),
                _with_interval(centre(costs.imports_s), format_duration),
                _with_interval(centre([float(one) for one in costs.resident_bytes]), _bytes),
                _growth(each),
                *(_size(sizes.get(form)) for form in forms),
            ]
        )
    headers = ["Environment", "Installed", "Packages", "Import", "Memory after it", "Growth per cycle"]
    headers += [f"{stored.models[0]}, {forms[0]}", *forms[1:]] if forms else []
    starts = max((len(one.costs.imports_s) for one in stored.found.environments), default=0)
    cycles = max((len(one.costs.cycles_bytes) for one in stored.found.environments), default=0)
    first = f"Installed: TensorFlow with all that it requires. Import: TensorFlow and its Keras, {starts} fresh "
    first += (
        f"processes. Growth: of resident memory over {cycles} cycles of building, training and asking a model, the "
    )
    first += "first fifth left out. ±: 95 % intervals."
    return f"{first}\n\n{markdown_table(headers, rows, text_columns=(0,))}"


def _growth(each: Environment) -> str:
    found = slope([float(one) for one in each.costs.cycles_bytes])
    if found is None:
        return NOT_MEASURED
    low, high = found.interval(ERROR)
    told = f"{found.value / 1e3:+.0f} kB ({low / 1e3:+.0f} to {high / 1e3:+.0f})"
    return f"**{told}**" if low > 0 else told


def imports_table(stored: StoredCompatibility) -> str:
    """The packages that take the most of an import."""
    totals: dict[str, float] = {}
    for each in stored.found.environments:
        for name, values in each.costs.parts_s.items():
            totals[name] = totals.get(name, 0.0) + sum(values)
    shown = sorted(totals, key=lambda name: -totals[name])[:MOST_PARTS]
    if not shown:
        return ""
    rows = [
        [each.role, *(_with_interval(centre(each.costs.parts_s.get(name, ())), format_duration) for name in shown)]
        for each in stored.found.environments
    ]
    first = "Of the import, by the package whose own modules take the time (`-X importtime`, which itself takes some):"
    return f"{first}\n\n{markdown_table(['Environment', *shown], rows, text_columns=(0,))}"


def _with_interval(found: Centre | None, text: Callable[[float], str]) -> str:
    if found is None:
        return NOT_MEASURED
    low, high = found.interval(ERROR)
    half = (high - low) / 2 / found.value if found.value else 0.0
    return f"{text(found.value)} ± {percent(half)}"


def _bytes(value: float) -> str:
    return format_bytes(round(value))


def _size(one: Artifact | None) -> str:
    return NOT_MEASURED if one is None or one.size_bytes is None else format_bytes(one.size_bytes)
