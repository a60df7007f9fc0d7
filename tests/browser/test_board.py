"""The board in real browsers: two who work on the same one, the keyboard alone, a thumb on a phone (B1–B7)."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import settle, violations

STATUSES = {"open": "1", "contacting": "2", "qualified": "3", "nurture": "4", "disqualified": "5"}
SOON = 3_000  # how long another's move may take to show (B6)


def cell(page, name):
    return page.locator(f"[data-cell][data-column='{STATUSES[name]}']")


def card(page, pk, name=None):
    return (cell(page, name) if name else page).locator(f".board-card[data-id='{pk}']")


def counted(page, name):
    return int(page.locator(f"[data-head='{STATUSES[name]}'] [data-count]").inner_text().replace(",", ""))


def open_board(page, query=""):
    """Open a board that shows all leads that may be seen, the newest first, and wait until it can be used."""
    page.goto(f"/board/?all=1&sort=-created_at{query}")
    settle(page)
    expect(page.locator(".board-card").first).to_be_visible()
    expect(page.locator("[data-board][data-ready]")).to_be_attached()


def drag(page, what, to, let_go=True):
    """Drag a card to the middle of a column, as a hand does."""
    what.scroll_into_view_if_needed()
    start, end = what.bounding_box(), to.bounding_box()
    page.mouse.move(start["x"] + 60, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 75, start["y"] + 24, steps=4)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 110, steps=12)
    if let_go:
        page.mouse.up()  # at once, as a quick hand does


def first_id(page, name, nth=0):
    return cell(page, name).locator(".board-card").nth(nth).get_attribute("data-id")


def undo(page, text):
    """Take back what a message tells."""
    line = page.locator(".toast-line", has_text=text).last
    with page.expect_response(lambda answer: "/undo" in answer.url):
        line.locator("button.link").click()


@pytest.fixture
def two(open_page):
    """Anna's browser and Mia's, on the same board."""
    pages = [open_page("anna"), open_page("mia")]
    for page in pages:
        open_board(page)
    return pages


def test_two_at_the_same_board(two):
    """A drags and B sees it within three seconds; both drag the same card and one wins; a customer's persons leave the board."""
    anna, mia = two
    pk = first_id(anna, "open")
    expect(card(mia, pk, "open")).to_be_attached()
    before = counted(anna, "open"), counted(anna, "qualified"), counted(mia, "qualified")
    with anna.expect_response(lambda answer: "/move/" in answer.url):
        drag(anna, card(anna, pk), cell(anna, "qualified"))
    expect(card(mia, pk, "qualified")).to_be_attached(timeout=SOON)
    expect(card(anna, pk, "qualified")).to_be_visible()
    assert (counted(anna, "open"), counted(anna, "qualified")) == (before[0] - 1, before[1] + 1)
    expect(mia.locator(f"[data-head='{STATUSES['qualified']}'] [data-count]")).to_have_text(f"{before[2] + 1:,}")

    # Both move the same card: Anna's browser has not heard yet of what Mia did.
    anna.route("**/live/**", lambda route: route.fulfill(status=204))
    name = card(anna, pk).locator(".name").inner_text()
    drag(mia, card(mia, pk), cell(mia, "contacting"))
    expect(mia.locator(".toast-line", has_text=f"{name}: Contacting")).to_be_visible()
    drag(anna, card(anna, pk), cell(anna, "open"))
    expect(anna.locator(".toast-line.error")).to_contain_text(f"Mia Sommer has moved {name} to Contacting in the meantime.")
    expect(card(anna, pk, "qualified")).to_be_attached()  # back where it was
    anna.unroute("**/live/**")
    expect(card(anna, pk, "contacting")).to_be_attached()  # and then where it is
    anna.locator(".toast-line.error .button").click()

    # The company becomes a customer elsewhere: its persons' cards leave the board.
    link = anna.request.get(f"/persons/{pk}/").text()
    company = re.search(r"/companies/(\d+)/", link)[1]
    persons = anna.request.get(f"/companies/{company}/persons/?lead_status_applies=1&group=").text()
    theirs = [one for one in re.findall(r'data-row data-id="(\d+)"', persons) if card(mia, one).count()]
    assert theirs
    version = mia.request.get(f"/companies/{company}/facts/category/").text()
    values = dict(re.findall(r'<input type="hidden" name="(version|was-category)" value="([^"]*)"', version))
    customer = re.search(r'<option value="(\d+)"[^>]*>\s*Customer\s*<', version)[1]
    token = mia.get_attribute("meta[name=csrf-token]", "content")
    answer = mia.request.post(
        f"/companies/{company}/facts/category/",
        form={**values, "category": customer},
        headers={"X-CSRFToken": token, "HX-Request": "true"},
    )
    assert answer.status == 204, answer.text()
    for one in theirs:
        expect(card(anna, one)).to_have_count(0)
        expect(card(mia, one)).to_have_count(0)
    taken_back = re.search(r'"undo_url": "([^"]+)"', answer.headers["hx-trigger"])[1]
    assert mia.request.post(taken_back, headers={"X-CSRFToken": token, "HX-Request": "true"}).status == 204
    expect(card(anna, pk, "contacting")).to_be_attached()
    drag(mia, card(mia, pk), cell(mia, "open"))
    expect(card(anna, pk, "open")).to_be_attached()


