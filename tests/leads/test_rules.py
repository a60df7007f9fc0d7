"""The rules of the domain, R1–R12, each by every way in."""

import pytest
from django.db import IntegrityError, transaction
from django.http import QueryDict

from crm import criteria, records
from crm.fields import Asking
from crm.history.models import Change
from leads import actions, lifecycle
from leads.models import Category, CategoryGroup, Company, LeadStatus, Person
from leads.setup import CATEGORIES
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
    assert not Person.objects.exists()


def test_r6_says_so_where_the_category_has_it_switched_off(way, lead_company, status):
    person = way.new_person(last_name="Petersen", company=lead_company)
    arrange(Category.objects.filter(name_en="Lead"), lead_status_enabled=False)
    lifecycle.derive_persons([person.pk])
    with pytest.raises(Refused, match="category Lead has lead status switched off"):
        way.edit(person, lead_status=status("Qualified"))


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


def test_r11_a_deleted_status_stays_on_its_records_and_is_selectable_no_more(way, lead_company, status):
    person = way.new_person(last_name="Petersen", company=lead_company, lead_status=status("Re-nurture"))
    arrange(LeadStatus.objects.filter(name_en="Re-nurture"), deleted_at="2026-01-01T00:00Z")
    other = way.new_person(last_name="Wehner", company=lead_company)
    with pytest.raises(Refused, match="deleted"):
        way.edit(other, lead_status=status("Re-nurture"))
    way.edit(person, title="Head of Operations")
    assert person.lead_status.label == "Re-nurture (deleted)"
