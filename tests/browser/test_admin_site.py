"""The admin site as an administrator works with it: dragging, keys, undo, a phone (R11, U1, U2)."""

import pytest
from playwright.sync_api import expect

STATUSES = "/admin/leads/leadstatus/"


def names(page):
    return page.locator("tbody a.name").all_inner_texts()


def saved(page, act):
    """Do something that saves the order and wait for the answer."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        act()


def drag(page, row, onto):
    start = page.locator(".grip").nth(row).bounding_box()
    end = page.locator(".grip").nth(onto).bounding_box()
    page.mouse.move(start["x"] + 10, start["y"] + 15)
    page.mouse.down()
    page.mouse.move(start["x"] + 10, start["y"] + 35, steps=4)
    for below in (10, 26, 34, 38):  # rows make way as one passes them
        page.mouse.move(end["x"] + 10, end["y"] + below, steps=6)
        page.wait_for_timeout(60)
    page.mouse.up()


@pytest.mark.both_databases
def test_items_are_dragged_to_another_place_and_undone_from_the_message(open_page):
    page = open_page("admin")
    page.goto(STATUSES)
    before = names(page)
    saved(page, lambda: drag(page, 0, 2))
    after = [before[1], before[2], before[0], *before[3:]]
    assert names(page) == after
    saved(page, page.get_by_role("button", name="Undo").click)
    page.wait_for_function("name => document.querySelector('tbody a.name').innerText === name", arg=before[0])
    page.reload()
    assert names(page) == before


@pytest.mark.parametrize("list_", ["leads/category/", "leads/leadstatus/", "crm/user/", "crm/role/"])
def test_what_is_done_with_a_row_is_in_sight_at_1280_px(list_, open_page):
    page = open_page("admin", language="de", width=1280)
    page.goto(f"/admin/{list_}")
    assert page.locator(".list-scroll").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_items_are_moved_by_keys_alone_and_the_focus_stays(open_page):
    page = open_page("admin")
    page.goto(STATUSES)
    before = names(page)
    page.get_by_role("button", name=f"Move {before[1]} down").focus()
    saved(page, lambda: page.keyboard.press("Enter"))
    assert names(page)[1:3] == [before[2], before[1]]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Move {before[1]} down"
    page.keyboard.press("Shift+Tab")
    saved(page, lambda: page.keyboard.press("Enter"))
    assert names(page) == before


def test_a_colour_is_chosen_by_keys_and_a_deleted_item_is_restored(open_page):
    page = open_page("admin", dark=True)
    page.goto("/admin/leads/source/add/")
    page.get_by_label("Name (English)").fill("Trade press")
    page.locator(".swatch input:checked").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**/source/")
    assert "Trade press was created." in page.locator("#toasts").inner_text()
    assert "c-indigo" in page.get_by_role("link", name="Trade press").get_attribute("class")
    page.get_by_label("Actions for Trade press").click()
    page.get_by_role("link", name="Delete …").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/source/")
    page.get_by_role("link", name="Deleted").click()
    page.get_by_label("Actions for Trade press").click()
    page.get_by_role("button", name="Restore").click()
    page.wait_for_url("**/source/")
    page.get_by_role("link", name="Trade press").wait_for()


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/leads/category/", "/admin/leads/category/1/change/", "/admin/crm/user/", "/admin/crm/role/"]
)
def test_no_page_of_the_admin_site_is_wider_than_a_phone(path, open_page):
    page = open_page("admin", language="de", width=390, height=844, touch=True)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_bar_of_a_phone_has_room_for_all_and_leads_to_the_admin_site(open_page):
    page = open_page("admin", language="de", width=390, height=844, touch=True)
    page.goto("/leads/")
    bar = page.locator(".side nav.main a:visible, .side > .more > summary")
    expect(bar).to_have_count(6)
    for box in (one.bounding_box() for one in bar.all()):
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["width"] >= 44 and box["height"] >= 44, box
    bar.last.tap()
    page.locator(".side > .more").get_by_role("link", name="Verwaltung").tap()
    page.wait_for_url("**/admin/")
    expect(bar.last).to_have_class("on")
