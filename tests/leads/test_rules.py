"""The rules of the domain, R1–R12, each by every way in."""

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from crm import criteria, records
from crm.fields import Asking
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from exchange import actions as imports
from leads import actions, lifecycle, list_items
from leads.models import Category, CategoryGroup, Company, LeadStatus, Person
from leads.setup import CATEGORIES, STATUSES
from tests.factories import CompanyFactory, PersonFactory, arrange
from tests.leads.ways import WAYS, Refused

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture(params=sorted(WAYS))
def way(request, anna, client):
    return WAYS[request.param](anna, client)


@pytest.fixture
def lead_company(anna, category):
    return CompanyFactory(by=anna, name="Nordwind", category=category("Lead"))


def refused_by_the_database(change):
    with pytest.raises(IntegrityError), transaction.atomic():
        change()


# --- R1, R2: categories and their groups ------------------------------------------------------------------------------


def test_r1_a_company_always_has_one_category(way, category):
    company = way.new_company(name="Weser")
    assert company.category == category("Lead")
    refused_by_the_database(lambda: Company.objects.filter(pk=company.pk).update(category=None))


def test_r1_the_five_groups_are_fixed(db):
    assert set(CategoryGroup.objects.values_list("code", flat=True)) == {"customer", "potential", "partner", "lost", "other"}
    refused_by_the_database(lambda: CategoryGroup.objects.create(code="friends", name_en="Friends", name_de="Freunde"))


@pytest.mark.parametrize("group", ["customer", "partner", "lost", "other"])
def test_r2_the_database_refuses_lead_status_outside_potential_customer(group, db):
    of_group = Category.objects.filter(group=group)
    refused_by_the_database(lambda: of_group.update(lead_status_enabled=True))


def test_r2_a_category_with_lead_status_cannot_leave_the_group(category):
    refused_by_the_database(lambda: Category.objects.filter(name_en="Lead").update(group="customer"))


