"""A field changed for many at once: by as many statements for eight as for two, and as if each had been edited alone (S8, R16)."""

import datetime
from decimal import Decimal
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import BooleanField
from django.test.utils import CaptureQueriesContext

from crm.history import changes
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from leads import actions as leads
from leads import lifecycle
from leads.models import Category, Company, Industry, Person, Source
from sales import actions as sales
from sales.models import Sale, SaleReason, SaleStage, SaleType
from selections import tasks
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_unattributed")]
EDIT = {Person: leads.edit_person, Company: leads.edit_company, Sale: sales.edit_sale}
FEW, MANY = 2, 8


@pytest.fixture
def records(ada, category):
    """Persons without a company, or companies with a person and a sale each."""

    def of(record_type):
        if record_type == "person":
            made = [
                PersonFactory(by=ada, company=None, title=f"Berlin {number}", last_name=f"Berlin{number % 5}")
                for number in range(MANY)
            ]
            return Person.objects.filter(pk__in=[person.pk for person in made])
        companies = [
            CompanyFactory(by=ada, name=f"Berlin {number} GmbH", city="Berlin", category=category("Lead"), stop=number % 2 == 0)
            for number in range(MANY)
        ]
        for company in companies:
            PersonFactory(by=ada, company=company)
            SaleFactory(by=ada, company=company, name=f"Berlin {company.pk}", amount=Decimal(company.pk))
        ActivityFactory(by=ada, person=Person.objects.filter(company=companies[0]).get())
        return Company.objects.all() if record_type == "company" else Sale.objects.all()

    return of


def other_value(model, name, by):
    """Return a value that none of the records has."""
    items = {"category": lambda: Category.objects.get(name_en="Customer"), "owner": lambda: by,
             "industry": Industry.objects.first, "source": Source.objects.last, "type": SaleType.objects.first,
             "stage": lambda: SaleStage.objects.get(name_en="Offer")}  # fmt: skip
    plain = {"email": "all@example.com", "website": "https://example.com", "phone": "+49 421 1", "mobile": "+49 171 2", "country": "DK",
             "amount": Decimal("12.50"), "currency": "EUR", "expected_on": datetime.date(2030, 1, 31)}  # fmt: skip
    if name in items:
        return items[name]()
    return True if isinstance(model._meta.get_field(name), BooleanField) else plain.get(name, "Hamburg")


def operations(model, name, by):
    """Yield each thing the dialog can do to this field: function(current) -> the new value."""
    offered = tasks.operations_of(model, name)
    value, empty = other_value(model, name, by), None if model._meta.get_field(name).null else ""
    yield "set", lambda current: value
    if "clear" in offered:
        yield "clear", lambda current: empty
    if "toggle" in offered:
        yield "toggle", lambda current: not getattr(current, name)
    if "replace" in offered:
        yield "replace", lambda current: getattr(current, name).replace("Berlin", "Kiel")


def rows(model, ids):
    """Return all that stands in these rows and in those of their persons and sales, but when they were written and how often."""
    own = {"version", "updated_at", "lead_status_since"}
    found = {}
    for kind, many in ((model, {"pk__in": ids}), (Person, {"company__in": ids}), (Sale, {"company__in": ids})):
        if kind is model or model is Company:
            names = [field.attname for field in kind._meta.concrete_fields if field.name not in own]
            found |= {(kind, row["id"]): row for row in kind.objects.filter(**many).values(*names)}
    return found


@pytest.mark.parametrize("record_type", ["person", "company", "sale"])
def test_s8_every_field_is_changed_and_undone_in_sets_as_each_alone_would_be(records, ada, jan, record_type):
    every = records(record_type)
    model, edit_many = every.model, tasks.EDITS[record_type]
    ids = list(every.order_by("pk").values_list("pk", flat=True))
    for name in tasks.fields_of(record_type):
        for operation, new in operations(model, name, jan):
            about, before, statements = f"{name}: {operation}", rows(model, ids), []
            for some in (ids[:FEW], ids):
                with CaptureQueriesContext(
                    connection,
                ) as asked:
                    outcome = edit_many(model.objects.filter(pk__in=some), name, new, by=ada, via="bulk")
                if outcome.changed == 0:
                    break  # nobody has anything to clear
                after = rows(model, some)
                with CaptureQueriesContext(connection) as asked_back:
                    back = undo(outcome.change_set, by=ada, via="bulk")
                assert back.changed == outcome.changed and not back.left, about
                statements.append((len(asked), len(asked_back)))
                assert rows(model, ids) == before, about
            if not statements:
                continue
            assert statements[0] == statements[1], about
            with transaction.atomic():
                for one in model.objects.filter(pk__in=ids[:FEW]):
                    EDIT[model](one, {name: new(one)}, by=ada, via="card")
                alone = rows(model, ids[:FEW])
                transaction.set_rollback(True)
            assert alone == {key: row for key, row in after.items() if belongs(key, row, ids[:FEW], model)}, about


