"""The cards of persons and companies (W1, W2): seen, edited in place, refused in words (R4, R6, R17, U3)."""

import datetime
import json
import re

import pytest
from django.conf import settings
from django.urls import reverse

from activities.models import Activity
from crm.history.models import ChangeSet
from leads import actions
from leads.models import Company, Person
from sales import actions as sales
from sales.models import SaleStage
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory
from tests.forms import Form

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def company(anna, category):
    return CompanyFactory(by=anna, name="Nordwind Logistik", category=category("Lead"))


@pytest.fixture
def person(anna, company):
    return PersonFactory(by=anna, first_name="Jana", last_name="Petersen", company=company)


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def fact(person, name):
    kind = "persons" if isinstance(person, Person) else "companies"
    return reverse("leads:fact", args=[kind, person.pk, name])


def save(page, record, name, value, *, was="", version=None):
    data = {name: value, f"was-{name}": was, "version": version or type(record).objects.get(pk=record.pk).version}
    return page.post(fact(record, name), data, **HTMX)


def test_the_card_shows_category_and_status(page, person):
    text = page.get(person.get_absolute_url()).content.decode()
    assert "Jana Petersen" in text and "Nordwind Logistik" in text
    assert text.index("Category") < text.index("fact-lead_status")
    assert "nobody has tried to reach this person yet" in text  # the tooltip (R10)


def test_r6_without_lead_status_the_field_is_gone_and_a_hint_says_why(page, person, company, category, anna):
    actions.set_category(company, category("Customer"), by=anna, via="card")
    text = page.get(person.get_absolute_url()).content.decode()
    assert "fact-lead_status" not in text
    assert "No lead status: the category Customer is not a potential customer." in text


def test_the_message_of_an_undo_says_what_was_undone_and_where(page, person, company, status, category, anna):
    def undone():
        answer = page.post(reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]), **HTMX)
        return json.loads(answer.headers["HX-Trigger"])["toast"]["text"]

    save(page, person, "title", "CTO")
    assert undone() == "Undone: Job title changed (Jana Petersen)"
    assert undone() == "Redone: Job title changed (Jana Petersen)"
    actions.edit_person(person, {"phone": "+49 421 1", "mobile": "+49 171 1", "title": "CTO"}, by=anna, via="card")
    assert undone() == "Undone: Phone, mobile changed (Jana Petersen)"
    actions.set_lead_status(person, status("Contacting"), by=anna, via="card")
    assert undone() == "Undone: Lead status set to Contacting (Jana Petersen)"
    actions.set_category(Company.objects.all(), category("Customer"), by=anna, via="list")
    assert undone() == "Undone: Category set to Customer (Nordwind Logistik)"


def test_a_status_is_set_in_place_and_undone_from_the_message(page, person, status):
    response = page.post(reverse("leads:set_status", args=[person.pk]), {"status": status("Qualified").pk}, **HTMX)
    assert response.status_code == 204 and "Jana Petersen is now Qualified" in response.headers["HX-Trigger"]
    person.refresh_from_db()
    assert person.lead_status == status("Qualified")
    undone = page.post(reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]), **HTMX)
    assert undone.status_code == 204
    person.refresh_from_db()
    assert person.lead_status == status("Open")


def test_who_undoes_a_creation_on_its_card_goes_on_to_the_list(page, person, anna):
    made = actions.create_person({"last_name": "Wegdamit", "owner": anna}, by=anna, via="form")
    undo = reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk])
    seen_on = {**HTMX, "HTTP_HX_CURRENT_URL": f"http://testserver{made.get_absolute_url()}?tab=history"}
    undone = page.post(undo, **seen_on)
    assert undone.headers["HX-Redirect"] == reverse("leads:persons") and "HX-Trigger" not in undone.headers
    landed = page.get(reverse("leads:persons")).content.decode()
    assert "Creation undone (Wegdamit)" in landed and reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]) in landed
    # On any other page one stays.
    seen_on["HTTP_HX_CURRENT_URL"] = f"http://testserver{person.get_absolute_url()}"
    again = page.post(reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]), **seen_on)
    assert "HX-Redirect" not in again.headers and "changed" in again.headers["HX-Trigger"]