@pytest.mark.parametrize("path", ["categories", "lead-statuses", "category-groups"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_r1_r2_r5_r8_r10_r11_lists_are_only_read_by_the_api(client, ada, path, method):
    client.force_login(ada)
    for address in (f"/api/v1/{path}/", f"/api/v1/{path}/1/", f"/api/v1/{path}/customer/"):
        answer = getattr(client, method)(address, {"lead_status_enabled": True}, content_type="application/json")
        assert answer.status_code in {404, 405}, address


# --- R3, R4: whose status, whose category -----------------------------------------------------------------------------


def test_r3_colleagues_have_their_own_lead_status(way, lead_company, status):
    first, second = (way.new_person(last_name=name, company=lead_company) for name in ("Petersen", "Wehner"))
    way.edit(first, lead_status=status("Qualified"))
    second.refresh_from_db()
    assert (first.lead_status, second.lead_status) == (status("Qualified"), status("Open"))


@pytest.mark.parametrize("name", [name for name, *_rest in CATEGORIES])
def test_r4_lead_status_applies_exactly_when_the_companys_category_says_so(way, lead_company, category, name):
    person = way.new_person(last_name="Petersen", company=lead_company)
    way.edit(lead_company, category=category(name))
    person.refresh_from_db()
    assert person.category == category(name)
    assert person.is_lead == category(name).lead_status_enabled


def test_r4_a_person_with_a_company_cannot_have_their_category_edited(way, lead_company, category):
    person = way.new_person(last_name="Petersen", company=lead_company)
    with pytest.raises(Refused, match="category is that of the company Nordwind"):
        way.edit(person, category=category("Customer"))
    person.refresh_from_db()
    assert person.category == category("Lead")


def test_r4_the_card_says_where_to_change_the_category_with_a_link(client, anna, lead_company):
    person = PersonFactory(by=anna, company=lead_company)
    client.force_login(anna)
    card = client.get(person.get_absolute_url()).content.decode()
    beside = card[card.index('id="fact-category"') :].split("</div>", 1)[0]
    assert f'href="{lead_company.get_absolute_url()}"' in beside and "data-edit" not in beside.split("<dt>", 1)[0]


def test_r4_a_person_without_a_company_has_a_category_of_their_own(way, category):
    person = way.new_person(last_name="Petersen")
    assert person.category == category("Lead") and person.is_lead
    way.edit(person, category=category("Partner"))
    assert person.category == category("Partner") and not person.is_lead


def test_r4_who_leaves_a_company_keeps_its_category_and_who_joins_one_takes_its(way, lead_company, category):
    customer = way.new_company(name="Helios", category=category("Customer"))
    person = way.new_person(last_name="Petersen", company=customer)
    way.edit(person, company=None)
    assert person.category == category("Customer") and not person.is_lead
    way.edit(person, company=lead_company)
    assert person.category == category("Lead") and person.is_lead
    # Their own category is kept by the history (settled 3).
    joined = Change.objects.get(record_type="person", record_id=person.pk, field="category", op="u")
    assert (joined.old, joined.new) == (str(category("Customer").pk), str(category("Lead").pk))


# --- R5: where a lead starts ------------------------------------------------------------------------------------------


def test_r5_a_new_lead_starts_open_and_others_without_a_status(way, lead_company, category, status):
    assert way.new_person(last_name="Petersen", company=lead_company).lead_status == status("Open")
    customer = way.new_company(name="Helios", category=category("Customer"))
    assert way.new_person(last_name="Wehner", company=customer).lead_status is None


def test_r5_a_renamed_default_is_still_where_leads_start(way, lead_company, status):
    arrange(LeadStatus.objects.filter(is_default=True), name_en="Brand new")
    assert way.new_person(last_name="Petersen", company=lead_company).lead_status.name_en == "Brand new"


def test_r5_the_database_keeps_one_default_that_is_open_and_not_deleted(status):
    default, other = LeadStatus.objects.filter(is_default=True), LeadStatus.objects.filter(name_en="Qualified")
    refused_by_the_database(lambda: other.update(is_default=True))
    refused_by_the_database(lambda: default.update(kind="working"))
    refused_by_the_database(lambda: default.update(deleted_at="2026-01-01T00:00Z"))


# --- R6: where it does not apply --------------------------------------------------------------------------------------


def test_r6_where_it_does_not_apply_a_status_cannot_be_set_and_stays_stored(way, lead_company, category, status, anna):
    person = way.new_person(last_name="Petersen", company=lead_company, lead_status=status("Qualified"))
    way.edit(lead_company, category=category("Customer"))
    with pytest.raises(Refused, match="No lead status: the category Customer is not a potential customer"):
        way.edit(person, lead_status=status("Open"))
    person.refresh_from_db()
    assert person.lead_status == status("Qualified")
    lines, errors = criteria.from_query(records.get("person"), _query(lead_status=status("Qualified").pk), Asking(anna))
    assert not errors and list(Person.objects.filter(criteria.to_q(lines, Asking(anna)))) == [person]


def test_r6_a_new_customer_contact_cannot_be_given_a_status(way, category, status):
    customer = way.new_company(name="Helios", category=category("Customer"))
    with pytest.raises(Refused, match="not a potential customer"):
        way.new_person(last_name="Wehner", company=customer, lead_status=status("Open"))
    assert not Person.objects.exclude(lead_status=None).exists()
    # The page's form asks for none; there the person is created, and it is the menu on the card that is refused.
    assert way.name == "page" or not Person.objects.exists()


def test_r6_says_so_where_the_category_has_it_switched_off(way, lead_company, status):
    person = way.new_person(last_name="Petersen", company=lead_company)
    arrange(Category.objects.filter(name_en="Lead"), lead_status_enabled=False)
    lifecycle.derive_persons([person.pk])
    with pytest.raises(Refused, match="category Lead has lead status switched off"):
        way.edit(person, lead_status=status("Qualified"))


def test_r6_the_field_is_gone_from_card_form_list_and_file_and_still_found(client, anna, lead_company, category, status):
    person = PersonFactory(by=anna, company=lead_company)
    actions.set_lead_status(person, status("Qualified"), by=anna, via="card")
    client.force_login(anna)
    edit = reverse("leads:edit", args=["persons", person.pk])
    assert 'name="lead_status"' in client.get(edit).content.decode()
    actions.set_category(lead_company, category("Customer"), by=anna, via="card")
    assert 'name="lead_status"' not in client.get(edit).content.decode()
    assert "fact-lead_status" not in client.get(person.get_absolute_url()).content.decode()
    listed = client.get(f"/persons/?lead_status={status('Qualified').pk}").content.decode()
    assert person.last_name in listed and "stored: Qualified" in listed
    file = b"".join(client.get("/persons/export.csv?cols=name,lead_status").streaming_content).decode("utf-8-sig")
    assert file.splitlines()[1].split(",")[1] == ""
    # The API gives the stored value, and says that it does not apply (settled 1).
    shown = client.get(f"/api/v1/persons/?lead_status={status('Qualified').pk}").json()["results"]
    assert [(row["id"], row["lead_status"], row["lead_status_applies"]) for row in shown] == [
        (person.pk, status("Qualified").pk, False)
    ]


def test_r6_an_import_gives_no_status_where_none_applies_and_says_so(ada, category, status):
    customer = CompanyFactory(by=ada, name="Helios", category=category("Customer"))
    person = PersonFactory(by=ada, company=customer, email="jana@example.com")
    report = bring_in(ada, b"Last Name,Email,Company,Lead Status\nPetersen,jana@example.com,Helios,Qualified\n")
    person.refresh_from_db()
    assert person.lead_status is None
    assert any("not a potential customer" in text for _row, text in report["notes"])


def bring_in(by, content):
    """Import a file as the command does, and return the report."""
    source = imports.upload(SimpleUploadedFile("file.csv", content), "file.csv", "person", by=by, at_once=True)
    return imports.bring_in(source).as_json()


def test_r6_a_bulk_change_leaves_those_it_does_not_apply_to_and_says_why(lead_company, category, status, anna):
    lead = PersonFactory(by=anna, company=lead_company)
    other = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")))
    outcome = actions.set_lead_status(Person.objects.all(), status("Qualified"), by=anna, via="bulk")
    assert outcome.changed == 1 and Person.objects.get(pk=lead.pk).lead_status == status("Qualified")
    assert outcome.left == [(other.pk, "No lead status: the category Customer is not a potential customer.")]


def _query(**params):
    query = QueryDict(mutable=True)
    query.update(params)
    return query


# --- R7, R8: a change of category and the persons ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "through", "end", "start_over", "expected"),
    [
        ("Lead", None, "Marketing qualified lead (MQL)", False, "Qualified"),  # between lead categories nothing changes
        ("Lead", None, "Marketing qualified lead (MQL)", True, "Qualified"),  # also not where one starts over: no new group
        ("Lead", "Customer", "Lead", False, "Qualified"),  # it comes back as it was
        ("Lead", "Customer", "Lead", True, "Open"),  # from outside the group: start over
        ("Lead", "Former customer", "Lost opportunity", True, "Open"),
        ("Customer", None, "Lead", False, "Open"),  # never had one
    ],
)
def test_r7_what_a_change_of_category_does_to_the_status(way, category, status, start, through, end, start_over, expected):
    arrange(Category.objects.filter(name_en=end), start_over=start_over)
    company = way.new_company(name="Weser", category=category(start))
    person = way.new_person(last_name="Petersen", company=company)
    if person.is_lead:
        way.edit(person, lead_status=status("Qualified"))
    for name in filter(None, (through, end)):
        way.edit(company, category=category(name))
    person.refresh_from_db()
    assert person.lead_status == status(expected) and person.is_lead


def test_r7_holds_for_a_person_who_changes_the_company(way, category, status):
    arrange(Category.objects.filter(name_en="Lead"), start_over=True)
    customer = way.new_company(name="Helios", category=category("Customer"))
    lead = way.new_company(name="Weser", category=category("Lead"))
    person = way.new_person(last_name="Petersen", company=lead, lead_status=status("Qualified"))
    way.edit(person, company=customer)
    assert not person.is_lead and person.lead_status == status("Qualified")
    way.edit(person, company=lead)
    assert person.is_lead and person.lead_status == status("Open")


def test_r7_the_history_keeps_every_value(way, lead_company, category, status):
    person = way.new_person(last_name="Petersen", company=lead_company)
    way.edit(person, lead_status=status("Contacting"))
    way.edit(person, lead_status=status("Qualified"))
    way.edit(lead_company, category=category("Customer"))
    way.edit(lead_company, category=category("Lead"))
    values = Change.objects.filter(record_type="person", record_id=person.pk, field="lead_status").order_by("id")
    names = [LeadStatus.objects.get(pk=value).name_en for value in values.values_list("new", flat=True)]
    assert names == ["Open", "Contacting", "Qualified"]


def test_r7_holds_when_many_companies_move_at_once(anna, category, status):
    companies = [CompanyFactory(by=anna, category=category(name)) for name in ("Lead", "Customer")]
    kept, fresh = (PersonFactory(by=anna, company=company) for company in companies)
    actions.set_lead_status(kept, status("Contacting"), by=anna, via="card")
    actions.set_category(Company.objects.all(), category("Opportunity"), by=anna, via="bulk")
    kept.refresh_from_db(), fresh.refresh_from_db()
    assert (kept.lead_status, fresh.lead_status) == (status("Contacting"), status("Open"))
    assert kept.is_lead and fresh.is_lead and not lifecycle.drift()


@pytest.mark.parametrize("on", [True, False])
def test_r8_every_way_in_shows_what_switching_lead_status_did(client, ada, lead_company, category, status, on):
    person = PersonFactory(by=ada, company=lead_company)
    actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, by=ada, via="admin")
    if on:
        list_items.edit_item(category("Lead"), {"lead_status_enabled": True}, by=ada, via="admin")
    client.force_login(ada)
    shown = client.get(f"/api/v1/persons/{person.pk}/").json()
    assert (shown["lead_status"], shown["lead_status_applies"]) == (status("Qualified").pk, on)
    assert ("fact-lead_status" in client.get(person.get_absolute_url()).content.decode()) == on
    assert (client.get("/api/v1/persons/?lead_status_applies=true").json()["count"] == 1) == on


