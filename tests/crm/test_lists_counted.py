"""Groups counted by their columns, texts folded in the database, rows taken many at once: the quick ways give the same answers."""

import pytest
from django.db import connection
from django.db.models import Value

from crm import records
from crm.database import insert_many
from crm.fields import Asking, Fold
from crm.history.changes import change
from crm.history.models import Change
from crm.text import fold
from leads.actions import create_persons
from leads.models import Company, Person
from tests.factories import CompanyFactory, PersonFactory, arrange


def groupable():
    return [(record.name, field.name) for record in records.every() for field in record.fields.values() if field.group]


@pytest.mark.parametrize(("kind", "name"), groupable())
def test_a_field_puts_each_record_into_the_part_whose_condition_it_meets(kind, name, anna, jan, category, status, ada):
    company = CompanyFactory(by=anna, country="DE", stop=True)
    customer = CompanyFactory(by=jan, category=category("Customer"))
    persons = [
        PersonFactory(by=anna, company=company),
        PersonFactory(by=jan, company=customer),
        PersonFactory(by=anna, company=None),
    ]
    # A status that does not apply, an owner who is gone, somebody who left.
    arrange(Person.objects.filter(pk=persons[1].pk), lead_status=status("Qualified"), former_employee=True)
    arrange(Person.objects.filter(pk=persons[2].pk), owner=None)
    record, asking = records.get(kind), Asking(ada)
    field = record.fields[name]
    for part in field.parts(asking):
        ids = set(record.model.objects.filter(part.q).values_list("pk", flat=True))
        rows = record.model.objects.values("pk", *field.part_columns)
        assert ids == {row["pk"] for row in rows if field.part_key(row, asking) == part.key}, part.key


@pytest.mark.parametrize(
    "text", ["", "Bremen", "  two  blanks ", "a\tb", "Straße", "ÉCLAIR", "MIXED case", " leading", "trailing ", "ﬁ", "x" * 300, "a*b?[c]"]
)  # fmt: skip
def test_a_column_is_folded_as_python_folds_it(text, anna):
    with connection.cursor() as cursor:
        sql, params = Person.objects.annotate(folded=Fold(Value(text))).values("folded").query.sql_with_params()
        PersonFactory(by=anna)
        cursor.execute(sql, params)
        assert cursor.fetchone()[0] == fold(text)


def test_many_records_are_inserted_as_one_by_one_with_ids_and_history(anna, category):
    lead = category("Lead")
    with change("company.create", by=anna, via="import") as change_set:
        made = [Company(name=f"Company\t\\{n}", name_key=f"k{n}", category=lead, owner=anna, country="DE") for n in range(3)]
        insert_many(made)
        insert_many([])
    stored = list(Company.objects.filter(pk__in=[company.pk for company in made]).order_by("pk"))
    assert [one.pk for one in stored] == [company.pk for company in made]
    assert [(one.name, str(one.country), one.owner, one.version) for one in stored] == [
        (f"Company\t\\{n}", "DE", anna, 1) for n in range(3)
    ]
    assert [one.created_at for one in stored] == [one.created_at for one in made]
    created = Change.objects.filter(change_set=change_set, op="i", field="")
    assert set(created.values_list("record_id", flat=True)) == {company.pk for company in made}
    assert CompanyFactory(by=anna).pk > made[-1].pk


PAGES = ["/search/?q=person", "/search/?q=persom", "/persons/filter/", "/persons/filter/?field=owner", "/persons/columns/",
         "/persons/count/", "/companies/{company}/persons/", "/persons/{person}/timeline/", "/companies/{company}/timeline/",
         "/persons/{person}/edit/", "/companies/{company}/delete/", "/persons/?name=person&sort=-company",
         "/persons/?title__empty=1&group=country", "/api/v1/persons/?page=1", "/api/v1/companies/?search=company"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_the_same_number_of_statements_of_3_and_of_60_records(page, client, anna, django_assert_max_num_queries):
    client.force_login(anna)
    company = CompanyFactory(by=anna)
    first = create_persons([{"last_name": f"Person {n}", "company": company} for n in range(3)], by=anna, via="system")
    address = page.format(company=company.pk, person=first[0].pk)
    client.get(address)  # what is asked once a session
    with django_assert_max_num_queries(25) as few:
        assert client.get(address).status_code == 200
    create_persons([{"last_name": f"Person {n}", "company": company} for n in range(3, 60)], by=anna, via="system")
    # A list that does not fit on one page is counted.
    with django_assert_max_num_queries(len(few) + 1):
        assert client.get(address).status_code == 200
