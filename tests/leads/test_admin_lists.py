"""The admin site's pages of the lists (R11, A2), through the client: what an administrator clicks."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from crm import records
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.jobs.models import Job
from leads import actions, automation, lifecycle, list_items
from leads.admin import ListAdmin
from leads.models import AutomationRule, Category, CategoryGroup, DisqualifyReason, Industry, LeadStatus, Person, Source
from selections.actions import create_selection
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")

LISTS = {
    "category": Category,
    "leadstatus": LeadStatus,
    "disqualifyreason": DisqualifyReason,
    "industry": Industry,
    "source": Source,
}


@pytest.fixture
def page(ada, client):
    client.force_login(ada)
    return client


def url(item_or_model, what=""):
    meta = item_or_model._meta
    pk = f"{item_or_model.pk}/" if getattr(item_or_model, "pk", None) and not isinstance(item_or_model, type) else ""
    return f"/admin/{meta.app_label}/{meta.model_name}/{pk}{what}"


def shown(answer):
    """Return the page's text without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def form_of(page, item):
    """Return the data a browser would send back from the item's form, unchanged."""
    html = page.get(url(item, "change/")).content.decode()
    form = html[html.index('<form class="form panel-box"') :]
    data = {}
    for tag in re.findall(r"<input[^>]*>", form[: form.index("</form>")]):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        kind = attributes.get("type")
        if (kind not in {"checkbox", "radio"} or " checked" in tag) and "name" in attributes:
            data[attributes["name"]] = attributes.get("value", "on")
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>\s*(.*?)</textarea>', form, re.S):
        data[name] = text
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        data[name] = chosen[1] if chosen else ""
    data.pop("csrfmiddlewaretoken", None)
    return data


def last_message(answer):
    """Return (text, undo address) of the message the next page shows."""
    found = re.search(r'data-message="([^"]*)"[^>]*?(?:data-undo-url="([^"]*)")?></span>', answer.content.decode())
    return (found[1], found[2]) if found else ("", None)


# --- Who enters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anna", "mia", "rita"])
@pytest.mark.parametrize("name", LISTS)
def test_only_administrators_open_the_lists(who, name, request, client):
    client.force_login(request.getfixturevalue(who))
    item = LISTS[name].objects.first()
    for address in (url(LISTS[name]), url(item, "change/"), url(LISTS[name], "add/"), url(item, "delete/")):
        assert client.get(address).status_code == 403
    for address in (url(item, "restore/"), url(item, "default/"), url(item, "move/"), url(LISTS[name], "reorder/")):
        assert client.post(address).status_code == 403


# --- The lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_its_items_in_their_order_with_their_usage(name, page):
    answer = page.get(url(LISTS[name]))
    ids = [int(pk) for pk in re.findall(r'data-row data-id="(\d+)"', answer.content.decode())]
    assert answer.status_code == 200 and ids == list(LISTS[name].objects.values_list("pk", flat=True))
    assert all(item.name in shown(answer) for item in LISTS[name].objects.all())


@pytest.mark.parametrize("name", LISTS)
def test_a_list_needs_the_same_number_of_queries_however_long_it_is(name, page, ada):
    model = LISTS[name]
    page.get(url(model))
    counts = []
    for number in (0, 25):
        for n in range(number):
            values = {"name_en": f"Item {n}"} | ({"group": CategoryGroup.objects.get(pk="other")} if model is Category else {})
            list_items.create_item(model, values, by=ada, via="admin")
        with CaptureQueriesContext(connection) as queries:
            page.get(url(model))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_usage_counts_all_records_and_leads_to_their_list(page, max_, category):
    company = CompanyFactory(by=max_, category=category("Partner"))
    PersonFactory(by=max_, company=company)
    html = page.get(url(Category)).content.decode()
    assert re.search(rf'href="[^"]*\?category={category("Partner").pk}">1</a>', html)


@pytest.mark.parametrize("name", sorted(list_items.lists()))
def test_every_number_of_records_leads_to_just_these(name, page, ada):
    model = list_items.lists()[name]
    item = model.objects.first() or list_items.create_item(model, {"name_en": "Item"}, by=ada, via="admin")
    for holder, field in list_items.uses(model):
        column = ListAdmin.held_by(holder, field)
        setattr(item, column.__name__, 1)
        address = html.unescape(re.search(r'href="([^"]+)"', column(item))[1])
        answer = page.get(address)
        assert answer.status_code == 200 and f"{field}={item.pk}" in answer.content.decode()
        assert records.get(holder.history.record_type).fields[field].items == model._meta.label


