"""A dashboard from nothing: built, shared, seen by somebody with less to see, drilled into, arranged, exported and printed (issue 6)."""

import base64
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import settle

PIXELS = """async (data) => {
  const image = new Image();
  image.src = "data:image/png;base64," + data;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const colours = new Set(), all = context.getImageData(0, 0, image.width, image.height).data;
  for (let at = 0; at < all.length; at += 4 * 7) colours.add(`${all[at]},${all[at + 1]},${all[at + 2]}`);
  return [image.width, image.height, colours.size, [...all.slice(0, 3)]];
}"""


def tile_called(page, title):
    return page.locator(".tile").filter(has=page.get_by_role("heading", name=title, exact=True))


def menu(page, title, item):
    """Choose something in a tile's menu."""
    tile = tile_called(page, title)
    tile.locator("header summary").click()
    tile.locator(".panel:popover-open").get_by_text(item, exact=True).click()


def saved(page, title, kind):
    """Save a tile as a file and return what is in it."""
    with page.expect_download() as download:
        menu(page, title, kind)
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    return Path(download.value.path()).read_bytes()


def order(page):
    return [text.strip() for text in page.locator(".tile h2").all_inner_texts()]


def build(page):
    """Make a dashboard with six tiles: of the library, and from scratch."""
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url(re.compile(r"/dashboards/\d+/"))
    page.locator(".tabs.dashboards a[href$='/new/']").click()
    page.locator("#panel input[name=name]").fill("Northern leads")
    page.locator("#panel .shares summary").click()
    page.locator("#panel label", has_text="Max Lorenz").click()
    page.locator("#panel .primary").click()
    # A new one asks at once what is to be on it.
    for key in ("leads_by_status", "funnel", "leads_by_category", "stale_leads"):
        page.locator(f"#panel input[value={key}]").check()
    page.locator("#panel .primary").click()
    expect(page.locator(".tile")).to_have_count(4)
    page.locator("main .button.primary").click()
    page.locator("#panel").get_by_text("From scratch").click()
    page.wait_for_url(re.compile("/tiles/new/"))
    page.locator("input[name=kind][value=number]").check()
    settle(page)
    page.locator("select[name=asked]").select_option("")
    settle(page)
    page.locator("input[name=title]").fill("Everybody")
    expect(page.locator("[data-preview] h2")).to_have_text("Everybody")
    expect(page.locator("[data-preview] .value")).to_have_text(re.compile(r"\d"))
    page.get_by_role("button", name="Create tile").click()
    expect(tile_called(page, "Everybody")).to_be_visible()
    page.locator("main .button.primary").click()
    page.locator("#panel .ready", has_text="New leads by source").get_by_text("Adjust").click()
    page.locator("select[name=series]").select_option("lead_status")
    settle(page)
    page.locator("input[name=stacked]").check()
    settle(page)
    expect(page.locator("[data-preview] .legend button")).to_have_count(6)
    page.get_by_role("button", name="Create tile").click()
    expect(page.locator(".tile")).to_have_count(6)
    settle(page)


def narrow_on_paper(page, title):
    """Look at a chart as narrow as A4 has it: no name beneath a column is cut (D5)."""
    before = page.viewport_size
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    names = tile_called(page, title).locator("svg text[text-anchor=middle]")
    page.wait_for_function("() => document.querySelector('.chart svg').clientWidth < 400")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    texts = names.all_text_contents()
    assert len(texts) == 5 and not [text for text in texts if "…" in text], texts
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.set_viewport_size(before)


