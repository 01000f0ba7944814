"""The part of a run file on where the time of a step or call goes: profiles of both sides, in rounds of their own, and
scripts that show a change without densebench.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.records.schema.numbers import Elapsed, Name, Part, Size, Text


class Profile(Part, frozen=True, kw_only=True):
    """Where the time of a case goes in one environment.

    Attributes:
        environment: its role.
        rounds: their numbers.
        parts_s: per round, part to seconds per step or call: ``compiled code``, ``Python of keras`` and so on.
        counts: kind of instruction to how many the compiled program has; empty for what is none.
        stacks_s: stack, from its root and with semicolons between, to seconds per step or call, the mean over rounds.
    """

    case: Name
    environment: Name
    rounds: tuple[Size, ...] = ()
    parts_s: tuple[Mapping[Name, Elapsed], ...] = ()
    stacks_s: Mapping[Text, Elapsed] = {}
    counts: Mapping[Name, Size] = {}


class Script(Part, frozen=True, kw_only=True):
    """A script that times a case without densebench, and what it told.

    Attributes:
        text: the script.
        told_ms: role to the milliseconds that it printed, run after run, both environments in turn.
    """

    case: Name
    text: Text
    told_ms: Mapping[Name, tuple[Elapsed, ...]] = {}
