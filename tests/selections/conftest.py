import pytest

from leads import actions as leads
from leads.models import Person
from selections import actions
from tests.factories import CompanyFactory, PersonFactory


@pytest.fixture
def persons(anna):
    """Four persons of Anna's in Berlin, named A to D."""
    company = CompanyFactory(by=anna, name="Nordwind", city="Berlin")
    return [PersonFactory(by=anna, company=company, first_name="", last_name=letter * 3) for letter in "ABCD"]


@pytest.fixture
def select(anna):
    """Make a selection of Anna's: of persons and seen by all unless said otherwise."""

    def make(name="Guests", kind="static", by=anna, records=None, **values):
        if records is not None and not hasattr(records, "model"):
            records = Person.objects.filter(pk__in=[person.pk for person in records])
        given = {"name": name, "record_type": "person", "kind": kind, **values}
        return actions.create_selection(given, by=by, via="form", records=records)

    return make


@pytest.fixture
def company(anna, category):
    return CompanyFactory(by=anna, name="Nordwind", category=category("Lead"), city="Bremen")


@pytest.fixture
def lead(anna, company, status):
    """Make a lead of Anna's in this status."""

    def make(name, of="Open", by=anna, **values):
        person = PersonFactory(by=by, first_name="", last_name=name, company=values.pop("company", company), **values)
        if of != "Open":
            leads.set_lead_status(person, status(of), by=by, via="card")
        person.refresh_from_db()
        return person

    return make


@pytest.fixture
def page(client, anna):
    """Anna's browser."""
    client.force_login(anna)
    return client