def test_a_dashboard_from_nothing_to_print(open_page, tmp_path):
    page = open_page("anna")
    build(page)
    everybody = int(re.sub(r"\D", "", tile_called(page, "Everybody").locator(".value").inner_text()))

    # Every number leads to its records; a legend hides a series; a chart is a table, too.
    bar = tile_called(page, "Leads by status").locator("a.mark").first
    number = int(re.search(r": ([\d,.]+)$", bar.get_attribute("aria-label"))[1].replace(",", ""))
    bar.hover()
    expect(page.locator("#tip")).to_contain_text(str(number))
    bar.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/persons/\?criteria="))
    expect(page.locator(".list-foot")).to_contain_text(f"of {number:,}")
    page.go_back()
    settle(page)
    sources = tile_called(page, "New leads by source")
    marks = sources.locator("a.mark").count()
    sources.locator(".legend button").first.click()
    assert 0 < sources.locator("a.mark").count() < marks
    menu(page, "Leads by status", "As a table")
    expect(tile_called(page, "Leads by status").locator(".alternative td").first).to_have_text(f"{number:,}")
    menu(page, "Leads by status", "As a table")

    # Arranged by keyboard and by dragging; both stay.
    before = order(page)
    tile = tile_called(page, before[1])
    tile.locator("header summary").focus()
    page.keyboard.press("Enter")
    tile.locator("[data-step='-1']").focus()
    with page.expect_response(lambda answer: "/arrange/" in answer.url):
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert order(page)[:2] == [before[1], before[0]]
    with page.expect_response(lambda answer: "/arrange/" in answer.url):
        tile_called(page, before[0]).locator("header h2").drag_to(tile_called(page, before[1]).locator("header h2"))
    assert order(page)[:2] == before[:2]
    with page.expect_response(lambda answer: "/size/" in answer.url):
        menu(page, "Everybody", "Wider")
    page.reload()
    settle(page)
    assert order(page) == before and "w-2" in tile_called(page, "Everybody").get_attribute("class")

    # As files: a picture with colours on white, the same as SVG without our style sheets, a PDF.
    png = saved(page, "Leads by status", "PNG")
    width, height, colours, corner = page.evaluate(PIXELS, base64.b64encode(png).decode())
    assert width > 600 and height > 300 and colours > 12 and corner == [255, 255, 255]
    svg = saved(page, "Lead qualification", "SVG").decode()
    assert "<svg" in svg and "Lead qualification" in svg and "class=" not in svg and "style=" not in svg and "var(" not in svg
    pdf = saved(page, "Stale leads", "PDF")
    assert pdf.startswith(b"%PDF-1.4") and pdf.rstrip().endswith(b"%%EOF") and len(pdf) > 2_000
    assert "Open" in saved(page, "Leads by status", "CSV").decode("utf-8-sig")
    narrow_on_paper(page, "Leads by status")
    paper = page.pdf(format="A4", print_background=True)
    assert paper.count(b"/Type /Page\n") in {1, 2, 3}

    # Another user sees their own part of it, and cannot change it.
    address = page.url
    other = open_page("max")
    other.goto(address)
    settle(other)
    theirs = int(re.sub(r"\D", "", tile_called(other, "Everybody").locator(".value").inner_text()))
    assert 0 < theirs < everybody
    tile_called(other, "Everybody").locator(".value a").click()
    other.wait_for_url(re.compile(r"/persons/\?"))
    expect(other.locator(".list-foot")).to_contain_text(f"of {theirs:,}")
    other.goto(address)
    expect(other.locator("main .button.primary")).to_have_count(0)

    # Filtered as a whole, and removed with an undo.
    with page.expect_response(lambda answer: "owner=me" in answer.url):
        page.locator("select[name=owner]").select_option("me")
    expect(page).to_have_url(re.compile(r"\?owner=me$"))
    settle(page)
    assert int(re.sub(r"\D", "", tile_called(page, "Everybody").locator(".value").inner_text())) < everybody
    page.goto(address)
    menu(page, "Stale leads", "Remove")
    expect(page.locator(".tile")).to_have_count(5)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(6)


def test_u1_on_a_phone_the_chosen_dashboard_and_what_is_filtered_are_in_sight(open_page):
    page = open_page("anna", width=390, height=844, touch=True)
    page.goto("/dashboards/4/?period=this_year")
    settle(page)
    for place in (".tabs.dashboards [aria-current]", ".chip.select.on", ".board-filters a.chip"):
        box = page.locator(place).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, (place, box)
    assert page.evaluate("scrollY") == 0