def test_b6_the_answer_to_one_move_is_not_taken_for_that_of_another(open_page):
    """A slow move is answered while another card's question is open: that stays open, and without an answer its card goes back."""
    page = open_page("anna")
    open_board(page, "&owner=me")
    slow, asked, third = (first_id(page, "open", nth) for nth in range(3))
    held = []

    def hold(route):
        mine = f"cards={slow}%3A" in (route.request.post_data or "") or f"cards={third}%3A" in (route.request.post_data or "")
        held.append(route) if mine else route.continue_()

    page.route("**/move/**", hold)
    drag(page, card(page, slow), cell(page, "qualified"))
    drag(page, card(page, third), cell(page, "disqualified"))
    drag(page, card(page, asked), cell(page, "disqualified"))
    panel = page.locator("#panel[open]")
    expect(panel).to_contain_text("Why?")
    assert len(held) == 2
    with page.expect_response(lambda answer: "/move/" in answer.url and answer.status == 204):
        held[0].continue_()
    expect(card(page, slow, "qualified")).not_to_have_class(re.compile("going"))
    expect(panel).to_contain_text("Why?")
    # A second question is not asked over the first: its card goes back.
    with page.expect_response(lambda answer: "/move/" in answer.url and answer.status == 202):
        held[1].continue_()
    expect(card(page, third, "open")).to_be_attached()
    expect(card(page, asked, "disqualified")).to_be_attached()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(card(page, asked, "open")).to_be_attached()
    expect(card(page, slow, "qualified")).to_be_attached()
    page.unroute("**/move/**")
    undo(page, ": Qualified")
    expect(card(page, slow, "open")).to_be_attached()