# --- R9, R10: what is there from the start ----------------------------------------------------------------------------


def test_r9_the_predefined_categories(db):
    potential = Category.objects.filter(group="potential").order_by("rank")
    assert [item.name_en for item in potential] == ["Lead", "Marketing qualified lead (MQL)", "Opportunity", "Lost opportunity"]
    assert all(item.lead_status_enabled for item in potential)
    assert [item.name_de for item in potential] == [
        "Lead",
        "Marketingqualifizierter Lead (MQL)",
        "Opportunity",
        "Verlorene Opportunity",
    ]
    assert set(Category.objects.values_list("group", flat=True)) == set(CategoryGroup.CODES)
    assert not Category.objects.exclude(group="potential").filter(lead_status_enabled=True).exists()


def test_r10_the_predefined_lead_statuses_with_kind_and_description(db):
    rows = LeadStatus.objects.order_by("rank").values_list("name_en", "name_de", "kind")
    assert list(rows) == [
        ("Open", "Offen", "open"),
        ("Contacting", "Kontaktaufnahme", "working"),
        ("Qualified", "Qualifiziert", "qualified"),
        ("Re-nurture", "Erneut bearbeiten", "nurture"),
        ("Disqualified", "Disqualifiziert", "disqualified"),
    ]
    assert not LeadStatus.objects.filter(description_en="").exists() and not LeadStatus.objects.filter(description_de="").exists()


