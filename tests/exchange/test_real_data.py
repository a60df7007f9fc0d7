"""The real exports an installation must take in, by the command as an administrator runs it (issue: real input)."""

from pathlib import Path

import pytest
from django.core.management.base import CommandError

from crm.history.undo import undo
from crm.models import User
from exchange.models import Import
from leads.models import Company, Person
from tests.exchange.files import command, everything

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.skipif(not (DATA / "sp500-companies.csv").exists(), reason=f"the real exports are not at {DATA}"),
    pytest.mark.usefixtures("nothing_unattributed"),
]
NONE = {"persons_created": 0, "persons_updated": 0, "companies_created": 0, "companies_updated": 0, "unchanged": 0, "duplicates": 0,
        "failed": 0}  # fmt: skip


def zoho(name):
    return DATA / "zoho-crm-export" / f"{name}.csv"


def test_the_lead_list_comes_whole_comes_once_and_goes_again(ada):
    before = everything()
    _lines, counts = command(zoho("Leads"), "--category", "Lead", by=ada)
    assert counts == {**NONE, "persons_created": 3_900, "companies_created": 1_008}
    persons = Person.objects.all()
    assert persons.count() == persons.values("email_key").distinct().count() == 3_900
    assert Company.objects.count() == Company.objects.values("name_key").distinct().count() == 1_008
    assert not persons.filter(is_lead=False).exists() and not persons.filter(lead_status=None).exists()
    kinds = set(persons.values_list("lead_status__kind", flat=True))
    assert kinds == {"open", "working", "qualified", "disqualified", "nurture"}
    assert User.objects.filter(persons__isnull=False).distinct().count() == 11
    source = Import.objects.get()
    assert source.report["differences"] > 900 and len(source.report["differing"]) == 200
    lines, counts = command(zoho("Leads"), "--category", "Lead", by=ada)
    assert counts == {**NONE, "unchanged": 3_900} and lines[0].startswith("Nothing has changed")

    # Its contacts are found by their addresses, the accounts by their names.
    addresses = set(persons.values_list("email_key", flat=True))
    _lines, counts = command(zoho("Contacts"), by=ada)
    assert counts["failed"] == 0 and counts["persons_created"] == Person.objects.count() - 3_900
    assert persons.count() == len(addresses | set(Person.objects.values_list("email_key", flat=True)))
    contacts = Import.objects.order_by("-pk").first()
    if contacts.change_set:
        assert not undo(contacts.change_set, by=ada, via="import").left
    assert not undo(source.change_set, by=ada, via="import").left
    assert everything() == before


def test_the_accounts_without_a_name_are_errors_and_the_rest_comes(ada):
    with pytest.raises(CommandError, match="With --partial"):
        command(zoho("Accounts"), "--record", "company", by=ada)
    assert not Company.objects.exists()
    _lines, counts = command(zoho("Accounts"), "--record", "company", "--partial", by=ada)
    assert counts["failed"] == 3 and counts["companies_created"] == Company.objects.count()
    assert counts["companies_created"] + counts["duplicates"] + 3 == 2_229
    # The first row of a company decides what it is.
    assert set(Company.objects.values_list("category__name_en", flat=True)) >= {"Customer", "Lead"}
    _lines, again = command(zoho("Accounts"), "--record", "company", "--partial", by=ada)
    assert again == {**NONE, "unchanged": counts["companies_created"], "duplicates": counts["duplicates"], "failed": 3}


def test_the_500_companies_come_with_their_industries(ada):
    _lines, counts = command(DATA / "sp500-companies.csv", "--record", "company", "--category", "Customer", by=ada)
    assert counts["failed"] == 0 and counts["companies_created"] == Company.objects.count() > 480
    one = Company.objects.get(number="MMM")
    assert (one.name, one.industry.name_en, one.category.name_en, one.city) == (
        "3M",
        "Industrials",
        "Customer",
        "Saint Paul, Minnesota",
    )
