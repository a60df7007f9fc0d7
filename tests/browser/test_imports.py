"""An import that takes a while, in the browser: it is watched, and cancelled by keys alone (U1, U2)."""

import re

from playwright.sync_api import expect


def test_the_page_of_a_long_import_keeps_up_and_is_cancelled_by_keys(open_page, tmp_path):
    page = open_page("anna")
    path = tmp_path / "many.csv"
    path.write_text("Last Name,Email\n" + "".join(f"N{number},n{number}@example.com\n" for number in range(60_000)))
    page.goto("/imports/new/")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Upload and match columns").click()
    # It is read in the background; the head learns with the matching how many rows it has.
    check = page.get_by_role("button", name="Check the file")
    expect(check).to_be_visible(timeout=60_000)
    expect(page.locator(".page-head .facts")).to_have_text(re.compile("60,000 rows"))
    check.click()
    cancel = page.get_by_role("main").get_by_role("button", name="Cancel")
    cancel.focus()
    # All around it is replaced every second.
    page.evaluate("document.getElementById('import').dataset.seen = 'yes'")
    expect(page.locator("#import[data-seen]")).to_have_count(0)
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("It was cancelled; nothing was imported.")).to_be_visible(timeout=30_000)