def test_r9_r10_the_api_gives_the_lists_in_the_language_asked_for(client, anna):
    client.force_login(anna)
    for path, expected in (("categories", CATEGORIES), ("lead-statuses", STATUSES)):
        for language, place in (("en", 0), ("de", 1)):
            rows = client.get(f"/api/v1/{path}/", headers={"Accept-Language": language}).json()["results"]
            assert [row["name"] for row in rows] == [item[place] for item in expected]
            assert [row["description"] for row in rows] == [item[place - 2] for item in expected]
    assert [row["kind"] for row in rows] == [item[2] for item in STATUSES]


def test_r10_the_menu_on_the_card_explains_every_status(client, anna, lead_company):
    person = PersonFactory(by=anna, company=lead_company)
    client.force_login(anna)
    card = html.unescape(client.get(person.get_absolute_url()).content.decode())
    for english, _german, _kind, _colour, about, _ueber in STATUSES:
        assert f'title="{about}"' in card and english in card
    assert f'data-tooltip="{STATUSES[0][-2]}"' in card


def test_r11_what_was_deleted_is_offered_nowhere_and_given_by_no_way(way, client, anna, lead_company, category, status):
    for model, name in ((Category, "Partner"), (LeadStatus, "Re-nurture")):
        arrange(model.objects.filter(name_en=name), deleted_at="2026-01-01T00:00Z")
    person = way.new_person(last_name="Petersen", company=lead_company)
    for record, values in ((person, {"lead_status": status("Re-nurture")}), (lead_company, {"category": category("Partner")})):
        with pytest.raises(Refused):
            way.edit(record, **values)
    person.refresh_from_db(), lead_company.refresh_from_db()
    assert (person.lead_status, lead_company.category) == (status("Open"), category("Lead"))
    client.force_login(anna)
    assert "Re-nurture" not in client.get(person.get_absolute_url()).content.decode()
    assert ">Partner<" not in client.get(reverse("leads:fact", args=["companies", lead_company.pk, "category"])).content.decode()


def test_r11_a_deleted_status_stays_on_its_records_and_is_selectable_no_more(way, lead_company, status):
    person = way.new_person(last_name="Petersen", company=lead_company, lead_status=status("Re-nurture"))
    arrange(LeadStatus.objects.filter(name_en="Re-nurture"), deleted_at="2026-01-01T00:00Z")
    other = way.new_person(last_name="Wehner", company=lead_company)
    with pytest.raises(Refused, match="deleted"):
        way.edit(other, lead_status=status("Re-nurture"))
    way.edit(person, title="Head of Operations")
    assert person.lead_status.label == "Re-nurture (deleted)"


