"""A check says exactly what the run then does, whatever the file repeats and wherever a batch ends (I1, P28)."""

import contextlib
import random

import pytest
from django.db import transaction

from crm.history.models import ChangeSet
from leads.models import Company, Person
from tests.exchange.files import brought, csv_of, reasons, tried
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")

HEAD = ["Id", "First name", "Last name", "E-mail", "Phone", "Title", "Company", "Account Id", "Website", "City", "Lead status", "Owner",
        "Source", "Former employee"]  # fmt: skip


def a_file(seed, rows=130):
    """Return a file in which much is repeated, by id, address, name or whole, and some is wrong."""
    chance = random.Random(seed)
    made: list[list[str]] = []

    def some(*texts, empty=0.3):
        return "" if chance.random() < empty else chance.choice(texts)

    while len(made) < rows:
        if made and chance.random() < 0.15:
            made.append(list(chance.choice(made)))
            continue
        company = chance.randrange(12)
        named = chance.random() < 0.7
        made.append([
            some(*map(str, range(60)), empty=0.5), some("Jana", "Jan", "Ayşe"), some("Petersen", "Öztürk", "Weiß", empty=0.03),
            some(*[f"p{number}@example.com" for number in range(50)], "P3@Example.com", "no address", empty=0.4),
            some("040 1", "040 2"), some("CEO", "CTO", "x" * 300 if chance.random() < 0.1 else "CFO"),
            chance.choice([f"Firma {company}", f"FIRMA {company}", "Kunde AG"]) if named else "",
            some(str(company), str(90 + company), empty=0.6) if named else some("999", empty=0.9),
            some("one.example.com", "two.example.com", empty=0.5), some("Köln", "Bonn", empty=0.5),
            some("Qualified", "Junk", "new", empty=0.4), some("Anna Kraft", "Max Lorenz", "New Rep", empty=0.4),
            some("Fair", "Web", empty=0.5), some("ja", "nein", "maybe" if chance.random() < 0.2 else "no", empty=0.6),
        ])  # fmt: skip
    return csv_of(HEAD, *made), len(made)


def arrange_records(ada, anna, max_, category):
    """Some of the persons and companies are here already: of others, customers, without a company, in part filled."""
    customer = CompanyFactory(by=ada, name="Kunde AG", category=category("Customer"), city="Köln")
    PersonFactory(by=ada, owner=anna, email="p1@example.com", company=customer, title="CEO")
    PersonFactory(by=ada, owner=max_, email="p2@example.com", company=CompanyFactory(by=ada, owner=max_, name="Firma 2"))
    PersonFactory(by=ada, owner=anna, email="p3@example.com", company=None, category=category("Other"), first_name="", phone="")
    PersonFactory(by=ada, owner=anna, email="p4@example.com", company=None, category=category("Lead"))
    CompanyFactory(by=ada, owner=anna, name="Firma 5", category=category("Opportunity"))


@pytest.mark.parametrize("batch", [7, 40, 2_000])
@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
@pytest.mark.parametrize("seed", range(5))
def test_the_check_counts_what_the_run_does(ada, anna, max_, category, roles, monkeypatch, seed, policy, batch):
    monkeypatch.setattr("exchange.importer.BATCH", batch)
    arrange_records(ada, anna, max_, category)
    roles["sales_rep"].see = roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    by = (ada, anna)[seed % 2]
    data, rows = a_file(seed)
    before = Person.objects.count(), Company.objects.count(), ChangeSet.objects.count()
    check, expected = tried(by, data, policy=policy)
    assert (Person.objects.count(), Company.objects.count(), ChangeSet.objects.count()) == before
    run, report = brought(by, data, policy=policy, partial=True)
    assert report.counts == expected.counts
    assert report.differing == expected.differing
    assert report.notes == expected.notes
    assert report.differences == expected.differences
    assert reasons(run) == reasons(check) and 0 < report.failed < rows
    # Each row is counted once, and each record that was made is there.
    counts = report.counts
    of_rows = ("persons_created", "persons_updated", "unchanged", "duplicates", "failed")
    assert sum(counts[name] for name in of_rows) == report.rows == rows
    assert (Person.objects.count(), Company.objects.count()) == (
        before[0] + counts["persons_created"], before[1] + counts["companies_created"])  # fmt: skip


@pytest.mark.parametrize("seed", range(20, 24))
def test_where_a_batch_ends_makes_no_difference(ada, anna, max_, category, monkeypatch, seed):
    arrange_records(ada, anna, max_, category)
    data, _rows = a_file(seed)
    names = ("first_name", "last_name", "email", "phone", "title", "company__name", "company__city", "company__website",
             "lead_status__name_en", "category__name_en", "owner__username", "source__name_en", "former_employee")  # fmt: skip
    found = []
    for batch in (7, 50, 2_000):
        monkeypatch.setattr("exchange.importer.BATCH", batch)
        with contextlib.suppress(_Enough), transaction.atomic():
            _source, report = brought(ada, data, partial=True)
            found.append((report.counts, sorted(map(str, Person.objects.values_list(*names)))))
            raise _Enough
    assert found[0] == found[1] == found[2]


class _Enough(Exception):
    """Take it back, for the next try."""


@pytest.mark.parametrize("seed", range(40, 43))
def test_the_same_file_again_is_unchanged_row_by_row(ada, anna, max_, category, monkeypatch, seed):
    monkeypatch.setattr("exchange.importer.BATCH", 40)
    arrange_records(ada, anna, max_, category)
    data, _rows = a_file(seed)
    _source, first = brought(ada, data, partial=True)
    _source, again = brought(ada, data, partial=True)
    assert again.counts["persons_created"] == again.counts["companies_created"] == again.counts["persons_updated"] == 0
    assert (
        again.counts["unchanged"] == first.counts["persons_created"] + first.counts["persons_updated"] + first.counts["unchanged"]
    )
    assert again.counts["failed"] == first.counts["failed"]


@pytest.mark.parametrize("seed", range(60, 63))
@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
def test_a_file_of_companies_counts_alike(ada, anna, max_, category, monkeypatch, seed, policy):
    monkeypatch.setattr("exchange.importer.BATCH", 20)
    arrange_records(ada, anna, max_, category)
    chance = random.Random(seed)
    rows = [
        [chance.choice(["", "", *map(str, range(30))]), chance.choice([f"Firma {number}" for number in range(25)] + ["Kunde AG", ""]),
         chance.choice(["Customer", "Prospect", "", "Reseller"]), chance.choice(["Köln", "", "Bonn"]), chance.choice(["ja", "nein", ""]),
         chance.choice(["DE", "Frankreich", "", "Atlantis" if chance.random() < 0.3 else "AT"])]
        for _number in range(120)
    ]  # fmt: skip
    data = csv_of(["AccountId", "Account Name", "Account Type", "City", "Stop", "Country"], *rows)
    _source, expected = tried(ada, data, "company", policy=policy)
    _source, report = brought(ada, data, "company", policy=policy, partial=True)
    assert (report.counts, report.differences) == (expected.counts, expected.differences)
    of_rows = ("companies_created", "companies_updated", "unchanged", "duplicates", "failed")
    assert sum(report.counts[name] for name in of_rows) == len(rows)