def test_w3_an_empty_list_of_a_companys_persons_creates_them_there(page, company):
    created_at = f"{reverse('leads:person_new')}?company={company.pk}"
    section = page.get(reverse("leads:company_persons", args=[company.pk]), **HTMX).content.decode()
    assert f'href="{created_at}"' in section
    assert 'value="Nordwind Logistik"' in page.get(created_at).content.decode()


def test_a_fact_is_edited_in_place(page, person):
    assert 'name="title"' in page.get(fact(person, "title"), **HTMX).content.decode()
    assert save(page, person, "title", " CTO ").status_code == 204
    person.refresh_from_db()
    assert person.title == "CTO"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("email", "not an address", "valid email"),
        ("title", "x" * 121, "at most 120"),
        ("last_name", "  ", "required"),
        ("phone", "call me", "phone number"),
        ("title", "null\x00byte", "Null characters"),
        ("owner", "999999", "valid choice"),
        ("company", "999999", "valid choice"),
        ("company", "abc", "valid choice"),
    ],
)
def test_bad_input_gets_a_message_at_the_field_and_nothing_is_lost(page, person, name, value, message):
    before = Person.objects.values().get(pk=person.pk)
    response = save(page, person, name, value)
    assert response.status_code == 422 and message in response.content.decode()
    assert Person.objects.values().get(pk=person.pk) == before


def test_r4_the_category_of_a_person_with_a_company_is_refused(page, person, category):
    response = save(page, person, "category", category("Customer").pk, was=person.category_id)
    assert response.status_code == 422 and "category is that of the company Nordwind Logistik" in response.content.decode()


def test_r17_a_colleagues_change_of_the_same_field_shows_both_values(page, person, ada):
    seen = person.version
    actions.edit_person(person, {"title": "Theirs"}, by=ada, via="card")
    response = save(page, person, "title", "Mine", was="", version=seen)
    text = response.content.decode()
    assert response.status_code == 409 and "Theirs" in text and 'value="Mine"' in text
    person.refresh_from_db()
    assert person.title == "Theirs"
    again = save(page, person, "title", "Mine", was="Theirs")
    person.refresh_from_db()
    assert again.status_code == 204 and person.title == "Mine"


def test_r17_a_colleagues_change_of_another_field_is_kept(page, person, ada):
    seen = person.version
    actions.edit_person(person, {"mobile": "+49 171 555 0199"}, by=ada, via="card")
    assert save(page, person, "title", "Mine", was="", version=seen).status_code == 204
    person.refresh_from_db()
    assert (person.title, person.mobile) == ("Mine", "+49 171 555 0199")


def test_r4_edit_all_of_a_person_with_a_company_shows_its_category(page, anna, category):
    company = CompanyFactory(by=anna, category=category("Partner"))
    there, alone = PersonFactory(by=anna, company=company), PersonFactory(by=anna, company=None)
    text = page.get(reverse("leads:edit", args=["persons", there.pk]), headers={"HX-Request": "true"}).content.decode()
    assert re.search(r'<span class="label">Category</span><div>Partner <a [^>]*href="' + company.get_absolute_url(), text)
    assert 'name="category"' not in text and "from the company" in text
    text = page.get(reverse("leads:edit", args=["persons", alone.pk]), headers={"HX-Request": "true"}).content.decode()
    assert 'name="category"' in text and "from the company" not in text


def test_r17_after_a_conflict_what_one_left_alone_is_the_colleagues_also_when_saved_again(page, person, ada):
    address = reverse("leads:edit", args=["persons", person.pk])
    sent = Form(page.get(address, **HTMX)).sent
    actions.edit_person(person, {"title": "Theirs", "mobile": "+49 171 555 0199"}, by=ada, via="card")
    told = page.post(address, sent | {"title": "Mine"}, **HTMX)
    assert told.status_code == 409 and "Theirs" in told.content.decode()
    again = Form(told).sent
    assert (again["title"], again["mobile"], again["was-mobile"]) == ("Mine", "+49 171 555 0199", "+49 171 555 0199")
    assert page.post(address, again, **HTMX).status_code == 204
    person.refresh_from_db()
    assert (person.title, person.mobile) == ("Mine", "+49 171 555 0199")


