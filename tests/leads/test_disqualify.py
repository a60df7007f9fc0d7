"""Disqualifying says why, re-nurture says when: one change, undone as one, from every way in (R6, R10, R15, R16)."""

import datetime
import re

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from activities import lifecycle as activity_lifecycle
from activities.models import Activity
from crm.history.models import Change
from crm.history.undo import undo
from leads import actions, bulk, list_items
from leads.models import DisqualifyReason, Person
from tests.factories import CompanyFactory, PersonFactory

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def reason(lists):
    return lambda name="No budget": DisqualifyReason.objects.get(name_en=name)


@pytest.fixture
def person(anna, category):
    return PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")))


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def disqualify(person, by, status, reason):
    outcome = actions.set_lead_status(person, status("Disqualified"), by=by, via="card", reason=reason())
    person.refresh_from_db()
    return outcome


def test_the_reason_is_part_of_the_change_and_of_its_undo(anna, person, status, reason):
    outcome = disqualify(person, anna, status, reason)
    assert person.lead_status == status("Disqualified") and person.disqualify_reason == reason()
    fields = Change.objects.filter(change_set=outcome.change_set).values_list("field", flat=True)
    assert set(fields) == {"lead_status", "disqualify_reason"}
    undo(outcome.change_set, by=anna, via="card")
    person.refresh_from_db()
    assert person.lead_status == status("Open") and person.disqualify_reason is None


def test_the_reason_goes_with_a_status_of_another_kind_by_every_way(anna, ada, client, person, status, reason):
    def by_action():
        actions.set_lead_status(person, status("Contacting"), by=anna, via="bulk")

    def by_edit():
        actions.edit_person(person, {"lead_status": status("Contacting")}, by=anna, via="card")

    def by_api():
        client.force_login(anna)
        body = {"lead_status": status("Contacting").pk, "version": person.version}
        assert client.patch(f"/api/v1/persons/{person.pk}/", body, content_type="application/json").status_code == 200

    def by_import():
        from crm.history.changes import change

        read = Person.objects.get(pk=person.pk)
        read.lead_status = status("Contacting")
        with change("import", by=anna, via="import"):
            bulk.update_persons({read: {"lead_status"}}, by=anna, via="import")

    for way in (by_action, by_edit, by_api, by_import):
        disqualify(person, anna, status, reason)
        way()
        person.refresh_from_db()
        assert (person.lead_status, person.disqualify_reason) == (status("Contacting"), None), way.__name__
    # Its status was deleted, and records moved to another one.
    disqualify(person, anna, status, reason)
    outcome = list_items.delete_item(status("Disqualified"), status("Contacting"), by=ada, via="admin")
    person.refresh_from_db()
    assert person.disqualify_reason is None
    undo(outcome.change_set, by=ada, via="admin")
    person.refresh_from_db()
    assert person.disqualify_reason == reason()


def test_where_no_status_applies_the_reason_stays_stored_and_hidden(page, anna, person, category, status, reason):
    disqualify(person, anna, status, reason)
    actions.set_category(person.company, category("Customer"), by=anna, via="card")
    person.refresh_from_db()
    assert person.disqualify_reason == reason()
    assert "No budget" not in page.get(reverse("leads:facts", args=["persons", person.pk]), **HTMX).content.decode()
    with pytest.raises(ValidationError, match="not a potential customer"):
        disqualify(person, anna, status, reason)
    for other in (None, reason("No need")):
        with pytest.raises(ValidationError, match="not a potential customer"):
            actions.edit_person(person, {"disqualify_reason": other}, by=anna, via="api")


def test_only_who_is_disqualified_has_a_reason(anna, person, status, reason):
    for change in (
        lambda: actions.set_lead_status(person, status("Contacting"), by=anna, via="card", reason=reason()),
        lambda: actions.edit_person(person, {"disqualify_reason": reason()}, by=anna, via="card"),
        lambda: actions.edit_person(
            person, {"disqualify_reason": reason(), "lead_status": status("Qualified")}, by=anna, via="api"
        ),
        lambda: actions.create_person({"last_name": "X", "disqualify_reason": reason()}, by=anna, via="api"),
    ):
        with pytest.raises(ValidationError) as refused:
            change()
        assert set(refused.value.message_dict) == {"disqualify_reason"}
    disqualify(person, anna, status, reason)
    # Another reason for who is disqualified already.
    outcome = actions.set_lead_status(person, status("Disqualified"), by=anna, via="bulk", reason=reason("No need"))
    person.refresh_from_db()
    assert person.disqualify_reason == reason("No need") and outcome.changed == 1


def test_renurture_plans_a_follow_up_under_the_same_change(anna, person, status):
    day = timezone.localdate() + datetime.timedelta(days=60)
    outcome = actions.set_lead_status(person, status("Re-nurture"), by=anna, via="card", again_on=day)
    planned = Activity.objects.get()
    assert (planned.person, planned.company, planned.owner, planned.day) == (person, person.company, anna, day)
    person.refresh_from_db()
    assert person.next_activity == planned.due_at and not any(activity_lifecycle.drift().values())
    undo(outcome.change_set, by=anna, via="card")
    person.refresh_from_db()
    assert person.lead_status == status("Open") and person.next_activity is None
    assert not Activity.objects.filter(deleted_at=None).exists()


