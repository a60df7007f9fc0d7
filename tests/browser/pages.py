"""The pages of the product, by name, and what opens on them; {person}, {company} and {sale} are the first of the user's own lists."""

import json
import re
from urllib.parse import quote

from playwright.sync_api import expect

from tests.browser.conftest import settle

PAGES = {
    "my-day": "/my-day/",
    "follow-ups": "/follow-ups/",
    "follow-up-new": "/follow-ups/new/",
    "leads": "/leads/",
    "persons": "/persons/",
    "persons-grouped": "/persons/?group=lead_status",
    "persons-grouped-twice": "/persons/?group=lead_status,category",
    "persons-filtered": "/persons/?lead_status=3&country=DE",
    "persons-none": "/persons/?name=there-is-nobody-of-this-name",
    "persons-not-understood": "/persons/?nonsense=1",
    "companies": "/companies/",
    "person": "/persons/{person}/?list=persons",
    "person-history": "/persons/{person}/?tab=history",
    "person-origin": "/persons/{person}/?tab=origin",
    "person-details": "/persons/{person}/?tab=details",
    "person-new": "/persons/new/",
    "company": "/companies/{company}/",
    "company-timeline": "/companies/{company}/?tab=timeline",
    "company-persons": "/companies/{company}/persons/",
    "company-new": "/companies/new/",
    "sales": "/sales/",
    "sales-grouped": "/sales/?group=stage,owner&all=1",
    "sale": "/sales/{sale}/",
    "sale-history": "/sales/{sale}/?tab=history",
    "sale-details": "/sales/{sale}/?tab=details",
    "sale-new": "/sales/new/",
    "company-sales": "/companies/{company}/?tab=sales",
    "person-sales": "/persons/{person}/?tab=sales",
    "persons-wide": "/persons/?cols=name,company,title,category,category_group,lead_status,lead_status_since,disqualify_reason,"
    "next_activity_at,email,phone,mobile,country,source,owner,created_at",
    "selections": "/selections/",
    "selection": "/selections/1/",
    "selection-criteria": "/selections/1/?tab=criteria",
    "selection-charts": "/selections/2/?tab=charts",
    "selection-combined": "/selections/3/?tab=criteria",
    "selection-new": "/selections/new/",
    "find": "/find/person/",
    "find-asked": "/find/person/?criteria="
    + quote(
        json.dumps(
            {
                "version": 1,
                "any": [
                    {
                        "all": [
                            {"field": "category_group", "operator": "in", "value": ["potential"]},
                            {
                                "field": "activities.number",
                                "operator": "is",
                                "value": "0",
                                "where": {
                                    "all": [
                                        {"field": "done_at", "operator": "period", "value": ["this_year", "previous_2_quarters"]}
                                    ]
                                },
                            },
                        ]
                    },
                    {
                        "not": {
                            "any": [
                                {"field": "created_at", "operator": "between", "value": ["-30d", "2020-01-31"], "off": True},
                                {"field": "email", "operator": "empty"},
                            ]
                        }
                    },
                ],
            }
        )
    ),
    "find-wrong": "/find/company/?criteria=" + quote('{"all": [{"field": "shoe_size", "operator": "is", "value": 43}]}'),
    "find-selection": "/find/person/?selection=1",
    "dashboard": "/dashboards/1/",
    "dashboard-sales": "/dashboards/2/?period=this_year",
    "dashboard-own": "/dashboards/4/",
    "dashboard-not-understood": "/dashboards/4/?owner=999999",
    "dashboards": "/dashboards/all/",
    "dashboard-new": "/dashboards/new/",
    "tile-new": "/dashboards/4/tiles/new/",
    "tile-edit": "/dashboards/4/tiles/2/edit/",
    "board": "/board/",
    "board-rows": "/board/?rows=source&hide=4",
    "board-past": "/board/?day=2026-11-01",
    "board-of-owners": "/board/?all=1&by=owner&sort=-name&show=title,email,category",
    "board-companies": "/board/companies/",
    "board-sales": "/board/sales/?all=1&by=status&rows=owner",
    "board-not-understood": "/board/?by=nonsense",
    "selection-board": "/selections/1/board/person/",
    "search": "/search/?q=petersen",
    "search-nothing": "/search/?q=xqzxqz",
    "bin": "/bin/",
    "left": "/left/",
    "imports": "/imports/",
    "import-new": "/imports/new/",
    "settings": "/settings/",
    "not-found": "/persons/999999/",
}
ADMIN_PAGES = {
    "follow-up": "/follow-ups/1/",
    "admin": "/admin/",
    "admin-categories": "/admin/leads/category/",
    "admin-category": "/admin/leads/category/1/change/",
    "admin-category-new": "/admin/leads/category/add/",
    "admin-rules": "/admin/leads/automationrule/",
    "admin-rule": "/admin/leads/automationrule/1/change/",
    "admin-rule-trial": "/admin/leads/automationrule/1/trial/",
    "admin-category-delete": "/admin/leads/category/2/delete/",
    "admin-statuses": "/admin/leads/leadstatus/",
    "admin-status": "/admin/leads/leadstatus/2/change/",
    "admin-industries": "/admin/leads/industry/",
    "admin-sale-stages": "/admin/sales/salestage/",
    "admin-sale-stage": "/admin/sales/salestage/2/change/",
    "admin-rates": "/admin/sales/exchangerate/",
    "admin-rate": "/admin/sales/exchangerate/1/change/",
    "admin-users": "/admin/crm/user/",
    "admin-user": "/admin/crm/user/2/change/",
    "admin-user-new": "/admin/crm/user/add/",
    "admin-teams": "/admin/crm/team/",
    "admin-roles": "/admin/crm/role/",
    "admin-jobs": "/admin/crm/job/",
    "admin-log": "/admin/crm/changeset/",
    "admin-role": "/admin/crm/role/1/change/",
    "admin-utm-sources": "/admin/capture/utmsource/",
    "admin-utm-medium": "/admin/capture/utmmedium/1/change/",
    "admin-naming": "/admin/capture/naming/1/change/",
    "forms": "/forms/",
    "form": "/forms/1/",
    "form-fields": "/forms/1/?tab=fields",
    "form-assignment": "/forms/1/?tab=assignment",
    "form-publish": "/forms/1/?tab=publish",
    "form-new": "/forms/new/",
    "form-submissions": "/forms/1/submissions/",
    "campaigns": "/campaigns/",
    "links": "/links/",
    "link": "/links/1/",
    "link-new": "/links/new/?target=www.example.com&source=Linked+In&campaign=Fr%C3%BChjahr+2026&content=%3F",
    "forms-given-out": "/forms/given-out/",
    "submissions": "/submissions/",
    "submission": "/submissions/1/",
    "submission-in-quarantine": "/submissions/10/",
}
#: What opens on a page: its name -> (the page's address, what is clicked one after the other, what must then show).
OPENED = {
    "menu-new": ("/leads/", [".top summary.primary"], ".top .panel:popover-open"),
    "menu-user": ("/leads/", [".top summary:has(.avatar)"], ".top .panel:popover-open"),
    "menu-group": ("/leads/", [".toolbar summary:has([href$=layout-rows])"], ".toolbar .panel:popover-open"),
    "palette": ("/leads/", [".top .search"], "#palette[open]"),
    "keys": ("/leads/", [".top summary:has(.avatar)", "[data-show-keys]"], "#keys[open]"),
    "dialog-filters": ("/persons/", [".toolbar a.chip[data-dialog]"], "#panel[open] .field-choice"),
    "dialog-filter": ("/persons/?lead_status=3", [".chip .link"], "#panel[open] select"),
    "dialog-columns": ("/leads/", [".toolbar .end a.chip[data-dialog]"], "#panel[open] [data-sortable]"),
    "ticked": ("/leads/", ["tbody input[name=ids] >> nth=0"], "[data-action-bar]:not([hidden])"),
    "dialog-status": ("/leads/", ["tbody input[name=ids] >> nth=0", "[data-action=status]"], "#panel[open] .field-choice"),
    "dialog-owner": ("/leads/", ["tbody input[name=ids] >> nth=0", "[data-action=owner]"], "#panel[open] .field-choice"),
    "dialog-delete": ("/leads/", ["tbody input[name=ids] >> nth=0", "[data-action=delete]"], "#panel[open] .danger"),
    "find-fields": ("/find/person/", ["#c-add-r"], ".criteria-editor [role=listbox]"),
    "find-choices": ("/find/person/?selection=1", [".criteria-editor summary.pick"], ".criteria-editor .panel:popover-open"),
    "find-why": ("/find/person/?selection=1", ["#c-asked a"], "#panel[open] #id_why"),
    "selection-fill": (
        "/selections/6/",
        [".page-head summary", ".page-head .item[href$='/fill/']"],
        "#panel[open] .criteria-editor",
    ),
    "selection-parts": ("/selections/7/?tab=criteria", [".panel-box a[href$='/parts/']"], "#panel[open] [data-sortable]"),
    "edit-in-place": ("/persons/{person}/", ["#fact-title .edit"], "#fact-title input[name=title]"),
    "edit-company-of": ("/persons/{person}/", ["#fact-company .edit"], "#fact-company [role=combobox]"),
    "dialog-edit-all": ("/persons/{person}/", ["[data-edit-all]"], "#panel[open] input[name=last_name]"),
    "dialog-follow-up": ("/persons/{person}/", [".page-head [href*=follow-ups]"], "#panel[open] input[name=subject]"),
    "dialog-disqualify": (
        "/persons/{person}/",
        ["[data-set-status]", "#fact-lead_status [data-href*='status=5']"],
        "#panel[open] input[name=reason]",
    ),
    "dialog-nurture": (
        "/leads/?lead_status=1",
        ["tbody a.name", "[data-set-status]", "#fact-lead_status [data-href*='status=4']"],
        "#panel[open] input[name=again_on]",
    ),
    "dialog-disqualify-rows": (
        "/leads/",
        ["tbody input[name=ids] >> nth=0", "[data-action=status]", "#panel [value='5']"],
        "#panel[open] input[name=reason]",
    ),
    "dialog-delete-companies": (
        "/companies/",
        ["tbody input[name=ids] >> nth=1", "[data-action=delete]"],
        "#panel[open] .danger",
    ),
    "dialog-sale": (
        "/persons/{person}/",
        [".page-head [href*='sales/new']"],
        "#panel[open] input[name=amount]",
    ),
    "dialog-won": ("/sales/{sale}/", [".page-head [href$='/win/']"], "#panel[open] select[name=reason]"),
    "dialog-lost": ("/sales/{sale}/", [".page-head [href$='/lose/']"], "#panel[open] select[name=reason]"),
    "dialog-lost-refused": (
        "/sales/{sale}/",
        [".page-head [href$='/lose/']", "#panel .primary"],
        "#panel[open] [aria-invalid=true]",
    ),
    "dialog-stall": (
        "/sales/{sale}/",
        [".page-head summary", ".page-head .item[href$='/stall/']"],
        "#panel[open] input[name=reopen_on]",
    ),
    "menu-stage": ("/sales/{sale}/", ["#fact-stage summary"], "#fact-stage .panel:popover-open"),
    "edit-amount": ("/sales/{sale}/", ["#fact-amount .edit"], "#fact-amount input[name=amount]"),
    "dialog-new-follow-up": ("/my-day/", ["main [data-new]"], "#panel[open] [role=combobox]"),
    "dialog-postpone": (
        "/my-day/",
        ["[data-row] summary", "[data-row] .panel:popover-open [data-dialog]"],
        "#panel[open] input[name=to]",
    ),
    "menu-tile": ("/dashboards/4/", [".tile summary"], ".tile .panel:popover-open"),
    "dialog-library": ("/dashboards/4/", ["main .button.primary"], "#panel[open] .library"),
    "dialog-dashboard": ("/dashboards/4/", [".page-head summary", "[data-edit-all]"], "#panel[open] select[name=theme]"),
    "dialog-tile-copy": ("/dashboards/4/", [".tile summary", ".tile .panel:popover-open [data-dialog]"], "#panel[open] select"),
    "tile-as-table": (
        "/dashboards/4/",
        [".tile.has-chart summary", ".tile .panel:popover-open [data-as-table]"],
        ".tile.as-table .alternative",
    ),
    "menu-card": ("/board/", [".board-card summary >> nth=1"], ".board-card .panel:popover-open [data-move-to]"),
    "dialog-board-view": ("/board/", [".page-head a[data-dialog]"], "#panel[open] select[name=by]"),
    "dialog-board-add": ("/board/", ["[data-head] .add >> nth=0"], "#panel[open] input[name=last_name]"),
    "menu-board-rows": ("/board/", [".toolbar .end summary >> nth=1"], ".toolbar .panel:popover-open"),
    "board-ticked": ("/board/", [".board-card input[name=ids] >> nth=1"], "[data-ticked-bar]:not([hidden])"),
    "menu-bell": ("/leads/", [".top summary:has(#bell-count)"], "#bell-list"),
    "dialog-company-delete": ("/companies/{company}/", [".page-head summary", ".page-head .item.danger"], "#panel[open] .danger"),
    "form-refused": ("/persons/new/", ["main button.primary"], "[aria-invalid=true]"),
}


