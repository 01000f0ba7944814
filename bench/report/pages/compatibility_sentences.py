"""What a survey of compatibility says in sentences: of files, numbers and trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_counted, format_difference
from bench.records.outcomes import FAILS, OTHERWISE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records.compatibility import StoredCompatibility
    from bench.records.schema.compatibility import Loading

LABELS = {"weights": ".weights.h5"}
"""Formats as sentences call them, where they are not called by their file's ending."""


def files_sentence(stored: StoredCompatibility) -> str:
    """Which files load in every later and in every earlier environment, and whose do not load in some."""
    parts = [_direction(stored, "Files load in every later one", 1), _direction(stored, "In every earlier one", -1)]
    own = [form for form in stored.formats for saver, loader, _ in _bad(stored, form) if saver == loader]
    parts += [f"Not even where they were saved: {', '.join(dict.fromkeys(map(_label, own)))}."] if own else []
    return " ".join(parts)


def numbers_sentence(stored: StoredCompatibility) -> str:
    """Within which environments models of the same weights answer bit for bit alike, and by how much others differ."""
    groups = _alike(stored)
    known = [one for each in stored.found.environments for one in each.answers]
    if not known:
        return ""
    changed = sum(one.changed_predictions or 0 for one in known)
    most = max((one.max_abs_diff or 0.0 for one in known), default=0.0)
    if len(groups) == 1:
        return "Numbers: the same weights answer bit for bit alike everywhere."
    told = ", ".join(ranges(roles, stored.roles) for roles in groups.values())
    other = f"{format_counted(changed, 'prediction')} changed" if changed else "no prediction changes"
    return (
        f"Numbers: the same weights answer bit for bit alike within each of {told}; between these they differ by "
        f"{format_difference(most)} at most, and {other}."
    )


def trainings_sentence(stored: StoredCompatibility) -> str:
    """Whether a training from one seed repeats."""
    known = [(each.role, one) for each in stored.found.environments for one in each.trainings if one.runs]
    if not known:
        return ""
    other = [role for role, one in known if len({*one.runs}) > 1]
    told = f"not in {ranges(other, stored.roles)}" if other else "everywhere"
    return f"Trainings: one seed comes to the same weights, bit for bit, in a second process {told}."


def broken(stored: StoredCompatibility) -> list[Loading]:
    """What its own environment loads as it was saved, and a later one does not."""
    found, roles = [], stored.roles
    for each in stored.found.environments:
        own = {(one.saver, one.model, one.format): one for one in _own(stored)}
        for one in each.loaded:
            before = own.get((one.saver, one.model, one.format))
            later = roles.index(each.role) > roles.index(one.saver)
            if later and before and before.outcome not in {FAILS, OTHERWISE} and one.outcome in {FAILS, OTHERWISE}:
                found.append(one)
    return found


def ranges(roles: Iterable[str], order: Sequence[str]) -> str:
    """Environments as ranges: ``2.12-2.15, 2.21``."""
    places = sorted({order.index(role) for role in roles})
    starts = [place for place in places if place - 1 not in places]
    ends = [place for place in places if place + 1 not in places]
    told = [
        order[start] if start == end else f"{order[start]}–{order[end]}"
        for start, end in zip(starts, ends, strict=True)
    ]
    return ", ".join(told)


def _direction(stored: StoredCompatibility, told: str, sign: int) -> str:
    """Which formats load in all environments to one side of the one that saved them, and whose files do not."""
    order = stored.roles
    fine, lost = [], []
    for form in stored.formats:
        savers = {one for one, loader, _ in _bad(stored, form) if sign * (order.index(loader) - order.index(one)) > 0}
        if savers:
            lost.append(f"{_label(form)} of {ranges(savers, order)}")
        elif any(True for _ in loadings(stored, form)):
            fine.append(_label(form))
    return f"{told}: {', '.join(fine) or 'none'}{'; not always ' + ', '.join(lost) if lost else ''}."


def _bad(stored: StoredCompatibility, form: str) -> list[tuple[str, str, Loading]]:
    """What does not load, or answers otherwise."""
    return [each for each in loadings(stored, form) if each[2].outcome in {FAILS, OTHERWISE}]


def _label(form: str) -> str:
    return LABELS.get(form, form)


def loadings(stored: StoredCompatibility, form: str) -> Iterable[tuple[str, str, Loading]]:
    """Saver, loader and what became of a format's files, the worst of all models."""
    for saver in stored.roles:
        for loader in stored.roles:
            if one := stored.worst.get((saver, loader, form)):
                yield saver, loader, one


def _own(stored: StoredCompatibility) -> list[Loading]:
    """What environments loaded of their own."""
    return [one for each in stored.found.environments for one in each.loaded if one.saver == each.role]


def _alike(stored: StoredCompatibility) -> dict[tuple[str, ...], list[str]]:
    """Digests of all models to the environments whose answers have them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for each in stored.found.environments:
        if each.answers:
            found.setdefault(tuple(one.digest for one in each.answers), []).append(each.role)
    return found