def test_the_card_asks_why(page, anna, person, status, reason):
    address = reverse("leads:set_status", args=[person.pk])
    facts = page.get(reverse("leads:facts", args=["persons", person.pk]), **HTMX).content.decode()
    assert f'data-href="{address}?status={status("Disqualified").pk}&amp;was=' in facts
    question = page.get(address, {"status": status("Disqualified").pk}, **HTMX).content.decode()
    assert "Why?" in question and "No budget" in question
    data = {"status": status("Disqualified").pk, "was": person.lead_status_id, "asked": "1"}
    for wrong in ({}, {"reason": ""}, {"reason": "999999"}, {"reason": "x"}):
        refused = page.post(address, {**data, **wrong}, **HTMX)
        assert refused.status_code == 422 and "Choose why." in refused.content.decode()
    done = page.post(address, {**data, "reason": reason().pk}, **HTMX)
    assert done.status_code == 204 and "is now Disqualified" in done.headers["HX-Trigger"]
    assert "No budget" in page.get(reverse("leads:facts", args=["persons", person.pk]), **HTMX).content.decode()
    page.post(re.search(r'"undo_url": "([^"]+)"', done.headers["HX-Trigger"])[1], **HTMX)
    person.refresh_from_db()
    assert person.lead_status == status("Open") and person.disqualify_reason is None


def test_without_any_reasons_nothing_is_asked(page, ada, person, status):
    for one in DisqualifyReason.objects.all():
        list_items.delete_item(one, by=ada, via="admin")
    address = reverse("leads:set_status", args=[person.pk])
    assert page.post(address, {"status": status("Disqualified").pk}, **HTMX).status_code == 204
    person.refresh_from_db()
    assert person.lead_status == status("Disqualified") and person.disqualify_reason is None


def test_the_card_asks_when(page, anna, person, status):
    address = reverse("leads:set_status", args=[person.pk])
    data = {"status": status("Re-nurture").pk, "was": person.lead_status_id, "asked": "1"}
    for wrong in ("soon", "2027-02-30", "99999-01-01", "0001-01-01"):
        refused = page.post(address, {**data, "again_on": wrong}, **HTMX)
        assert refused.status_code == 422 and "Enter a date" in refused.content.decode()
    assert page.post(address, {**data, "again_on": "2031-05-04"}, **HTMX).status_code == 204
    assert Activity.objects.get().day == datetime.date(2031, 5, 4)
    actions.set_lead_status(person, status("Open"), by=anna, via="card")
    assert page.post(address, {**data, "again_on": ""}, **HTMX).status_code == 204
    assert Activity.objects.count() == 1  # nobody said when


def test_the_list_asks_once_for_all_ticked_rows(page, anna, category, status, reason):
    company = CompanyFactory(by=anna, category=category("Lead"))
    persons = [PersonFactory(by=anna, company=company) for _number in range(3)]
    address = reverse("leads:persons_act", args=["status"])
    data = {"ids": ",".join(str(one.pk) for one in persons), "go": "1", "count": "3", "value": status("Disqualified").pk}
    question = page.post(address, data, **HTMX)
    assert (
        question.status_code == 422
        and "No budget" in question.content.decode()
        and "Choose why." not in question.content.decode()
    )
    refused = page.post(address, {**data, "asked": "1"}, **HTMX).content.decode()
    at_field = '<div id="error-question" role="alert"><p class="error">Choose why.</p></div></fieldset>'
    assert refused.count("Choose why.") == 1 and at_field in refused
    done = page.post(address, {**data, "asked": "1", "reason": reason().pk}, **HTMX)
    assert "3 persons are now Disqualified" in done.headers["HX-Trigger"]
    assert set(Person.objects.values_list("disqualify_reason__name_en", flat=True)) == {"No budget"}
    assert (
        page.get(f"/persons/?disqualify_reason={reason().pk}&cols=name,disqualify_reason").content.decode().count("No budget")
        >= 3
    )
    assert page.get("/persons/?group=disqualify_reason").status_code == 200
    later = {**data, "value": status("Re-nurture").pk}
    assert "Get in touch again" in page.post(address, later, **HTMX).content.decode()
    assert page.post(address, {**later, "asked": "1", "again_on": "2031-05-04"}, **HTMX).status_code == 204
    assert Activity.objects.count() == 3


def test_the_whole_form_asks_why(page, anna, person, status, reason):
    address = reverse("leads:edit", args=["persons", person.pk])
    data = {"last_name": person.last_name, "lead_status": status("Disqualified").pk, "version": person.version,
            "was-last_name": person.last_name, "was-lead_status": person.lead_status_id}  # fmt: skip
    refused = page.post(address, data, **HTMX)
    assert refused.status_code == 422 and "Choose why." in refused.content.decode()
    assert page.post(address, {**data, "disqualify_reason": reason().pk}, **HTMX).status_code == 204
    person.refresh_from_db()
    assert person.disqualify_reason == reason()


def test_the_api_takes_a_reason_and_lists_them(page, person, status, reason):
    listed = page.get("/api/v1/disqualify-reasons/").json()["results"]
    assert reason().pk in {one["id"] for one in listed}
    address = f"/api/v1/persons/{person.pk}/"
    body = {"lead_status": status("Disqualified").pk, "disqualify_reason": reason().pk, "version": person.version}
    changed = page.patch(address, body, content_type="application/json")
    assert changed.status_code == 200 and changed.json()["disqualify_reason"] == reason().pk
    assert page.get(f"/api/v1/persons/?disqualify_reason={reason().pk}").json()["count"] == 1
    for wrong in (0, "x", True, 10**20):
        body = {"disqualify_reason": wrong, "version": changed.json()["version"]}
        assert page.patch(address, body, content_type="application/json").status_code == 400