@pytest.mark.parametrize("name", LISTS)
def test_deleted_items_stand_under_a_filter_and_can_be_restored(name, page, ada):
    item = LISTS[name].objects.last()
    list_items.delete_item(item, by=ada, via="admin")
    assert f'data-id="{item.pk}"' not in page.get(url(LISTS[name])).content.decode()
    deleted = page.get(url(LISTS[name]) + "?deleted=1")
    assert f'data-id="{item.pk}"' in deleted.content.decode() and "Restore" in shown(deleted)
    assert "Restore it to change it" in shown(page.get(url(item, "change/")))
    answer = page.post(url(item, "restore/"), follow=True)
    assert last_message(answer)[0] == f"{item.name} was restored."
    item.refresh_from_db()
    assert item.deleted_at is None


def test_a_list_in_german_has_its_items_in_german(page, ada):
    ada.language = "de"
    ada.save()
    with translation.override("de"):
        text = shown(page.get(url(LeadStatus)))
    assert "Kontaktaufnahme" in text and "Contacting" not in text


@pytest.mark.parametrize("query", ["?e=1", "?deleted=7", "?p=999999999999", "?p=x", "?q=" + "x" * 5000, "?o=9.-3.x", "?_popup=1"])
def test_wild_addresses_of_a_list_are_no_error(query, page):
    assert page.get(url(Category) + query).status_code in {200, 302}


@pytest.mark.parametrize(
    "query", ["?rank__gt=1", "?name_en=Lead", "?companies__owner__password__startswith=a", "?q=%00", "?_to_field=pk"]
)
def test_a_list_is_filtered_by_nothing_but_its_own_filters(query, page):
    assert page.get(url(Category) + query).status_code == 400


# --- Order ------------------------------------------------------------------------------------------------------------


def test_dragging_sends_the_order_and_the_message_undoes_it(page):
    before = list(LeadStatus.objects.values_list("pk", flat=True))
    after = [before[2], *before[:2], *before[3:]]
    answer = page.post(url(LeadStatus, "reorder/"), {"ids": after}, headers={"HX-Request": "true"})
    assert answer.status_code == 204 and "undo" in answer.headers["HX-Trigger"]
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == after
    page.post(reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]), headers={"HX-Request": "true"})
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == before


@pytest.mark.parametrize(("direction", "expected"), [("up", [1, 0, 2]), ("down", [0, 2, 1])])
def test_the_buttons_move_an_item_by_one_place(direction, expected, page):
    before = list(LeadStatus.objects.values_list("pk", flat=True))
    answer = page.post(url(LeadStatus.objects.get(pk=before[1]), "move/"), {direction: "1"}, follow=True)
    assert [before.index(pk) for pk in LeadStatus.objects.values_list("pk", flat=True)][:3] == expected
    assert last_message(answer)[1]


def test_who_is_at_the_end_cannot_be_moved_further(page):
    before = list(LeadStatus.objects.values_list("pk", flat=True))
    page.post(url(LeadStatus.objects.first(), "move/"), {"up": "1"})
    page.post(url(LeadStatus.objects.last(), "move/"), {"down": "1"})
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == before


@pytest.mark.parametrize("ids", [[10**12], ["x"], ["1", "9" * 30], []])
def test_an_order_of_what_is_not_there_changes_nothing_or_only_what_is_there(ids, page):
    before = set(LeadStatus.objects.values_list("pk", flat=True))
    assert page.post(url(LeadStatus, "reorder/"), {"ids": ids}).status_code in {302, 422}
    assert set(LeadStatus.objects.values_list("pk", flat=True)) == before


# --- Adding and editing ------------------------------------------------------------------------------------------------


def new(**given):
    return {"name_en": "Referral", "name_de": "Empfohlen", "colour": "teal", **given}