# --- R12: nothing turns a customer back into a lead -------------------------------------------------------------------


def test_r12_a_person_who_comes_to_a_customer_leaves_it_a_customer(way, category, lead_company):
    customer = way.new_company(name="Helios", category=category("Customer"))
    way.new_person(last_name="Wehner", company=customer)
    way.edit(way.new_person(last_name="Petersen", company=lead_company), company=customer)
    customer.refresh_from_db()
    assert customer.category == category("Customer") and not Person.objects.filter(company=customer, is_lead=True).exists()


def test_r12_an_import_of_leads_leaves_a_customer_a_customer(ada, category):
    customer = CompanyFactory(by=ada, name="Helios", category=category("Customer"))
    report = bring_in(ada, b"Last Name,Email,Company\nPetersen,jana@example.com,HELIOS\nWehner,tom@example.com,Weser\n")
    customer.refresh_from_db()
    assert customer.category == category("Customer") and report["companies_created"] == 1
    assert dict(Person.objects.values_list("email", "is_lead")) == {"jana@example.com": False, "tom@example.com": True}


@pytest.mark.parametrize("many", [False, True])
def test_r16_an_undone_status_leaves_the_one_before_it_as_old_as_it_was(anna, category, status, monkeypatch, many):
    """*In status since* tells when the status was given, whatever came and was taken back in between."""
    if many:
        monkeypatch.setattr("crm.history.undo.AT_ONCE", 0)
    person = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")))
    long_ago = timezone.now() - timezone.timedelta(days=90)
    begun = ChangeSet.objects.filter(action="person.create").latest("pk")
    ChangeSet.objects.filter(pk=begun.pk).update(at=long_ago)

    def since():
        person.refresh_from_db()
        return (person.lead_status.name_en, (timezone.now() - person.lead_status_since).days)

    def give(name, days):
        done = actions.set_lead_status(person, status(name), by=anna, via="card").change_set
        ChangeSet.objects.filter(pk=done.pk).update(at=timezone.now() - timezone.timedelta(days=days))
        return done

    def back(change_set):
        return undo(ChangeSet.objects.get(pk=change_set.pk), by=anna, via="card").change_set

    contacting = give("Contacting", 60)
    undone = back(contacting)
    assert since() == ("Open", 90)
    redone = back(undone)
    assert since() == ("Contacting", 60)
    # Again and again.
    undone = back(redone)
    assert since() == ("Open", 90)
    redone = back(undone)
    assert since() == ("Contacting", 60)
    back(redone)
    assert since() == ("Open", 90)
    give("Contacting", 60)
    give("Qualified", 40)
    back(give("Open", 20))
    assert since() == ("Qualified", 40)
    # What leaves the status alone leaves its age alone, too.
    arrange(Person.objects.filter(pk=person.pk), lead_status_since=long_ago)
    back(actions.edit_person(person, {"title": "CFO"}, by=anna, via="card").change_set)
    assert since() == ("Qualified", 90)


def test_r16_a_status_that_an_undo_had_left_comes_back_as_old_as_it_was(anna, category, status):
    company = CompanyFactory(by=anna, category=category("Lead"))
    _first, second = (PersonFactory(by=anna, company=company) for _number in range(2))
    both = actions.set_lead_status(Person.objects.all(), status("Contacting"), by=anna, via="bulk").change_set
    ChangeSet.objects.filter(pk=both.pk).update(at=timezone.now() - timezone.timedelta(days=60))
    later = actions.set_lead_status(second, status("Qualified"), by=anna, via="card").change_set
    assert [pk for pk, _reason in undo(both, by=anna, via="bulk").left] == [second.pk]
    undo(later, by=anna, via="card")
    second.refresh_from_db()
    assert (second.lead_status, (timezone.now() - second.lead_status_since).days) == (status("Contacting"), 60)


def test_r7_who_came_while_no_status_applied_begins_at_the_default_when_that_is_undone(ada, category):
    company = CompanyFactory(by=ada, category=category("Lead"))
    moved = actions.set_category(company, category("Customer"), by=ada, via="card")
    company.refresh_from_db()
    person = PersonFactory(by=ada, company=company)
    assert person.lead_status is None
    undo(moved.change_set, by=ada, via="card")
    person.refresh_from_db()
    assert person.is_lead and person.lead_status.is_default and lifecycle.drift() == []
