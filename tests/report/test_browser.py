"""The HTML report in a real Chromium without a window; `tox -e browser` brings Playwright along.

Elsewhere these tests are skipped where Playwright or Chromium is missing; in that environment their lack is a failure.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import RunReader
from bench.report.html.page import write_report
from bench.report.html.stored import make_stored
from bench.report.registry import read_shown
from tests.fake_runs import infer_row, run_content, train_row

ROOT = Path(__file__).parents[2]
REQUIRED = os.environ.get("DENSEBENCH_BROWSER") == "1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, NARROW = 1200, 390
MARKS = ".scatterlayer .trace, .barlayer .point, .heatmaplayer image"

if not REQUIRED:
    pytest.importorskip("playwright")
    if not CHROMIUM:
        pytest.skip("no Chromium is installed", allow_module_level=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the published runs."""
    folder = tmp_path_factory.mktemp("report")
    return write_report(make_stored(read_shown(ROOT / "results", RunReader()), page=folder), folder)[0]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # it may be missing

    assert CHROMIUM, "no Chromium is installed; on Debian and Ubuntu: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page that is open, with whatever went wrong on it and whatever it asked the network for."""

    def __init__(
        self, chromium: Any, path: Path, fragment: str = "", *, width: int = WIDE, scheme: str = "light"
    ) -> None:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type != "log" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self.refuse)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = path.as_uri()
        self.page.goto(f"{self.url}{fragment}")

    def refuse(self, dialog: Any) -> None:
        """Note a dialog, which nothing on the page may open, and close it."""
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def see_all(self) -> None:
        """Scroll every figure into view, so that it is drawn."""
        for figure in self.page.locator("figure").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".body > *").first.wait_for(timeout=10_000)
        self.page.wait_for_timeout(300)

    def column(self, panel: str, place: int) -> list[str]:
        """The texts of a column of a panel's table."""
        found: list[str] = self.page.locator(f"#{panel} tbody tr td:nth-child({place + 1})").all_inner_texts()
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_it_is_drawn_whole_without_an_error_or_a_request(chromium: Any, report: Path, width: int, scheme: str) -> None:
    visit = Visit(chromium, report, width=width, scheme=scheme)
    visit.see_all()
    assert visit.errors == []
    assert [url for url in visit.requests if not url.startswith(("data:", "blob:"))] == [visit.url]
    assert visit.overflow() <= 0
    plots = visit.page.locator("figure .plot")
    assert plots.count() > 10
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        assert plot.locator(MARKS).count() > 0, plot.get_attribute("aria-label")
        assert plot.get_attribute("aria-label")


def test_dark_is_light_on_dark(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, scheme="dark")
    ground, ink = (
        visit.page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color")
    )
    assert _brightness(ground) < 60
    assert _brightness(ink) > 200
    visit.page.click("#theme")
    assert _brightness(visit.page.evaluate("getComputedStyle(document.body).backgroundColor")) > 200


def _brightness(colour: str) -> float:
    parts = [float(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3]]
    return sum(parts) / len(parts)


