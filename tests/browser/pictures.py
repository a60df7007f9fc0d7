"""`make pictures`: the pictures of the README, taken of the demo, to docs/images/."""

from playwright.sync_api import expect

from tests.browser.conftest import ROOT

FOLDER = ROOT / "docs" / "images"
LARGEST = 300_000  # bytes, so that the README opens at once


def keep(page, name):
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    path = FOLDER / name
    page.screenshot(path=path)
    assert path.stat().st_size < LARGEST


def test_the_pictures_of_the_readme(open_page):
    page = open_page("anna")
    page.goto("/leads/")
    page.locator("tbody tr").nth(2).locator("input").check()
    page.locator("tbody tr").nth(4).locator("input").check()
    expect(page.locator("[data-action-bar]")).to_be_visible()
    page.mouse.move(0, 0)
    keep(page, "leads.png")
