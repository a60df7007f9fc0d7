"""The real exports an installation must take in, by the command as an administrator runs it (issue: real input)."""

import csv
import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db.models import F

from activities import lifecycle as follow_ups
from activities.models import Activity
from crm.history.undo import undo
from crm.models import ExternalId, User
from exchange.models import Import
from leads.models import AutomationRule, Company, Person
from sales import lifecycle, rates
from sales.models import Sale
from tests.exchange.files import command, everything
from tests.factories import arrange

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


def rows_of(name):
    with zoho(name).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return list(csv.DictReader(file))


def test_the_whole_export_comes_once_adds_up_and_goes_again(ada):
    """Accounts, leads, contacts, deals, tasks, calls, in this order; rules change the categories of the companies."""
    rates.create_rate({"currency": "USD", "valid_from": datetime.date(2019, 1, 1), "rate": Decimal("0.9")}, by=ada, via="admin")
    before, brought = everything(edits=False), []

    def bring(name, record, *arguments):
        _lines, counts = command(zoho(name), "--record", record, "--category", "Lead", *arguments, by=ada)
        brought.append((Import.objects.order_by("-pk").first(), everything(edits=False)))
        return counts

    bring("Accounts", "company", "--partial")
    bring("Leads", "person")
    bring("Contacts", "person")
    arrange(AutomationRule.objects.all(), enabled=True, ask_first=False)
    deals, calls, nothing = rows_of("Potentials"), rows_of("Calls"), dict.fromkeys(("duplicates", "failed", "left_out"), 0)

    found = bring("Potentials", "sale")
    assert found == {**nothing, "sales_created": len(deals), "sales_updated": 0, "companies_created": 0, "companies_updated": 0, "unchanged": 0,
                     "left_out_reasons": {}}  # fmt: skip
    won = [Decimal(row["Amount"].strip("$").replace(",", "")) for row in deals if row["Stage"] == "Closed Won"]
    amounts = Sale.objects.filter(status="won").values_list("amount", "currency")
    assert len(amounts) == len(won) == 1_425 and sum(amount for amount, _currency in amounts) == sum(won) == Decimal(
        "89066200.00"
    )
    assert {currency for _amount, currency in amounts} == {"USD"}
    assert Sale.objects.filter(status="lost").count() == sum(row["Stage"] == "Closed Lost" for row in deals)
    # Each is the deal of the person who came as that lead.
    known = dict(ExternalId.objects.filter(source="leadid", record_type="person").values_list("external_id", "record_id"))
    assert sorted(Sale.objects.values_list("name", "person")) == sorted(
        (row["Potential Name"], known[row["LEADID"]]) for row in deals
    )
    assert not Sale.objects.exclude(person__company=F("company")).exists()
    assert not Company.objects.filter(sales__status="won", category__group="potential").exists()

    assert bring("Tasks", "activity") == {
        **nothing, "activities_created": 0, "activities_updated": 0, "unchanged": 0, "left_out": 2_978,
        "left_out_reasons": {"It does not say which record it belongs to.": 2_978},
    }  # fmt: skip
    found = bring("Calls", "activity")
    unlinked = sum(not any(row[name].strip("0") for name in ("CONTACTID", "ACCOUNTID", "POTENTIALID", "LEADID")) for row in calls)
    # The file of deals has no ids of its own, so what names a deal alone is of nobody.
    gone = sum(
        bool(row["POTENTIALID"].strip("0")) and not any(row[name] for name in ("CONTACTID", "ACCOUNTID", "LEADID"))
        for row in calls
    )
    assert found == {
        **nothing, "activities_created": len(calls) - unlinked - gone, "activities_updated": 0, "unchanged": 0, "left_out": unlinked + gone,
        "left_out_reasons": {"It does not say which record it belongs to.": 1_211, "It refers to a record that does not exist.": gone},
    }  # fmt: skip
    assert unlinked == 1_211 and Activity.objects.count() == found["activities_created"]
    assert not Activity.objects.filter(done_at=None).exists() and set(Activity.objects.values_list("kind", flat=True)) == {"call"}
    accounts = set(ExternalId.objects.filter(source="accountid", record_type="company").values_list("external_id", flat=True))
    linked = [row for row in calls if any(row[name] for name in ("CONTACTID", "ACCOUNTID", "LEADID"))]
    dangling = sum(bool(row["POTENTIALID"].strip("0")) + (row["ACCOUNTID"] not in accounts | {""}) for row in linked)
    assert Import.objects.order_by("-pk").first().report["dangling"] == dangling
    assert not lifecycle.drift() and not any(follow_ups.drift().values())

    for name, record in (("Potentials", "sale"), ("Tasks", "activity"), ("Calls", "activity")):
        there = everything()
        lines, found = command(zoho(name), "--record", record, by=ada)
        assert lines[0].startswith("Nothing has changed") and everything() == there
        assert found["unchanged"] + found["left_out"] == len(rows_of(name))

    # Each is taken back, the last first; what a rule did goes with what set it off.
    states = [before, *(state for _source, state in brought)]
    for place in reversed(range(len(brought))):
        source = brought[place][0]
        if source.change_set:  # the contacts are all here as leads: of them only the ids are new
            assert not undo(source.change_set, by=ada, via="import").left
            assert everything(edits=False) == states[place], source.file_name