def belongs(key, row, ids, model):
    return (key[1] if key[0] is model else row["company_id"]) in ids


def test_s8_who_may_not_be_changed_is_left_and_told_and_nobody_is_written(anna, max_):
    blank, long, since = (PersonFactory(by=anna, company=None, last_name=name) for name in ("Ost", "X" * 79, "Süd"))
    theirs = PersonFactory(by=max_, company=None, last_name="West")
    as_of = Change.objects.latest("id").pk
    leads.edit_person(since, {"last_name": "Südost"}, by=anna, via="card")
    before = list(Person.objects.order_by("pk").values_list("last_name", "version"))
    shorter = {"Ost": "", "X" * 79: "X" * 158}
    outcome = leads.edit_persons(
        Person.objects.all(), "last_name", lambda one: shorter.get(one.last_name, "Neu"), by=anna, via="bulk", as_of=as_of
    )
    assert outcome.changed == 0 and list(Person.objects.order_by("pk").values_list("last_name", "version")) == before
    assert dict(outcome.left) == {
        blank.pk: "This field cannot be blank.",
        long.pk: "Ensure this value has at most 100 characters (it has 158).",
        since.pk: "Somebody else changed it in the meantime.",
        theirs.pk: "You may not change this record.",
    }


def test_r4_r7_the_category_of_who_is_at_a_company_is_left_and_others_follow_theirs(anna, category):
    there = PersonFactory(by=anna, company=CompanyFactory(by=anna, name="Nordwind", category=category("Lead")))
    alone = PersonFactory(by=anna, company=None, category=category("Customer"))
    outcome = leads.edit_persons(Person.objects.all(), "category", lambda one: category("Opportunity"), by=anna, via="bulk")
    assert outcome.changed == 1 and [pk for pk, _reason in outcome.left] == [there.pk] and "Nordwind" in outcome.left[0][1]
    alone.refresh_from_db()
    assert alone.is_lead and alone.lead_status.is_default and lifecycle.drift() == []
    undo(outcome.change_set, by=anna, via="bulk")
    alone.refresh_from_db()
    assert not alone.is_lead and alone.category == category("Customer") and lifecycle.drift() == []


def test_r14_the_stage_of_closed_sales_is_left_and_who_closed_them_is_told(anna, ada):
    won, lost, going_on = (SaleFactory(by=anna, name=name) for name in ("A", "B", "C"))
    sales.win(Sale.objects.filter(pk=won.pk), by=anna, via="card")
    sales.lose(Sale.objects.filter(pk=lost.pk), by=ada, via="card", reason=SaleReason.objects.filter(outcome="lost").first())
    offer = SaleStage.objects.get(name_en="Offer")
    outcome = sales.edit_sales(Sale.objects.all(), "stage", lambda one: offer, by=anna, via="bulk")
    told = dict(outcome.left)
    assert outcome.changed == 1 and told.keys() == {won.pk, lost.pk} and Sale.objects.get(stage=offer).pk == going_on.pk
    assert (
        "Anna Kraft has already marked “A” as won" in told[won.pk] and "Ada Lind has already marked “B” as lost" in told[lost.pk]
    )
    assert sales.lifecycle.drift() == []


@pytest.mark.parametrize("name", ["lead_status", "disqualify_reason", "company"])
def test_what_needs_more_than_one_value_has_an_action_of_its_own(anna, name):
    with pytest.raises(ValidationError):
        leads.edit_persons(Person.objects.all(), name, lambda one: None, by=anna, via="bulk")


def test_settled_11_many_are_changed_in_chunks_and_undone_as_one(records, ada, monkeypatch):
    every, texts = records("person"), partial(lambda: list(Person.objects.order_by("pk").values_list("title", flat=True)))
    before, first = texts(), every.order_by("pk")[0].pk
    monkeypatch.setattr(changes, "AT_ONCE", 5)
    monkeypatch.setattr("crm.history.undo.AT_ONCE", 5)
    monkeypatch.setattr(changes.chunks, "__defaults__", (5,))
    outcome = leads.edit_persons(every, "title", lambda one: one.title.replace("Berlin", "Kiel"), by=ada, via="bulk")
    assert outcome.changed == MANY and texts() == [text.replace("Berlin", "Kiel") for text in before]
    assert ChangeSet.objects.filter(action="person.edit").count() == 1
    arrange(Person.objects.filter(pk=first), title="Later")
    back = undo(outcome.change_set, by=ada, via="bulk")
    assert [pk for pk, _reason in back.left] == [first] and back.changed == MANY - 1
    assert texts() == ["Later", *before[1:]]
