"""`tox -e pictures`: what stands in the READMEs as a picture of the page, and of a duel on a terminal, made anew.

Both show the published runs. The page is photographed in a Chromium; the terminal is drawn by Rich, from the newest
published duel of most cases, as it looks when the duel ends.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.commands.live import make_table
from bench.formats import format_counted, format_duration
from bench.records.record import RunReader
from bench.records.run_file import PUBLISHED
from bench.report.html.page import write_report
from bench.report.html.stored import make_stored
from bench.report.markdown import plain
from bench.report.pages.duels import in_order
from bench.report.pages.trials import answer
from bench.report.registry import read_shown

if TYPE_CHECKING:
    from bench.records.trials import StoredTrial

FOLDER = PUBLISHED / "pictures" / "screens"
SIZE = {"width": 1280, "height": 830}
COLUMNS = 104
"""Of the terminal."""


def draw_duel(trial: StoredTrial) -> str:
    """A duel on a terminal as SVG: its command, its table, its answer."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    settled = sum(row.effect.settled for row in trial.rows)
    rounds = max(row.effect.rounds for row in trial.rows)
    title = f"{format_counted(rounds, 'round')} in {format_duration(trial.options.elapsed_s)}, "
    title += f"{settled} of {len(trial.rows)} findings settled"
    console.print(f"$ {trial.run.command}\n", markup=False, highlight=False)
    console.print(make_table(trial.rows, title, most=len(trial.rows)))
    console.print(f"\n{plain(answer(trial))}", markup=False, highlight=False)
    svg = console.export_svg(title="a duel", unique_id="duel")
    return re.sub(r"@font-face\s*\{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL)  # they name hosts


def main() -> None:
    """Write all pictures."""
    from playwright.sync_api import sync_playwright

    from tests.report.test_browser import CHROMIUM

    FOLDER.mkdir(parents=True, exist_ok=True)
    shown = read_shown(PUBLISHED, RunReader())
    (FOLDER / "duel.svg").write_text(draw_duel(in_order(shown.kinds["trials"])[0]), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = write_report(make_stored(shown), Path(folder))[0]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_context(viewport=SIZE, color_scheme=scheme).new_page()
            page.goto(page_file.as_uri())
            page.locator("#sure .plot .trace").first.wait_for()
            page.wait_for_timeout(1000)
            page.screenshot(path=FOLDER / f"page-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
