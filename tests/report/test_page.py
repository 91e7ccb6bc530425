"""The page in a browser: it opens from disk without an error and answers typing, clicks and keys.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from amlm.report import packing
from amlm.report.html_page import html_page
from amlm.report.report_data import ReportData, read_report
from amlm.report.report_tables import tables_of
from amlm.store.token_store import TokenStore
from tests.report.made_up_runs import make_up_run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, small_store: TokenStore) -> ReportData:
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        make_up_run(folder / f"hard-{seed}", small_store, seed=seed)
    make_up_run(folder / "mlm", small_store, group="mlm", effect=-2)
    return read_report([str(folder)])


@pytest.fixture(scope="module")
def path(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_page(data, tables_of(data), {"Figures": []}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(browser: Browser, path: Path, width: int = 1200, scheme: str = "light") -> Page:
    """The page, ready; an error in it fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        offline=True,
    )
    page = context.new_page()
    page.on("console", lambda m: pytest.fail(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: pytest.fail(f"error on the page: {error}"))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    return page


@pytest.fixture(scope="module")
def page(browser: Browser, path: Path) -> Page:
    page = opened(browser, path)
    page.wait_for_selector("#explorer .chart canvas")
    return page


def chips(page: Page) -> list[str]:
    return [text.removesuffix(" ×") for text in page.locator("#explorer .chip").all_inner_texts()]


def test_every_section_has_content(page: Page) -> None:
    for section in ("learning_curves", "ranks", "speech", "distribution", "explorer", "speed"):
        assert page.locator(f"#{section} canvas").count() > 0, section
    for section in ("runs", "extremes", "scores"):
        assert page.locator(f"#{section} tbody tr").count() > 1, section
    assert "mlm has one seed" in page.locator("#notes").inner_text()
    assert page.locator("#speed canvas").count() == 2  # tokens per second, memory
    # Far below the others: without a bar, and outside theirs.
    control = page.locator("#scores tr", has_text="untrained").first
    assert control.locator(".track").count() == 0
    assert page.locator("#scores .track").count() > 4


def test_the_explorer_answers_typing_clicks_and_keys(page: Page, data: ReportData) -> None:
    vocabulary = data.groups[0].vocabulary
    assert vocabulary is not None and vocabulary.counts_V is not None
    named = [v for v, surface in enumerate(vocabulary.surfaces) if surface is not None]
    frequent = max(named, key=lambda v: vocabulary.counts_V[v])  # type: ignore[index]
    form = str(vocabulary.surfaces[frequent])
    before = chips(page)
    word = page.get_by_role("combobox", name="token")
    word.fill("no such token")
    word.press("Enter")
    hint = page.locator("#explorer .hint")
    expect(hint).to_contain_text("No token begins with “no such token”")
    assert chips(page) == before
    page.locator("#explorer .chip").first.click()
    expect(page.locator("#explorer .chip")).to_have_count(len(before) - 1)
    assert chips(page) == before[1:]
    word.fill(before[0].removeprefix("▁")[:2])
    expect(page.locator("#suggestions option").first).to_be_attached()
    word.fill(form)
    word.press("Enter")
    expect(hint).to_contain_text(f"Added {form}, frequency rank 1 of {len(named)}")
    chart = page.locator("#explorer .chart")
    expect(chart).to_contain_text(form)
    assert chips(page)[-1] == form
    page.locator("#explorer select").select_option(label="all groups, last token")
    expect(chart).to_contain_text("mlm")
    page.locator("#explorer select").select_option(label="hard_decay")


def test_the_explorer_shows_the_table(page: Page, data: ReportData) -> None:
    group = data.groups[0]
    assert group.vocabulary is not None
    relative_TV = group.mean_tables(range(4)) / np.array(group.ratios)[:, None]
    step = page.evaluate("data.groups[0].table.step")
    assert step < 0.03
    for v in (300, 450, 600):
        found = page.evaluate(
            "async (form) =>"
            " history(data.groups[0], (await formsOf(data.groups[0])).indexOf(form))",
            group.vocabulary.surfaces[v],
        )
        assert found == pytest.approx(relative_TV[:, v].tolist(), rel=0.51 * step)


def test_the_sentence_viewer_answers_keys_clicks_and_choice(page: Page) -> None:
    tokens = page.locator("#sentences .token")
    slider = page.locator("#sentences input[type=range]")
    shown = page.locator("#sentences output")
    assert shown.inner_text() == "step 800"
    last = tokens.all_inner_texts()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert shown.inner_text() == "step 600"
    assert tokens.all_inner_texts() != last
    page.keyboard.press("ArrowRight")
    assert tokens.all_inner_texts() == last
    color = "element => getComputedStyle(element).backgroundColor"
    assert tokens.first.evaluate(color) != tokens.nth(1).evaluate(color)  # [CLS] is never masked
    shown.evaluate(
        "output => { window.seen = []; new MutationObserver(() => seen.push(output.textContent))"
        ".observe(output, {childList: true}); }"
    )
    page.get_by_role("button", name="play").click()
    page.wait_for_function("seen.at(-1) === 'step 800'")
    assert page.evaluate("seen") == ["step 200", "step 400", "step 600", "step 800"]
    expect(page.get_by_role("button", name="play")).to_be_visible()  # no longer "stop"
    page.get_by_label("sentence", exact=True).select_option(index=2)
    assert tokens.all_inner_texts() != last


def test_extreme_types_follow_the_slider(page: Page) -> None:
    before = page.locator("#extremes .pair").inner_text()
    page.locator("#extremes input[type=range]").focus()
    page.keyboard.press("Home")
    assert page.locator("#extremes output").inner_text() == "step 200"
    assert page.locator("#extremes .pair").inner_text() != before


def test_twenty_groups_with_41_updates_fit_and_each_can_be_chosen(
    browser: Browser, small_store: TokenStore, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"steps": 8_325, "update_every": 200, "log_every": 200}
    for n in range(20):
        make_up_run(tmp_path / f"run{n}", small_store, group=f"group{n:02}", **options)
    found = read_report([str(tmp_path)])
    path = tmp_path / "report.html"
    path.write_text(html_page(found, tables_of(found), {}), encoding="utf-8")
    # A vocabulary of 40,000 types is packed within the budget; the rest does not grow with it.
    assert path.stat().st_size < 10_000_000 - packing.BUDGET
    page = opened(browser, path)
    assert page.evaluate("data.groups.map((group) => group.table.steps.length)") == 20 * [41]
    page.locator("#explorer select").select_option(label="group19")
    expect(page.locator("#explorer .chart")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1200, "dark")])
def test_a_phone_and_a_dark_screen(browser: Browser, path: Path, width: int, scheme: str) -> None:
    page = opened(browser, path, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if scheme == "dark" else "rgb(255, 255, 255)")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("palette(0)") == "#0072b2"
    page.context.close()


def test_runs_without_an_update_have_a_page_that_says_so(
    browser: Browser, small_store: TokenStore, tmp_path: Path
) -> None:
    make_up_run(tmp_path / "run", small_store, steps=100, finished=False)
    found = read_report([str(tmp_path)])
    path = tmp_path / "report.html"
    path.write_text(html_page(found, tables_of(found), {}), encoding="utf-8")
    page = opened(browser, path)
    assert "No update of the masking table yet." in page.locator("#explorer").inner_text()
    assert page.locator("#learning_curves canvas").count() > 0
    page.context.close()