def test_a_day_at_the_board(open_page):
    """Disqualify with a reason, several cards at once, the menu, edit in the preview, quick add, fold, more, filter, rows, replay."""
    page = open_page("anna")
    open_board(page, "&owner=me")
    pk = first_id(page, "open")
    drag(page, card(page, pk), cell(page, "disqualified"))
    expect(page.locator("#panel[open]")).to_contain_text("Why?")
    expect(card(page, pk, "disqualified")).to_be_attached()  # at once, before it is answered
    page.keyboard.press("Escape")
    expect(card(page, pk, "open")).to_be_attached()  # without a reason it goes back
    drag(page, card(page, pk), cell(page, "disqualified"))
    page.locator("#panel button.primary").click()
    expect(page.locator("#panel [role=alert]")).to_contain_text("Choose why.")
    page.locator("#panel label", has_text="No budget").click()
    page.locator("#panel button.primary").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(card(page, pk, "disqualified")).to_be_visible()
    page.locator(".toast-line button.link").last.click()
    expect(card(page, pk, "open")).to_be_attached()

    # Several at once.
    ids = [first_id(page, "open", nth) for nth in (0, 1, 2)]
    for one in ids:
        card(page, one).hover()
        card(page, one).locator("input[name=ids]").check()
    expect(page.locator("[data-ticked-bar]")).to_contain_text("3 selected")
    drag(page, card(page, ids[1]), cell(page, "qualified"), let_go=False)
    expect(page.locator(".board-page.dragging")).to_be_attached()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".board-page.dragging, .in-hand, .board-card.going")).to_have_count(0)
    for one in ids:
        expect(card(page, one, "open")).to_be_attached()
    drag(page, card(page, ids[1]), cell(page, "qualified"))
    expect(page.locator(".toast-line", has_text="3 cards moved to Qualified")).to_be_visible()
    for one in ids:
        expect(card(page, one, "qualified")).to_be_attached()
    undo(page, "3 cards moved to Qualified")
    for one in ids:
        expect(card(page, one, "open")).to_be_attached()

    # The menu of a card, and its preview, edited in place.
    card(page, ids[0]).hover()
    card(page, ids[0]).locator("summary").click()
    page.locator("[data-move-to='2']").click()
    expect(card(page, ids[0], "contacting")).to_be_attached()
    undo(page, ": Contacting")
    expect(card(page, ids[0], "open")).to_be_attached()
    page.mouse.move(700, 20)
    card(page, ids[0]).hover(position={"x": 40, "y": 12})
    preview = page.locator("[data-preview-box]")
    expect(preview.locator("#fact-title")).to_be_visible()
    preview.locator("#fact-title .edit").click()
    preview.locator("input[name=title]").fill("Head of boards")
    preview.locator("input[name=title]").press("Enter")
    expect(preview.locator("#fact-title")).to_contain_text("Head of boards")
    page.keyboard.press("Escape")
    undo(page, "was changed")

    # A new card in a column.
    page.locator("[data-head='2'] .add").click()
    page.fill("#panel input[name=last_name]", "Quickly-Added")
    page.locator("#panel button.primary").click()
    expect(cell(page, "contacting").locator(".board-card", has_text="Quickly-Added")).to_be_visible()
    undo(page, "Quickly-Added was created")
    expect(page.locator(".board-card", has_text="Quickly-Added")).to_have_count(0)

    # More cards as one scrolls; a folded column stays folded.
    shown = cell(page, "open").locator(".board-card").count()
    cell(page, "open").evaluate("cell => cell.scrollTo(0, cell.scrollHeight)")
    expect(cell(page, "open").locator(".board-card").nth(shown)).to_be_attached()
    page.locator("[data-head='4']").hover()
    page.locator("[data-head='4'] [data-fold-column]").click()
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator("[data-head='4'].folded")).to_be_visible()
    page.locator("[data-head='4'] [data-fold-column]").click()
    expect(cell(page, "nurture").locator(".board-card").first).to_be_visible()

    # What a board shows: a wrong limit is told at its field, and all of it is forgotten by one button.
    page.get_by_role("link", name="View", exact=True).click()
    panel = page.locator("dialog#panel")
    panel.get_by_label("Limit of Open").fill("ten")
    panel.get_by_role("button", name="Apply").click()
    expect(panel).to_contain_text("A whole number, please.")
    panel.get_by_role("button", name="Reset to default").click()
    expect(panel).not_to_be_visible()

    # Words of a title, rows, and a day in the past are in the address.
    page.fill("#board-title", "petersen")
    expect(page).to_have_url(re.compile("title=petersen"))
    expect(page.locator(".board-card").first).to_contain_text("Petersen")
    expect(page.locator("#board-title")).to_be_focused()
    page.fill("#board-title", "")
    expect(page).not_to_have_url(re.compile("title="))
    page.locator(".toolbar summary", has_text="Rows").click()
    page.locator(".panel:popover-open").get_by_role("button", name="Source", exact=True).click()
    expect(page.locator(".board-row").first).to_be_visible()
    page.locator(".actions summary").click()
    # What one asks for comes even where the board is read anew at that moment.
    page.evaluate("""() => {
        window.lotse.board.go(document.querySelector("[data-board]").dataset.here, false);
        const day = document.querySelector("#board-day");
        day.value = "2026-11-01";
        day.dispatchEvent(new Event("change", { bubbles: true }));
    }""")
    expect(page.locator(".board-page.past")).to_be_visible()
    page.go_back()
    expect(page.locator(".board-page.past")).to_have_count(0)


