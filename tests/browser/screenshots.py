"""`make screenshots`: every page and what opens on it, in both languages, light and dark, wide and phone, to build/screenshots/."""

import pytest

from tests.browser.conftest import ROOT
from tests.browser.pages import ADMIN_PAGES, OPENED, PAGES, open_on, visit

FOLDER = ROOT / "build" / "screenshots"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["de", "en"])
def test_screenshots(open_page, language, size, dark):
    width, height = SIZES[size]
    shots = [(None, {"login": "/accounts/login/"}), ("anna", PAGES), ("admin", ADMIN_PAGES)]
    for user, pages in shots:
        page = open_page(user, language=language, dark=dark, width=width, height=height)
        for name, url in pages.items():
            visit(page, url)
            keep(page, f"{name}-{language}-{size}-{'dark' if dark else 'light'}.png")
    page = open_page("anna", language=language, dark=dark, width=width, height=height)
    for name in OPENED:
        open_on(page, name)
        keep(page, f"{name}-{language}-{size}-{'dark' if dark else 'light'}.png")


def keep(page, name):
    page.wait_for_load_state("networkidle")
    path = FOLDER / name
    page.screenshot(path=path)
    assert path.stat().st_size > 5_000
