"""The table that a trial shows on a terminal: what is measured turns into verdicts, the intervals closing in.

It is drawn anew once a round is over, when nothing is timed, and by no thread of its own.
"""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING, TextIO

from bench.formats import format_counted, format_duration
from bench.records.trials import CONTROL
from bench.report.pages.trials import BETTER, LABELS, WORSE, counts, ratio_text
from bench.stats.simultaneous import CANNOT_TELL, SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from bench.records.trials import Row

MEASURING = "measuring"
STYLES = {**dict.fromkeys(WORSE, "bold red"), **dict.fromkeys(BETTER, "bold green"), SAME: "dim"}
MARGIN = 8
"""Lines of the terminal that are left to its title and to what stands above."""


class LiveTable:
    """Draws what is known so far over what it drew before; at the end it leaves nothing behind.

    Args:
        stream: a terminal, or else nothing is drawn.
        height: its lines; asked of it where not given.
    """

    def __init__(self, stream: TextIO, *, height: int | None = None) -> None:
        self._height = height or shutil.get_terminal_size().lines
        self._live = None
        if stream.isatty() and importlib.util.find_spec("rich"):
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=stream), auto_refresh=False, transient=True)

    def __bool__(self) -> bool:
        """Whether it draws."""
        return self._live is not None

    def close(self) -> None:
        """Erase what is drawn."""
        if self._live is not None and self._live.is_started:
            self._live.stop()

    def show(self, rows: Sequence[Row], rounds: int, left_s: float) -> None:
        """Draw the findings after so many rounds, with the seconds that are left of the budget."""
        if self._live is None:
            return
        if not self._live.is_started:
            self._live.start()
        settled = sum(row.effect.settled for row in rows)
        title = f"{format_counted(rounds, 'round')}, {settled} of {len(rows)} findings settled, "
        title += f"at most {format_duration(max(left_s, 0.0))} left"
        self._live.update(make_table(rows, title, most=self._height - MARGIN), refresh=True)


def make_table(rows: Sequence[Row], title: str, *, most: int) -> Table:
    """A line per finding, or per environment where these would be more than `most`."""
    from rich.table import Table

    if len(rows) > most:
        return _by_environment(rows, title)
    several = len({row.environment for row in rows}) > 1
    table = Table(*(["Environment"] if several else []), "Case", "Finding", "Ratio", "Verdict", title=title)
    for row in rows:
        word = row.word if row.effect.low is not None else MEASURING
        cells = [row.case, LABELS[row.finding], ratio_text(row), word]
        table.add_row(*([row.environment] if several else []), *map(_plain, cells), style=STYLES.get(row.word))
    return table


def _by_environment(rows: Sequence[Row], title: str) -> Table:
    from rich.table import Table

    table = Table("Environment", "against", "worse", "better", "the same", "open", title=title)
    for pair in dict.fromkeys((row.against, row.environment) for row in rows):
        number = counts(row for row in rows if (row.against, row.environment) == pair)
        cells = [str(number[word]) for word in ("worse", "better", SAME, CANNOT_TELL)]
        alarm = number["worse"] and pair[1] != CONTROL
        table.add_row(pair[1], pair[0], *cells, style="bold red" if alarm else None)
    return table


def _plain(text: str) -> str:
    """Text whose brackets are no markup."""
    return text.replace("[", "\\[")