def test_what_was_typed_in_a_field_that_went_meanwhile_is_refused_and_not_dropped(page, person, anna, category, status):
    address = reverse("leads:edit", args=["persons", person.pk])
    sent = Form(page.get(address, **HTMX)).sent
    actions.set_category(person.company, category("Customer"), by=anna, via="card")
    told = page.post(address, sent | {"title": "Mine", "lead_status": str(status("Qualified").pk)}, **HTMX)
    assert told.status_code == 422 and "the category Customer is not a potential customer" in told.content.decode()
    assert Form(told).sent["title"] == "Mine"
    assert page.post(address, sent | {"title": "Mine"}, **HTMX).status_code == 204
    person.refresh_from_db()
    assert (person.title, person.lead_status) == ("Mine", status("Open"))
    sale = SaleFactory(by=anna)
    address = reverse("leads:edit", args=["sales", sale.pk])
    sent = Form(page.get(address, **HTMX)).sent
    sales.win(sale, by=anna, via="card")
    another = SaleStage.objects.exclude(pk=sale.stage_id).first()
    assert page.post(address, sent | {"stage": str(another.pk)}, **HTMX).status_code == 422


def test_r17_the_others_values_are_told_in_words(page, company, anna, ada):
    sale = SaleFactory(by=anna, company=company, expected_on=datetime.date(2027, 3, 1))
    for kind, record, name, values, told in (
        ("companies", company, "country", ("AT", "CH"), "<b>Country</b>: Austria"),
        ("sales", sale, "expected_on", (datetime.date(2027, 3, 5), "2027-04-01"), "<b>Expected on</b>: 5 Mar 2027"),
    ):
        address = reverse("leads:edit", args=[kind, record.pk])
        sent = Form(page.get(address, **HTMX)).sent
        edit = sales.edit_sale if kind == "sales" else actions.edit_company
        edit(record, {name: values[0]}, by=ada, via="card")
        answer = page.post(address, sent | {name: values[1]}, **HTMX)
        assert answer.status_code == 409 and told in answer.content.decode()


def test_a_stranger_finds_nothing_and_a_reader_changes_nothing(client, person, max_, rita):
    client.force_login(max_)
    addresses = [person.get_absolute_url(), fact(person, "title"), person.company.get_absolute_url()]
    assert {client.get(url).status_code for url in addresses} == {404}
    client.force_login(rita)
    assert client.get(person.get_absolute_url()).status_code == 200
    assert "data-edit" not in client.get(person.get_absolute_url()).content.decode()
    assert client.get(fact(person, "title")).status_code == 403
    assert save(client, person, "title", "x").status_code == 403


def test_a_person_is_created_with_a_hint_at_who_is_there_already(page, person, company):
    hint = page.get(reverse("leads:similar", args=["persons"]), {"email": person.email.upper()}, **HTMX).content.decode()
    assert "Jana Petersen" in hint
    response = page.post(reverse("leads:person_new"), {"last_name": "Wehner", "company": company.pk, "email": person.email})
    assert response.status_code == 302
    created = Person.objects.get(last_name="Wehner")
    assert created.is_lead and created.company == company
    refused = page.post(reverse("leads:person_new"), {"first_name": "Only"})
    assert refused.status_code == 422 and "required" in refused.content.decode() and 'value="Only"' in refused.content.decode()


@pytest.mark.parametrize("kind, given", [
    ("persons", {"first_name": "Jana", "email": "no", "phone": "no", "mobile": "no"}),
    ("companies", {"email": "no", "phone": "no", "website": "no"}),
])  # fmt: skip
def test_u3_all_that_is_wrong_with_a_new_record_is_told_at_once(page, kind, given):
    text = page.post(f"/{kind}/new/", given, **HTMX).content.decode()
    for name in given.keys() - {"first_name"} | {"last_name" if kind == "persons" else "name"}:
        assert f'id="id_{name}_error"' in text, name