LISTS = {
    "{person}": "/leads/?owner=me&group=",
    "{company}": "/companies/?owner=me&category_group=potential&group=",
    "{sale}": "/sales/?owner=me&status=open&group=",
}


def visit(page, address):
    """Go to an address, a record's place in it filled; the record is one this user sees."""
    for place, own in LISTS.items():
        if place in address:
            found = re.search(r'data-row data-id="(\d+)"', page.request.get(own).text())
            address = address.replace(place, found[1])
    return page.goto(address)


def open_on(page, name):
    """Open one of OPENED on a page of the browser, as a pointer does."""
    address, clicks, shown = OPENED[name]
    visit(page, address)
    for place in clicks:
        page.locator(place).first.click(force=True)
    page.locator(shown).first.wait_for()


#: Two files: one with a value that no item is called and a row that cannot be brought in, one with many columns.
SMALL = """First Name,Last Name,Company,Email,Lead Status,Notes
Zora,Zander,Zentralwerk GmbH,zora@zentralwerk.example,Warm,a note
Zeno,Zander,Zentralwerk GmbH,zeno@zentralwerk.example,Qualified,
,,Zentralwerk GmbH,nobody@zentralwerk.example,Qualified,without a name
"""
WIDE = (
    "First Name,Last Name,Title,Company,Email,Phone,Mobile,Street,Zip Code,City,Country,Industry,Lead Source,Lead Status,"
    "Annual Revenue,No of Employees,Rating,Campaign,Created Time,Description\n"
    "Zita,Zander,Leitung der Abteilung für besonders lange Bezeichnungen,Zeitwerk für Präzisionsmesstechnik und Anlagenbau GmbH & Co. KG,"
    "zita.zander@zeitwerk-praezisionsmesstechnik.example,+49 421 5550142,+49 171 5550142,Hafenstraße 12,28195,Bremen,Germany,"
    "Technology,Trade fair,Open,12000000,250,Hot,Hannover Messe 2026,2026-01-31 10:00,Sehr interessiert an der großen Ausbaustufe\n"
)


