"""`make screenshots`: every main page, in both languages, light and dark, wide and phone, to build/screenshots/."""

import pytest

from tests.browser.conftest import ROOT
from tests.browser.pages import ADMIN_PAGES, PAGES

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
            page.goto(url)
            page.wait_for_load_state("networkidle")
            path = FOLDER / f"{name}-{language}-{size}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=path)
            assert path.stat().st_size > 5_000
