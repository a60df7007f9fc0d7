"""`make screenshots`: every page and what opens on it, in both languages, light and dark, wide and phone, to build/screenshots/."""

import itertools

import pytest

from tests.browser.conftest import ROOT
from tests.browser.pages import every_dialog, every_page

FOLDER = ROOT / "build" / "screenshots"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["de", "en"])
def test_screenshots(open_page, language, size, dark):
    width, height = SIZES[size]
    how = {"language": language, "dark": dark, "width": width, "height": height}
    for name, page in itertools.chain(every_page(open_page, **how), every_dialog(open_page, **how)):
        keep(page, f"{name}-{language}-{size}-{'dark' if dark else 'light'}.png")


def keep(page, name):
    page.wait_for_load_state("networkidle")
    path = FOLDER / name
    page.screenshot(path=path)
    assert path.stat().st_size > 5_000