def test_a_click_on_a_header_sorts_and_a_second_one_turns_it_round(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    header = visit.page.locator("#headline th").nth(4)
    header.locator("button").click()
    rising = visit.column("headline", 4)
    assert header.get_attribute("aria-sort") == "ascending"
    visit.page.keyboard.press("Enter")
    falling = visit.column("headline", 4)
    assert visit.page.locator("#headline th").nth(4).get_attribute("aria-sort") == "descending"
    assert _micros(rising) == sorted(_micros(rising)) == _micros(falling)[::-1]
    numbers = len(_micros(rising))
    assert set(rising[numbers:]) == set(falling[numbers:]) <= {"INVALID"}, "what has no number stands last either way"


def _micros(texts: list[str]) -> list[float]:
    units = {"ns": 1e-3, "µs": 1.0, "ms": 1e3, "s": 1e6}
    found = [text.lstrip("≈~ ").split() for text in texts if text != "INVALID"]
    return [float(number) * units[unit] for number, unit, *_ in found]


def test_a_filter_holds_everywhere_and_in_the_address(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    everything = len(visit.column("headline", 0))
    visit.page.select_option("select[data-facet=model]", "deep_mlp")
    assert set(visit.column("headline", 0)) == {"deep_mlp"}
    assert len(visit.column("headline", 0)) < everything
    assert "model=deep_mlp" in visit.page.url
    again = Visit(chromium, report, visit.page.url.removeprefix(visit.url))
    assert set(again.column("headline", 0)) == {"deep_mlp"}
    again.page.locator("#latency").scroll_into_view_if_needed()
    again.page.locator("#latency .plot .point").first.wait_for()
    names = again.page.evaluate("document.querySelector('#latency .plot').data.map((trace) => trace.name)")
    assert set(names) == {"deep_mlp", "not beaten on both"}
    again.page.click("#reset")
    assert len(again.column("headline", 0)) == everything


def test_a_permalink_leads_to_the_figure_with_its_choices(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, "#panel=confusion&pick.confusion=t4_mnist_64_32&sort.headline=1d")
    visit.page.locator("#confusion .plot").wait_for()
    assert visit.page.locator("#confusion select").input_value() == "t4_mnist_64_32"
    assert visit.page.evaluate("document.querySelector('#confusion').getBoundingClientRect().top") < 500
    accuracies = [float(text[:6]) for text in visit.column("headline", 1)]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "pick.confusion=t4_mnist_64_32" in visit.page.locator("#scores .link").get_attribute("href")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_first_screen_has_three_answers_and_any_upgrade_can_be_chosen(
    chromium: Any, report: Path, width: int
) -> None:
    visit = Visit(chromium, report, width=width)
    told = {key: visit.page.locator(f"#says-{key} strong").first.inner_text() for key in ("ship", "upgrade", "sure")}
    assert " in " in told["ship"]
    assert "tensorflow-cpu==" in told["upgrade"]
    assert "false alarm" in told["sure"]
    if width == WIDE:
        ends = [visit.page.locator(f"#says-{key}").bounding_box() for key in told]
        assert max(box["y"] + box["height"] for box in ends) < 900, "all three are seen at once"
    visit.page.click("#ship .tabs button:has-text('In bulk')")
    assert "images/s" in visit.page.locator("#says-ship").inner_text()
    visit.page.locator("#upgrade select").first.select_option("2.17")
    visit.page.locator("#upgrade select").nth(1).select_option("2.18")
    assert "2.18.1 is slower than tensorflow-cpu==2.17.1" in visit.page.locator("#says-upgrade").inner_text()
    assert "pick.upgrade=2.17&pick.upgrade=2.18" in visit.page.url
    assert "2.12" not in visit.page.locator("#upgrade select").nth(1).inner_text(), "an upgrade goes to something newer"
    again = Visit(chromium, report, visit.page.url.removeprefix(visit.url), width=width)
    assert again.page.locator("#says-upgrade").inner_text() == visit.page.locator("#says-upgrade").inner_text()
    assert visit.overflow() <= 0
    assert visit.errors == []


def test_what_is_the_same_is_folded_away(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, "#pick.upgrade=2.17&pick.upgrade=2.18")
    shown = visit.page.locator("#upgrade tbody tr").count()
    fold = visit.page.locator("#upgrade summary").first
    label, number = fold.inner_text().split(": ")
    assert label in {"The same", "Cannot tell yet"}
    fold.click()
    visit.page.locator("#upgrade details tbody tr").first.wait_for()
    assert visit.page.locator("#upgrade tbody tr").count() == shown + int(number)


def test_curves_are_switched_on_and_off_and_the_address_keeps_it(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, "#panel=runtimes")
    visit.page.locator("#runtimes .plot .trace").first.wait_for()
    names = "document.querySelector('#runtimes .plot').data.map((trace) => trace.name)"
    before = visit.page.evaluate(names)
    visit.page.click("#runtimes .choose summary")
    visit.page.locator("#runtimes input[data-choice='Keras call']").check()
    visit.page.locator("#runtimes .legendtext", has_text="Keras call").wait_for()
    assert set(visit.page.evaluate(names)) == {*before, "Keras call"}
    assert "show.runtimes=Keras+call" in visit.page.url
    visit.page.click("#reset")
    visit.page.locator("#runtimes .legendtext", has_text="Keras call").wait_for(state="detached")
    assert visit.page.evaluate(names) == before


def test_one_machines_newest_run_is_shown_until_all_is_asked_for(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    usual = len(visit.column("headline", 0))
    visit.page.select_option("select[data-facet=device]", "*")
    visit.page.select_option("select[data-facet=backend]", "*")
    assert len(visit.column("headline", 0)) > usual == len(set(visit.column("headline", 0)))


CONTRASTS = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const mixed = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const node of document.querySelectorAll("h1,h2,h3,p,a,strong,button,select,label,td,th,summary,figcaption")) {
    if (!node.textContent.trim() || !node.getClientRects().length || node.closest(".plot")) continue;
    const grounds = [];
    for (let up = node; up; up = up.parentElement) grounds.unshift(getComputedStyle(up).backgroundColor);
    const style = getComputedStyle(node);
    const [one, other] = [light(mixed(grounds)), light(mixed([...grounds, style.color]))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const what = `${node.tagName} ${node.className} ${node.textContent.slice(0, 30)}`;
    if (style.opacity === "1" && ratio < 4.5) found.push(`${what} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(chromium: Any, report: Path, scheme: str) -> None:
    visit = Visit(chromium, report, scheme=scheme)
    for summary in visit.page.locator("summary").all():
        summary.click()
    assert visit.page.evaluate(CONTRASTS) == []


def test_focus_goes_from_the_answers_down(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    places = []
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        places.append(visit.page.evaluate("document.activeElement.closest('figure')?.id || ''"))
    order = list(dict.fromkeys(place for place in places if place))
    assert order[:3] == ["ship", "upgrade", "sure"]


def test_every_number_of_the_answers_leads_to_a_run_file(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    for key in ("ship", "upgrade"):
        cells = visit.page.locator(f"#{key} tbody td:not(.text)")
        assert cells.count() > 0
        for cell in cells.all():
            href = cell.locator("a").get_attribute("href")
            assert (report.parent / href).resolve().exists()


def test_it_is_painted_at_once(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    paint_ms = visit.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint_ms < 2000, "0.5 s on a machine that does nothing else"
    assert report.stat().st_size < 4_000_000


def test_two_recipes_stand_beside_each_other(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, "#panel=curve-loss")
    visit.page.locator("#curve-loss .plot").first.wait_for()
    assert visit.page.locator("#curve-loss .plot").count() == 2
    visit.page.locator("#curve-loss select").nth(1).select_option("")
    assert visit.page.locator("#curve-loss .plot").count() == 1


def test_a_number_leads_to_its_run_file(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    href = visit.page.locator("#headline tbody tr td:nth-child(5) a").first.get_attribute("href")
    assert "cases_planned" in json.loads((report.parent / href).read_text(encoding="utf-8"))["densebench"]


def test_the_keyboard_reaches_the_figures_and_their_tables(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report)
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"
    visit.page.locator("#latency summary").focus()
    visit.page.keyboard.press("Enter")
    assert visit.column("latency", 0)


def test_answers_are_told_apart_without_colour(chromium: Any, report: Path) -> None:
    visit = Visit(chromium, report, "#panel=answers")
    cards = visit.page.locator("#answers .card")
    assert cards.count() == 17
    texts = cards.all_inner_texts()
    assert all(("✓" in text) != ("✗" in text) for text in texts)
    assert all(": answer " in label for label in [card.get_attribute("aria-label") for card in cards.all()])


def test_hostile_text_stays_text(chromium: Any, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)><script>alert(2)</script><a href='javascript:alert(3)'>x</a>"
    rows = [train_row(evil), infer_row(evil)]
    rows[0]["extra_info"]["histories"] = [{"loss": [2, 1], "val_loss": [1, 2]}] * 3
    path = tmp_path / "raw" / "machine" / "run.json"
    path.parent.mkdir(parents=True)
    metadata = {"commit": evil, "machine": {"name": evil, "cpu": evil, "cpus": 2}, "device": evil}
    path.write_text(json.dumps(run_content(rows, **metadata)), encoding="utf-8")
    visit = Visit(
        chromium,
        write_report(make_stored(read_shown(tmp_path, RunReader()), page=tmp_path / "report"), tmp_path / "report")[0],
    )
    visit.see_all()
    assert visit.errors == []
    assert evil in visit.column("headline", 0)[0]
    assert visit.page.locator("main img, main a[href^=javascript]").count() == 0
    assert visit.overflow() <= 0