def test_the_board_by_keyboard_alone(open_page):
    """From the navigation to a move and back, every step announced; axe-core finds nothing on the way."""
    page = open_page("anna")
    page.goto("/leads/")
    settle(page)
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url("**/board/")
    settle(page)
    expect(page.locator("[data-board][data-ready]")).to_be_attached()
    say = page.locator("[data-say]")
    first = cell(page, "open").locator(".board-card .name").first
    first.focus()
    page.keyboard.press("ArrowDown")
    name = cell(page, "open").locator(".board-card .name").nth(1).inner_text()
    pk = first_id(page, "open", 1)
    expect(card(page, pk).locator(".name")).to_be_focused()
    page.keyboard.press("Space")
    expect(say).to_contain_text(f"Picked up {name} in Open")
    assert not violations(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(say).to_have_text(f"{name}: Qualified")
    page.keyboard.press("Escape")
    expect(say).to_have_text(f"{name} is back in Open.")
    expect(card(page, pk, "open").locator(".name")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(card(page, pk, "contacting")).to_be_attached()
    expect(page.locator(".toast-line", has_text=f"{name}: Contacting")).to_be_visible()
    expect(card(page, pk).locator(".name")).to_be_focused()
    page.keyboard.press("u")
    expect(card(page, pk, "open")).to_be_attached()
    # The menu does all that dragging does.
    card(page, pk).locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".board-card .panel:popover-open .item").first).to_be_focused()
    assert not violations(page)
    page.keyboard.press("Escape")
    expect(card(page, pk).locator("summary")).to_be_focused()
    # Ticked by x, opened by Enter.
    card(page, pk).locator(".name").focus()
    page.keyboard.press("x")
    expect(page.locator("[data-ticked-bar]")).to_contain_text("1 selected")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/persons/{pk}/"))


def test_a_card_is_dragged_by_a_thumb(open_page):
    page = open_page("anna", width=390, height=844, touch=True)
    open_board(page, "&owner=me")
    pk = first_id(page, "open", 1)
    start = card(page, pk).bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind, x=None, y=None):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}] if x is not None else []})

    x, y = start["x"] + 80, start["y"] + 20
    send("touchStart", x, y)
    page.wait_for_timeout(400)  # a thumb that rests picks up; one that moves at once scrolls
    for step in range(1, 12):
        send("touchMove", x + (370 - x) * step / 11, y + 4 * step)
        page.wait_for_timeout(16)
    expect(page.locator(".board-page.dragging")).to_be_attached()
    for _ in range(60):  # at the edge the board scrolls along
        if cell(page, "contacting").bounding_box()["x"] < 200:
            break
        send("touchMove", 371, y + 44)
        page.wait_for_timeout(40)
    send("touchMove", 330, y + 60)
    page.wait_for_timeout(100)
    send("touchMove", 300, y + 62)
    page.wait_for_timeout(200)
    send("touchEnd")
    expect(page.locator(".in-hand")).to_have_count(0)
    # Asked in one step: the card is made anew when the answer comes.
    where = page.evaluate(
        "pk => document.querySelector(`.board-card[data-id='${pk}']`).closest('[data-cell]').dataset.column", pk
    )
    assert where != STATUSES["open"]
    expect(page.locator(".toast-line").first).to_be_visible()
    # The same by the menu, which comes from the bottom edge.
    back = page.locator(".toast-line button.link").first
    if back.count():
        back.tap()
    expect(card(page, pk, "open")).to_be_attached()
    page.locator(".board-scroll").evaluate("board => board.scrollTo(0, 0)")
    card(page, pk).locator("summary").tap()
    page.locator("[data-move-to='3']").tap()
    expect(card(page, pk, "qualified")).to_be_attached()
    page.locator(".toast-line", has_text=": Qualified").last.locator("button.link").tap()
    expect(card(page, pk, "open")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
