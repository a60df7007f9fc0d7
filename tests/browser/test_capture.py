"""A form on a customer's website, from its making to the lead it brings, across two origins (C1–C4)."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect

from tests.browser.conftest import is_problem, settle, violations

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Nordwind</title><script src="{server}/f/utm.js" async></script></head>
<body><h1>Nordwind</h1>{place}</body></html>"""


@contextmanager
def website(place, server):
    """A website of somebody else's, at another origin: every page holds `place`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = PAGE.format(server=server, place=place()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{site.server_port}"
    finally:
        site.shutdown()


def set_fact(page, name, value):
    """Change a field on the card, in place."""
    page.locator(f"#fact-{name} .edit").click()
    field = page.locator(f"#fact-{name} [name={name}]")
    field.check() if value is True else field.fill(value)
    with page.expect_response(lambda answer: f"/facts/{name}/" in answer.url and answer.request.method == "POST") as saved:
        page.locator(f"#fact-{name} form button").first.click()
    assert saved.value.status == 204
    settle(page)


def build_a_link(page):
    """Build a link by the keyboard alone; it is copied, and copied again from the list (C4)."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/links/new/")
    expect(page.locator("[name=target]")).to_be_focused()
    for text in ("nordwind.example/offer?a=1#b", "Facebook", "CPC", "Summer Sale"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    link = "https://nordwind.example/offer?a=1&utm_source=facebook&utm_medium=cpc&utm_campaign=summer-sale#b"
    expect(page.locator("#built-url")).to_have_text(link)
    expect(page.locator("#told-campaign")).to_have_text("In the link: summer-sale")
    page.keyboard.type("?")
    expect(page.locator("#id_content")).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("The link is saved.")
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.evaluate("navigator.clipboard.writeText('')")
    page.goto("/links/?campaign=summer-sale")
    page.keyboard.press("j")
    page.keyboard.press("y")
    expect(page.locator("#toasts")).to_contain_text("The link is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == link


def in_selection_and_tile(page):
    """What the lead came by is asked for in Find and kept as a selection; a tile counts it, and opens it (C4)."""
    page.goto("/find/person/")
    box = page.locator(".criteria-editor > .c-set > .c-add").get_by_role("combobox")
    box.press_sequentially("first touch: so", delay=15)
    with page.expect_response("**/edit/"):
        page.get_by_role("option", name="First touch: source", exact=True).click()
    settle(page)
    page.locator(".c-line input[type=text]").last.fill("linkedin")
    expect(page.locator("#c-asked .sentence")).to_contain_text("linkedin")
    settle(page)
    page.get_by_role("link", name="Save as selection").click()
    page.locator("#panel").get_by_label("Name").fill("Met on LinkedIn")
    page.locator("#panel .primary").click()
    page.wait_for_url(re.compile(r"/selections/\d+/$"))
    settle(page)
    expect(page.locator("tbody tr[data-row]", has_text="Wiebke Windhorst")).to_have_count(1)
    page.goto("/dashboards/")
    page.locator(".tabs.dashboards").get_by_role("link", name="Marketing").click()
    settle(page)
    tile = page.locator(".tile").filter(has=page.get_by_role("heading", name="Leads by first touch", exact=True))
    tile.scroll_into_view_if_needed()
    bar = tile.get_by_role("link", name=re.compile("linkedin"))
    number = re.search(r": ([\d,.]+)$", bar.get_attribute("aria-label"))[1]
    bar.click()
    page.wait_for_url(re.compile(r"/persons/\?criteria="))
    expect(page.locator(".list-foot")).to_contain_text(f"of {number}")
    expect(page.locator("tbody tr[data-row]", has_text="Wiebke Windhorst")).to_have_count(1)


def middle(element):
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, place, onto):
    """Drag a field of a form by its grip to another's place, as a hand does: the others make way as one passes them."""
    grip = page.locator(".questions-order .grip")
    (x, y), (_x, end) = middle(grip.nth(place)), middle(grip.nth(onto))
    page.mouse.move(x, y)
    page.mouse.down()
    for above in (10, 12):
        page.mouse.move(x, end - above, steps=8)
        page.wait_for_timeout(150)
    page.mouse.up()


def test_c1_c2_c4_a_visitor_of_another_site_becomes_a_lead_with_first_touch_and_lead_creation(open_page, browser, server):
    place = [""]
    with website(lambda: place[0], server.url) as site:
        mia = open_page("mia")
        mia.goto("/forms/new/")
        mia.fill("main [name=name]", "Nordwind contact")
        mia.select_option("main select[name=language]", "en")
        mia.locator("main button.primary").click()
        mia.wait_for_url(re.compile(r"/forms/\d+/$"))
        settle(mia)
        card = mia.url
        set_fact(mia, "sites", site)
        # The order of its fields is changed by keys and by drag.
        mia.goto(f"{card}?tab=fields")
        places = mia.locator(".questions-order > li")
        mia.get_by_role("button", name="Move Last name up").press("Enter")
        drag(mia, 3, 2)
        mia.get_by_role("button", name="Save").click()
        expect(mia.locator("#toasts")).to_contain_text("was changed")
        settle(mia)
        assert [name.strip() for name in places.locator(".ask").all_inner_texts()][:4] == [
            "Last name",
            "First name",
            "E-mail",
            "Company",
        ]
        mia.goto(f"{card}?tab=publish")
        mia.get_by_role("button", name="Publish", exact=True).click()
        expect(mia.get_by_role("button", name="Take offline")).to_be_visible()
        settle(mia)
        place[0] = mia.locator("#embed-place").input_value()

        context = browser.new_context(locale="en-GB")
        visitor, problems = context.new_page(), []
        visitor.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
        visitor.on("pageerror", lambda error: problems.append(str(error)))
        visitor.goto(f"{site}/?utm_source=LinkedIn&utm_medium=Social&utm_campaign=Spring")
        visitor.frame_locator("iframe").locator("[name=person_email]").wait_for()
        visitor.goto(f"{site}/prices")
        visitor.goto("about:blank")
        visitor.goto(f"{site}/offer?utm_source=Facebook&utm_medium=CPC&utm_campaign=Summer")
        form = visitor.frame_locator("iframe")
        form.locator("[name=person_first_name]").fill("Wiebke")
        form.locator("[name=person_last_name]").fill("Windhorst")
        form.locator("[name=company_name]").fill("Windhorst Segel GmbH")
        form.locator("[name=person_email]").fill("wiebke@windhorst")
        visitor.wait_for_timeout(2_200)  # people take longer than programs
        form.get_by_role("button", name="Send").click()
        expect(form.locator("#person_email_error")).to_be_visible()
        assert form.locator("[name=person_last_name]").input_value() == "Windhorst", "what was typed stays"
        form.locator("[name=person_email]").fill("wiebke@windhorst.example")
        visitor.wait_for_timeout(2_200)
        form.get_by_role("button", name="Send").dblclick()
        expect(form.locator(".thanks")).to_have_text("Thank you. We have received it.")
        assert not context.cookies() and not problems
        assert visitor.locator("iframe").evaluate("frame => frame.getBoundingClientRect().height") != 480, (
            "it is as high as its content"
        )

        elsewhere = context.new_page()
        with website(lambda: place[0], server.url) as other:
            elsewhere.goto(other)
            elsewhere.locator("iframe").wait_for()
            elsewhere.wait_for_timeout(500)
            assert not elsewhere.frames[1].url.startswith(server.url), "no site shows it that the form does not name"
        elsewhere.close()

        mia.goto(card)
        settle(mia)
        row = mia.locator("tbody tr[data-row]")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("facebook")
        row.locator("a.name").click()
        mia.locator("main .facts-list a").first.click()
        expect(mia.locator("#fact-category")).to_contain_text("Lead")
        expect(mia.locator("#fact-lead_status")).to_contain_text("Open")
        expect(mia.locator("#fact-company")).to_contain_text("Windhorst Segel GmbH")
        expect(mia.locator("#fact-owner")).to_contain_text("Mia")
        mia.goto(f"{mia.url.partition('?')[0]}?tab=origin")
        origin = mia.locator(".origin")
        expect(origin).to_contain_text("linkedin")
        expect(origin).to_contain_text("summer")
        mia.goto(
            "/persons/?cols=name,first_touch_source,lead_creation_source&lead_creation_source=facebook&first_touch_source=linkedin&name__contains=windhorst"
        )
        expect(mia.locator("tbody tr[data-row]")).to_have_count(1)
        mia.goto("/campaigns/")
        campaign = mia.locator("tr[data-row]", has=mia.get_by_role("link", name="summer", exact=True))
        campaign.locator("td.number a").first.click()
        expect(mia.locator("tbody tr[data-row]")).to_have_count(1)
        in_selection_and_tile(mia)
        build_a_link(mia)
        public = context.new_page()
        mia.goto(card)
        address = mia.locator(".page-head a[href^='/f/']").get_attribute("href")
        public.goto(f"{server.url}{address}")
        assert not violations(public)
        context.close()


def test_c1_questions_are_put_in_order_by_a_thumb_and_by_the_mouse(open_page):
    page = open_page("mia", width=390, height=844, touch=True)
    page.goto("/forms/")
    page.locator("a.name").first.click()
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Fields").click()
    asked = page.locator(".questions-order .ask")
    expect(asked.first).to_be_visible()
    grip = page.locator(".questions-order .grip")
    first, second, third = (text.strip() for text in asked.all_inner_texts()[:3])
    thumb = page.context.new_cdp_session(page)

    def send(kind, x=None, y=None):
        thumb.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}] if x is not None else []})

    grip.first.scroll_into_view_if_needed()
    (x, y), (_x, end) = middle(grip.nth(0)), middle(grip.nth(1))
    send("touchStart", x, y)
    for step in range(1, 16):
        send("touchMove", x, y + (end + 12 - y) * step / 15)
        page.wait_for_timeout(16)
    page.wait_for_timeout(200)
    send("touchEnd")
    expect(asked.nth(0)).to_have_text(second)
    expect(asked.nth(1)).to_have_text(first)

    drag(page, 2, 0)
    expect(asked.nth(0)).to_have_text(third)
    page.get_by_role("button", name="Save").click()
    settle(page)
    page.reload()
    expect(asked.nth(0)).to_have_text(third)
    expect(asked.nth(1)).to_have_text(second)