def test_u3_a_company_that_was_typed_and_not_chosen_is_not_dropped_without_a_word(page, person, company):
    typed = {"company": "", "company-typed": "Nobody's Ltd"}
    refused = page.post(reverse("leads:person_new"), {"last_name": "Wehner", **typed})
    text = refused.content.decode()
    assert refused.status_code == 422 and "Choose one from the list." in text and "Nobody&#39;s Ltd" in text
    data = {**typed, "was-company": company.pk, "version": person.version}
    refused = page.post(fact(person, "company"), data, **HTMX)
    assert refused.status_code == 422 and "Nobody&#39;s Ltd" in refused.content.decode()
    assert Person.objects.get().company == company
    # Who empties the field means it.
    assert page.post(fact(person, "company"), {**data, "company-typed": " "}, **HTMX).status_code == 204
    assert Person.objects.get().company is None


def test_a_company_is_created_and_deleted_with_its_persons(page, company, person, category):
    response = page.post(reverse("leads:company_new"), {"name": "Weser Optik", "category": category("Partner").pk})
    assert response.status_code == 302 and Company.objects.get(name="Weser Optik").category == category("Partner")
    dialog = page.get(reverse("leads:delete", args=["companies", company.pk]), **HTMX).content.decode()
    assert "What should happen to its 1 person?" in dialog
    assert f"Deleted records can be restored from the bin for {settings.BIN_DAYS} days." in dialog
    page.post(reverse("leads:delete", args=["companies", company.pk]), {"keep_persons": "1"}, **HTMX)
    person.refresh_from_db()
    assert person.deleted_at is None and person.company is None


def test_follow_ups_on_the_card(page, person):
    new = reverse("activities:new", args=["persons", person.pk])
    refused = page.post(new, {"kind": "call", "subject": "", "day": "soon"}, **HTMX)
    assert refused.status_code == 422
    assert (
        page.post(new, {"kind": "call", "subject": "Call back", "day": "2020-01-31", "time": "10:00"}, **HTMX).status_code == 204
    )
    activity = Activity.objects.get()
    assert activity.company == person.company
    shown = page.get(reverse("activities:next", args=["persons", person.pk]), **HTMX).content.decode()
    assert "Call back" in shown and "overdue" in shown
    page.post(reverse("activities:tick", args=[activity.pk]), **HTMX)
    person.refresh_from_db()
    assert person.next_activity is None
    page.post(reverse("activities:note", args=["persons", person.pk]), {"text": "Reached her\nShe is interested"}, **HTMX)
    assert "She is interested" in page.get(reverse("activities:timeline", args=["persons", person.pk]), **HTMX).content.decode()


def test_the_history_tells_it_in_words(page, person, status, anna, company):
    actions.set_lead_status(person, status("Qualified"), by=anna, via="card")
    actions.edit_person(person, {"company": None}, by=anna, via="card")
    text = page.get(reverse("leads:history", args=["persons", person.pk]), **HTMX).content.decode()
    assert "Lead status</span> Open → <b>Qualified</b>" in text
    assert "Nordwind Logistik → <b>nothing</b>" in text


@pytest.mark.parametrize("many", [3, 25])
def test_card_and_history_ask_a_constant_number_of_questions(page, person, anna, status, many, django_assert_max_num_queries):
    for number in range(many):
        actions.edit_person(person, {"title": f"Title {number}", "owner": anna if number % 2 else None}, by=anna, via="card")
        ActivityFactory(by=anna, person=person)
    for url, most in [
        (person.get_absolute_url(), 10),
        (reverse("leads:history", args=["persons", person.pk]), 12),
        (reverse("activities:timeline", args=["persons", person.pk]), 17),
        (person.company.get_absolute_url(), 10),
    ]:
        with django_assert_max_num_queries(most):
            assert page.get(url).status_code == 200
