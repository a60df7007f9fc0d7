"""The pages of the product, by name, and what opens on them; {person} and {company} are the first ones of the user's own lists."""

import re

PAGES = {
    "my-day": "/my-day/",
    "follow-ups": "/follow-ups/",
    "follow-up": "/follow-ups/1/",
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
    "person-details": "/persons/{person}/?tab=details",
    "person-new": "/persons/new/",
    "company": "/companies/{company}/",
    "company-timeline": "/companies/{company}/?tab=timeline",
    "company-persons": "/companies/{company}/persons/",
    "company-new": "/companies/new/",
    "sales": "/sales/",
    "sales-grouped": "/sales/?group=stage,owner&all=1",
    "sale": "/sales/1/",
    "sale-new": "/sales/new/",
    "company-sales": "/companies/{company}/?tab=sales",
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
    "follow-ups": "/follow-ups/",
    "follow-up": "/follow-ups/1/",
    "follow-up-new": "/follow-ups/new/",
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
    "admin-role": "/admin/crm/role/1/change/",
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
    "edit-in-place": ("/persons/{person}/", ["#fact-title .edit"], "#fact-title input[name=title]"),
    "edit-company-of": ("/persons/{person}/", ["#fact-company .edit"], "#fact-company [role=combobox]"),
    "dialog-edit-all": ("/persons/{person}/", ["[data-edit-all]"], "#panel[open] input[name=last_name]"),
    "dialog-follow-up": ("/persons/{person}/", [".page-head [href*=follow-ups]"], "#panel[open] input[name=subject]"),
    "dialog-company-delete": ("/companies/{company}/", [".page-head summary", ".page-head .item.danger"], "#panel[open] .danger"),
    "form-refused": ("/persons/new/", ["main button.primary"], "[aria-invalid=true]"),
}


LISTS = {"{person}": "/leads/?owner=me&group=", "{company}": "/companies/?owner=me&category_group=potential&group="}


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