def import_states(page):
    """Yield the name of each step of an import, the page being there; at the end all is as it was."""
    page.goto("/imports/")
    yield "imports-none"
    for name, content in (("wide", WIDE), ("", SMALL)):
        page.goto("/imports/new/")
        file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": content.encode()}
        page.locator("input[type=file]").set_input_files(file)
        page.locator("main button.primary").click()
        page.locator("table.matching").first.wait_for()
        yield f"import-mapping{name and '-' + name}"
    page.evaluate("document.querySelector('#values').scrollIntoView()")
    yield "import-values"
    page.locator("main .bar button.primary").click()
    page.locator("main form[action$='/run/'] button").wait_for(timeout=20_000)
    yield "import-report"
    page.locator("main form[action$='/run/'] button").click()
    undo = page.locator("main button[hx-post*='/undo']")
    undo.wait_for(timeout=20_000)
    yield "import-done"
    page.goto("/imports/")
    yield "imports-some"
    page.go_back()
    undo.click()
    expect(undo).to_have_count(0)
    yield "import-undone"


def question_states(page):
    """Yield the states of what a rule asks (R13); at the end all is as it was, and the bin has something in it."""
    visit(page, "/leads/?owner=me&group=&category=1")
    page.locator("tbody a.name").first.click()
    page.locator("[data-set-status]").wait_for()
    page.locator(".page-head [href*='sales/new']").click()
    page.locator("#panel button.primary").click()
    page.locator("#proposed-category").wait_for()
    yield "dialog-proposal"
    page.keyboard.press("Escape")
    page.locator(".top summary:has(#bell-count)").click()
    page.locator("#bell-list [data-dialog]").first.wait_for()
    yield "bell-question"
    page.locator("#bell-list [data-dialog]").first.click()
    page.locator("#panel button:not(.primary)[hx-vals]").click()
    expect(page.locator("#panel")).to_be_hidden()
    page.keyboard.press("u")
    page.wait_for_url(re.compile(r"/sales/(\?|$)"))  # the sale is in the bin: it goes on to the list
    page.goto("/bin/?of=sale")
    page.locator("tbody tr").first.wait_for()
    yield "bin-some"