@pytest.mark.parametrize(
    ("name", "more"), [("category", {"group": "other"}), ("leadstatus", {"kind": "nurture"}), ("industry", {}), ("source", {})]
)
def test_r11_an_item_is_added_and_the_message_takes_it_back(name, more, page, ada):
    answer = page.post(url(LISTS[name], "add/"), new(**more), follow=True)
    item = LISTS[name].objects.get(name_en="Referral")
    text, undo_url = last_message(answer)
    assert text == "Referral was created." and undo_url and (item.name_de, item.colour) == ("Empfohlen", "teal")
    page.post(undo_url, headers={"HX-Request": "true"})
    item.refresh_from_db()
    assert item.deleted_at


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name_en": "", "name_de": ""}, "This field cannot be blank."),
        ({"name_en": "x" * 81}, "at most 80 characters"),
        ({"name_en": "a\x00b"}, "Null characters are not allowed."),
        ({"name_en": "Qualified"}, "is already in this list"),
        ({"description_en": "y" * 401}, "at most 400 characters"),
        ({"colour": "javascript:"}, "not one of the available choices"),
        ({"kind": "nonsense"}, "not one of the available choices"),
        ({"kind": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_typed_is_lost(given, sentence, page):
    answer = page.post(url(LeadStatus, "add/"), new(description_de="Was ich tippte", kind="open") | given)
    assert answer.status_code == 422 and sentence in shown(answer) and "Was ich tippte" in answer.content.decode()
    assert LeadStatus.objects.count() == 5


def test_an_item_is_edited_and_the_message_undoes_it(page, status):
    item = status("Qualified")
    answer = page.post(url(item, "change/"), form_of(page, item) | {"name_en": "Sales ready", "colour": "lime"}, follow=True)
    item.refresh_from_db()
    assert (item.name_en, item.colour, item.kind, item.version) == ("Sales ready", "lime", "qualified", 2)
    page.post(last_message(answer)[1], headers={"HX-Request": "true"})
    item.refresh_from_db()
    assert (item.name_en, item.colour) == ("Qualified", "green")


def test_saving_without_a_change_writes_no_history(page, status):
    item, before = status("Qualified"), ChangeSet.objects.count()
    answer = page.post(url(item, "change/"), form_of(page, item), follow=True)
    assert last_message(answer)[0] == "Nothing was changed." and ChangeSet.objects.count() == before


def test_the_form_says_how_many_records_use_the_item(page, category, ada):
    company = CompanyFactory(category=category("Lead"))
    PersonFactory(company=company)
    actions.delete(PersonFactory(company=company), by=ada, via="card")
    text = shown(page.get(url(category("Lead"), "change/")))
    assert "Used by: 1 company, 1 person (and 1 in the bin)" in text
    assert "Switched off, the status of 1 person is hidden; it stays stored." in text


def test_r17_a_stale_form_keeps_both_where_the_fields_differ(page, status, ada):
    item = status("Qualified")
    seen = form_of(page, item)
    list_items.edit_item(item, {"name_en": "Sales ready"}, by=ada, via="admin")
    assert page.post(url(item, "change/"), seen | {"colour": "lime"}).status_code == 302
    item.refresh_from_db()
    assert (item.name_en, item.colour) == ("Sales ready", "lime")


def test_r17_a_stale_form_shows_both_values_and_saving_again_keeps_mine(page, status, ada):
    item = status("Qualified")
    seen = form_of(page, item)
    list_items.edit_item(item, {"name_en": "Sales ready"}, by=ada, via="admin")
    answer = page.post(url(item, "change/"), seen | {"name_en": "Ready"})
    html = answer.content.decode()
    assert (
        answer.status_code == 409 and "changed this to “Sales ready” in the meantime" in shown(answer) and 'value="Ready"' in html
    )
    again = seen | {"name_en": "Ready", "version": re.search(r'name="version" value="(\d+)"', html)[1]}
    assert page.post(url(item, "change/"), again).status_code == 302
    item.refresh_from_db()
    assert item.name_en == "Ready"


@pytest.mark.parametrize("version", ["", "x", "0", "-1", "9" * 40])
def test_a_form_without_a_readable_version_overwrites_nothing(version, page, status, ada):
    item = status("Qualified")
    seen = form_of(page, item)
    list_items.edit_item(item, {"name_en": "Sales ready"}, by=ada, via="admin")
    assert page.post(url(item, "change/"), seen | {"name_en": "Ready", "version": version}).status_code in {409, 422}
    item.refresh_from_db()
    assert item.name_en == "Sales ready"


# --- R2, R5, R8 by the page --------------------------------------------------------------------------------------------


def test_r2_the_page_refuses_lead_status_outside_potential_customer(page, category):
    item = category("Partner")
    answer = page.post(url(item, "change/"), form_of(page, item) | {"lead_status_enabled": "on"})
    assert answer.status_code == 422 and "Only a category of the group Potential customer" in shown(answer)


def test_leaving_potential_customer_asks_to_switch_lead_status_off_first(page, category):
    item = category("Lead")
    PersonFactory(company=None, category=item)
    data = form_of(page, item) | {"group": "lost"}
    answer = page.post(url(item, "change/"), data)
    assert answer.status_code == 422 and "Switch it off to choose the group Lost" in shown(answer)
    del data["lead_status_enabled"]
    assert page.post(url(item, "change/"), data).status_code == 302
    assert category("Lead").group_id == "lost" and lifecycle.drift() == []


def test_r8_the_page_switches_lead_status_off_and_on(page, category, status):
    person = PersonFactory(company=None, category=category("Lead"), lead_status=status("Qualified"))
    for enabled in (False, True):
        item = category("Lead")
        data = form_of(page, item)
        data.pop("lead_status_enabled", None)
        assert page.post(url(item, "change/"), data | ({"lead_status_enabled": "on"} if enabled else {})).status_code == 302
        person.refresh_from_db()
        assert (person.is_lead, person.lead_status) == (enabled, status("Qualified"))


def test_r8_with_many_persons_a_job_does_it(page, category, monkeypatch):
    monkeypatch.setattr(list_items, "AT_ONCE", 1)
    for _n in range(2):
        PersonFactory(company=None, category=category("Lead"))
    data = form_of(page, category("Lead"))
    del data["lead_status_enabled"]
    answer = page.post(url(category("Lead"), "change/"), data, follow=True)
    assert "in the background" in last_message(answer)[0] and Job.objects.unfinished().count() == 1
    assert category("Lead").lead_status_enabled


def test_r5_make_default_moves_the_mark_and_undo_brings_it_back(page, ada, status):
    new = list_items.create_item(LeadStatus, {"name_en": "New", "kind": "open"}, by=ada, via="admin")
    html = page.get(url(LeadStatus)).content.decode()
    assert html.count("Make default") == 1
    answer = page.post(url(new, "default/"), follow=True)
    assert list(LeadStatus.objects.filter(is_default=True)) == [new]
    page.post(last_message(answer)[1], headers={"HX-Request": "true"})
    assert list(LeadStatus.objects.filter(is_default=True)) == [status("Open")]


def test_r5_what_cannot_be_the_default_is_refused_in_words(page, status):
    answer = page.post(url(status("Qualified"), "default/"))
    assert answer.status_code == 422 and "Only a status of the kind Open can be the default." in shown(answer)


def test_r5_the_default_cannot_be_deleted(page, status, category):
    for item in (status("Open"), category("Lead")):
        assert "Make another one the default first" in shown(page.get(url(item, "delete/")))
        assert page.post(url(item, "delete/"), {"records": "keep"}).status_code == 422
        item.refresh_from_db()
        assert item.deleted_at is None


def test_settled_5_what_needs_an_item_is_listed_before_one_asks_to_delete_it(page, ada, max_, category, status):
    rule = AutomationRule.objects.get(event="sale_won")
    automation.edit_rule(rule, {"enabled": True}, by=ada, via="admin")
    tree = {"version": 1, "all": [{"field": "lead_status", "operator": "in", "value": [status("Contacting").pk]}]}
    mine, _private = [
        create_selection({"name": name, "record_type": "person", "kind": "dynamic", "visibility": "private",
                          "criteria": tree}, by=by, via="card") for name, by in (("Mine", ada), ("Private", max_))
    ]  # fmt: skip
    text = page.get(url(rule.target, "delete/")).content.decode()
    assert f'<a href="/admin/leads/automationrule/{rule.pk}/change/">Automation rule “A sale is won”</a>' in text
    assert 'class="button danger"' not in text and "Replacement" not in text
    text = page.get(url(status("Contacting"), "delete/")).content.decode()
    assert f'<a href="/selections/{mine.pk}/">Selection “Mine”</a>' in text and "<li>Selection “Private”</li>" in text
    refused = page.post(url(status("Contacting"), "delete/"))
    assert refused.status_code == 422 and "Selection “Mine”" in shown(refused)


# --- R11: deleting ------------------------------------------------------------------------------------------------------


def test_r11_deleting_an_unused_item_asks_no_more_than_that(page, status):
    item = status("Re-nurture")
    assert "No record uses it." in shown(page.get(url(item, "delete/")))
    answer = page.post(url(item, "delete/"), follow=True)
    item.refresh_from_db()
    assert item.deleted_at and last_message(answer)[1]


def test_r11_deleting_an_item_in_use_asks_for_a_replacement(page, status, ada):
    person = PersonFactory(company=None)
    actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    item = status("Qualified")
    assert "Used by: 1 person" in shown(page.get(url(item, "delete/")))
    for data in ({}, {"records": "replace"}, {"records": "replace", "replacement": "999999"}, {"records": "x"},
                 {"records": "replace", "replacement": str(item.pk)}, {"records": "replace", "replacement": "a\x00"}):  # fmt: skip
        assert page.post(url(item, "delete/"), data).status_code == 422
    answer = page.post(url(item, "delete/"), {"records": "replace", "replacement": status("Contacting").pk}, follow=True)
    person.refresh_from_db()
    assert person.lead_status == status("Contacting")
    page.post(last_message(answer)[1], headers={"HX-Request": "true"})
    person.refresh_from_db()
    assert person.lead_status == status("Qualified")


def test_r11_or_keeps_it_on_the_records_as_deleted(page, status, ada):
    person = PersonFactory(company=None)
    actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    page.post(url(status("Qualified"), "delete/"), {"records": "keep", "replacement": ""})
    person.refresh_from_db()
    assert person.lead_status.label == "Qualified (deleted)"
    # Later they can still be moved.
    page.post(url(status("Qualified"), "delete/"), {"records": "replace", "replacement": status("Open").pk})
    person.refresh_from_db()
    assert person.lead_status == status("Open")


def test_r11_with_many_records_a_job_replaces(page, status, ada, monkeypatch):
    monkeypatch.setattr(list_items, "AT_ONCE", 1)
    persons = [PersonFactory(company=None) for _n in range(2)]
    actions.set_lead_status(persons, status("Qualified"), by=ada, via="bulk")
    page.post(url(status("Qualified"), "delete/"), {"records": "replace", "replacement": status("Contacting").pk})
    assert Job.objects.unfinished().count() == 1 and Person.objects.filter(lead_status=status("Qualified")).count() == 2


# --- The five groups ------------------------------------------------------------------------------------------------------


def test_r1_the_groups_are_renamed_but_neither_added_nor_deleted(page):
    lost = CategoryGroup.objects.get(pk="lost")
    assert page.get(url(CategoryGroup)).status_code == 200
    assert page.post(url(lost, "change/"), {"name_en": "Gone", "name_de": "Weg"}).status_code == 302
    lost.refresh_from_db()
    assert (lost.name_en, lost.name_de) == ("Gone", "Weg")
    assert page.get(url(CategoryGroup, "add/")).status_code == 404
    assert page.post(url(lost, "delete/")).status_code == 404
    assert page.post(url(lost, "change/"), {"name_en": "", "name_de": "x" * 90}).status_code == 422


# --- What is not there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30, "x", "1%00", "-1"])
@pytest.mark.parametrize("what", ["change/", "delete/"])
def test_what_is_not_there_is_not_found(pk, what, page):
    assert page.get(f"/admin/leads/category/{pk}/{what}").status_code in {400, 404}
    assert page.post(f"/admin/leads/category/{pk}/{what}").status_code in {400, 404}


@pytest.mark.parametrize("what", ["restore/", "default/", "move/"])
def test_what_changes_something_is_only_sent_to(what, page):
    assert page.get(url(Category.objects.first(), what)).status_code == 405
    assert page.post(f"/admin/leads/category/999999/{what}").status_code == 404


def test_undo_of_a_list_is_only_for_administrators(page, client, anna, status, ada):
    outcome = list_items.edit_item(status("Qualified"), {"name_en": "Sales ready"}, by=ada, via="admin")
    client.force_login(anna)
    assert client.post(reverse("crm:undo", args=[outcome.change_set.pk]), headers={"HX-Request": "true"}).status_code == 403
    undo(outcome.change_set, by=ada, via="admin")
