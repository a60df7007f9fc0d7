"""What must hold on every page (test_every_page) holds of everything that opens on one; in a file of its own, for the other browser."""

from tests.browser.pages import every_dialog
from tests.browser.test_every_page import problems_of


def test_every_dialog_is_accessible_translated_and_fits_a_phone(open_page):
    assert not (problems := problems_of(every_dialog(open_page, language="de"), opened=True)), problems