def webhook_states(page):
    """Yield the states of webhooks: none, one that failed, being changed and deleted; at the end all is as it was."""
    page.goto("/settings/webhooks/")
    yield "webhooks-none"
    page.goto("/settings/webhooks/new/")
    page.locator("main button.primary").click()
    page.locator("main .error").first.wait_for()
    yield "webhook-refused"
    # By the API, which asks for no password again; a name that never leads anywhere.
    token = page.get_attribute("meta[name=csrf-token]", "content")
    given = {"name": "Shop", "url": "https://shop.example/hook", "events": ["person.changed", "sale.won", "activity.done"]}
    made = page.request.post("/api/v1/webhooks/", data=given, headers={"X-CSRFToken": token}).json()
    page.goto(f"/settings/webhooks/{made['id']}/")
    page.locator(".page-head .primary").click()
    page.locator("#log tbody td.number:has-text('1')").first.wait_for(timeout=30_000)
    yield "webhook"
    page.locator(".page-head summary").click()
    page.locator(".page-head .panel form[action$='/pause/'] button").click()
    page.locator(".notice form button").wait_for()
    yield "webhook-paused"
    page.goto("/settings/webhooks/")
    yield "webhooks-some"
    page.goto(f"/settings/webhooks/{made['id']}/edit/")
    yield "webhook-edit"
    page.goto(f"/settings/webhooks/{made['id']}/")
    page.locator(".page-head summary").click()
    page.locator(".page-head .panel .danger").click()
    page.locator("#panel[open] .danger").wait_for()
    yield "webhook-delete"
    page.locator("#panel .danger").click()
    page.wait_for_url("**/settings/webhooks/")


def every_page(open_page, **how):
    """Yield (name, page) of every page, each settled."""
    for user, pages in (("anna", PAGES), ("admin", ADMIN_PAGES)):
        page = open_page(user, **how)
        for name, url in pages.items():
            visit(page, url)
            settle(page)
            yield name, page


def every_dialog(open_page, **how):
    """Yield (name, page) of everything that opens on a page, each settled."""
    page = open_page("anna", **how)
    for name in OPENED:
        open_on(page, name)
        settle(page)
        yield name, page
    for states in (import_states, webhook_states, question_states):
        for name in states(page):
            settle(page)
            yield name, page
    page = open_page(None, **how)
    page.goto("/accounts/login/")
    yield "login", page
