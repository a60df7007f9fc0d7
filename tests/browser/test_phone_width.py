"""No page scrolls sideways on a phone. A file of its own: files go to one browser or another, and to visit every page takes a while."""

from tests.browser.pages import every_state


def test_no_page_scrolls_sideways_on_a_phone(open_page):
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    states = every_state(open_page, language="de", width=390, height=844, touch=True)
    wide = [f"{name}: {over} px" for name, page in states if (over := page.evaluate(beyond)) > 0]
    assert not wide
