"""The pictures of the page and of a duel in the READMEs: the duel is the newest published one, figure by figure."""

from __future__ import annotations

import html
import re

from bench.records.record import RunReader
from bench.records.run_file import PUBLISHED
from bench.report.pages.duels import in_order
from bench.report.pages.trials import ratio_text
from bench.report.registry import read_shown
from tests.pictures import FOLDER


def test_the_duel_in_the_picture_is_the_newest_published_one() -> None:
    newest = in_order(read_shown(PUBLISHED, RunReader()).kinds["trials"])[0]
    svg = (FOLDER / "duel.svg").read_text(encoding="utf-8")
    shown = html.unescape(re.sub(r"<[^>]*>", " ", svg)).replace("\xa0", " ")
    assert newest.run.command in shown
    for row in newest.rows:
        assert ratio_text(row).split(" ")[0] in shown
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg), "it asks for nothing from elsewhere"


def test_the_page_is_shown_in_both_themes() -> None:
    for scheme in ("light", "dark"):
        assert (FOLDER / f"page-{scheme}.png").read_bytes().startswith(b"\x89PNG")
