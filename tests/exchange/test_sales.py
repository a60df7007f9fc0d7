"""Deals of another system become sales: mapped, exact, at their companies, with what rules say, once, and taken back (R13, R14, I1)."""

import datetime
import json
import random
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from crm.history.models import ChangeSet
from crm.models import ExternalId
from exchange import mapping as mappings
from leads.models import AutomationRule, Category, Company, Proposal
from sales import actions, lifecycle
from sales.models import Sale, SaleReason, SaleType
from sales.rates import create_rate
from tests.exchange.files import (
    CALLS,
    DEALS,
    TASKS,
    ZOHO,
    brought,
    command,
    counts,
    csv_of,
    deal,
    everything,
    reasons,
    tried,
    xlsx_of,
)
from tests.factories import CompanyFactory, PersonFactory, SaleFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def dollars(ada):
    create_rate({"currency": "USD", "valid_from": datetime.date(2020, 1, 1), "rate": Decimal("0.9")}, by=ada, via="admin")


@pytest.fixture
def leads(ada, dollars):
    """Nine leads of three companies came before, and kept their ids."""
    rows = [[str(n), f"N{n}", f"Firma {n % 3}", "Ada Lind", f"n{n}@example.com", "", "", "", "", ""] for n in range(1, 10)]
    brought(ada, csv_of(ZOHO, *rows))


@pytest.fixture
def rules(lists):
    arrange(AutomationRule.objects.all(), enabled=True, ask_first=False)


def deals(*rows):
    return csv_of(DEALS, *rows)


def one(**values):
    return Sale.objects.select_related("stage", "reason", "type", "owner", "company", "person").get(**values)


# --- Columns and values -----------------------------------------------------------------------------------------------


def test_the_columns_of_a_zoho_export_are_guessed(lists, ada):
    assert list(mappings.guess("sale", DEALS, ada)["columns"].values()) == [
        "name", "owner", "created_at", "expected_on", "amount", "", "stage", "", "type", "source", "", "lead.external_id", ""]  # fmt: skip
    found = mappings.guess("activity", CALLS, ada)
    assert list(found["columns"].values()) == [
        "external_id", "due_at", "", "owner", "", "subject", "", "", "created_at", "person.external_id", "company.external_id",
        "sale.external_id", "lead.external_id"]  # fmt: skip
    assert found["kind"] == "call"
    found = mappings.guess("activity", TASKS, ada)
    assert list(found["columns"].values()) == ["owner", "subject", "created_at", "due_at", "done", ""] and found["kind"] == "task"


def test_german_columns_are_guessed(lists, ada):
    head = [
        "Verkauf",
        "Firma",
        "Phase",
        "Betrag",
        "Währung",
        "Abschlussdatum",
        "Verlustgrund",
        "Betreuer",
        "Quelle",
        "Erstellt am",
    ]
    assert list(mappings.guess("sale", head, ada)["columns"].values()) == [
        "name", "company.name", "stage", "amount", "currency", "expected_on", "reason", "owner", "source", "created_at"]  # fmt: skip
    head = ["Betreff", "Typ", "Firma", "E-Mail", "Fällig am", "Status", "Priorität", "Notiz", "Betreuer"]
    assert list(mappings.guess("activity", head, ada)["columns"].values()) == [
        "subject", "kind", "company.name", "person.email", "due_at", "done", "priority", "text", "owner"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Closed Won", "won"), ("Gewonnen", "won"), ("Closed Lost", "lost"), ("verloren", "lost"), ("Closed-Lost to Competition", "lost"),
        ("Qualification", "First talk"), ("Prospect", "First talk"), ("Needs Analysis", "Need analysed"), ("Initial Offer", "Offer"),
        ("Proposal/Price Quote", "Offer"), ("Negotiation/Review", "Negotiation"), ("Mündliche Zusage", "Verbal yes"), ("angebot", "Offer"),
    ],
)  # fmt: skip
def test_stages_are_matched_with_ours(lists, ada, text, becomes):
    from crm.text import fold
    from sales.models import SaleStage

    found = mappings.guess_values({}, {"stage": [text]}, ada)["values"]["stage"][fold(text)]
    assert (found if isinstance(found, str) else SaleStage.objects.get(pk=found).name_en) == becomes


@pytest.mark.parametrize("change", [{"currency": "USD"}, {"currency": 5}, {"reason": 999_999}, {"reason": True}, {"reason": "won"},
                                    {"values": {"stage": {"x": "create"}}}, {"values": {"stage": {"x": "open"}}},
                                    {"values": {"status": {"x": 1}}}, {"values": {"type": {"x": [1]}}}])  # fmt: skip
def test_a_mapping_that_makes_no_sense_is_refused(ada, change):
    with pytest.raises(ValidationError):
        tried(ada, deals(deal()), "sale", **change)


def test_a_sales_rep_chooses_a_reason_that_is_there(anna, dollars):
    company = CompanyFactory(by=anna, name="Nordwind")
    data = csv_of(["Deal Name", "Company", "Stage", "Close Date"], ["A", company.name, "Closed Lost", "2024-05-31"])
    source, report = tried(anna, data, "sale")
    assert reasons(source) == [(2, "Stage: Say why it was lost.")] and report.failed == 1
    with pytest.raises(ValidationError, match="Choose the reason"):
        tried(anna, data, "sale", reason="create")
    price = SaleReason.objects.get(name_en="Price")
    brought(anna, data, "sale", reason=price.pk)
    assert one().reason == price and not SaleReason.objects.filter(name_en="Not known").exists()


# --- What comes -------------------------------------------------------------------------------------------------------


def test_deals_come_to_the_persons_that_the_leads_became(ada, anna, leads):
    data = deals(
        deal("Open one", lead="4"), deal("Won one", stage="Closed Won", lead="5", amount="$0.10"),
        deal("Lost one", stage="Closed Lost", lead="6", kind="Existing Business"),
    )  # fmt: skip
    _source, report = brought(ada, data, "sale")
    assert counts(report) == {"sales_created": 3}
    sale = one(name="Open one")
    assert (sale.person.last_name, sale.company.name, sale.owner, sale.stage.name_en) == ("N4", "Firma 1", anna, "First talk")
    assert (sale.amount, sale.currency, sale.base_cents) == (Decimal("22700.00"), "USD", 2_043_000)
    assert (sale.status, sale.expected_on, sale.closed_on) == ("open", datetime.date(2021, 4, 16), None)
    assert sale.created_at == datetime.datetime(2021, 4, 14, 22, 2, tzinfo=datetime.UTC) and sale.type.name_en == "New business"
    won = one(name="Won one")
    assert (won.status, won.closed_on, won.stage.name_en, won.weighted_cents) == (
        "won",
        datetime.date(2021, 4, 16),
        "Verbal yes",
        9,
    )
    lost = one(name="Lost one")
    assert (lost.status, lost.reason.name_en, lost.reason.name_de, lost.type.name_en) == (
        "lost", "Not known", "Nicht bekannt", "Existing Business")  # fmt: skip
    assert not lifecycle.drift()


def test_a_company_is_found_by_name_or_id_or_comes_new(ada, dollars):
    brought(ada, csv_of(["AccountId", "Account Name"], ["7", "Nordwind"]), "company")
    data = csv_of(["Deal Id", "Deal Name", "Account Name", "Account Id", "Amount"], ["1", "By name", "NORDWIND", "", "5 €"],
                  ["2", "By id", "", "7", "5 €"], ["3", "New", "Südwind", "8", "5 €"], ["4", "New by id", "", "8", "5 €"])  # fmt: skip
    _source, report = brought(ada, data, "sale")
    assert counts(report) == {"sales_created": 3, "companies_created": 1, "left_out": 1}
    assert dict(Sale.objects.values_list("name", "company__name")) == {
        "By name": "Nordwind",
        "By id": "Nordwind",
        "New": "Südwind",
    }
    # Its id is known now: what was left out finds it.
    _source, report = brought(ada, data, "sale")
    assert counts(report) == {"sales_created": 1, "unchanged": 3}
    assert set(ExternalId.objects.filter(record_type="sale", source="dealid").values_list("external_id", flat=True)) == set(
        "1234"
    )


def test_rows_that_belong_to_nobody_are_left_out_and_given_back(ada, leads, client):
    alone = PersonFactory(by=ada, company=None, email="alone@example.com")
    head = [*DEALS, "E-mail"]
    data = csv_of(head, [*deal("Here", lead="1"), ""], [*deal("Nobody", lead=""), ""], [*deal("Gone", lead="99"), ""],
                  [*deal("Alone", lead=""), alone.email], [*deal("None", lead="0"), ""])  # fmt: skip
    source, report = brought(ada, data, "sale")
    assert counts(report) == {"sales_created": 1, "left_out": 4}
    assert report.left_out == {
        "It does not say which record it belongs to.": 2, "It refers to a record that does not exist.": 1,
        "The person is at no company, and a sale belongs to one.": 1,
    }  # fmt: skip
    assert str(source.told) == "1 record created, 0 changed. 4 rows were left out."
    client.force_login(ada)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert (
        "Rows left out" in page
        and "2 rows: It does not say which record it belongs to." in page
        and "Rows with errors</h2>" not in page
    )
    file = client.get(f"/imports/{source.pk}/failed/").getvalue().decode()
    assert "Gone" in file and "It refers to a record that does not exist." in file and "Here" not in file
    lines, found = command(data, "--record", "sale", by=ada)
    assert found == {"sales_created": 0, "sales_updated": 0, "companies_created": 0, "companies_updated": 0, "unchanged": 1, "duplicates": 0,
                     "failed": 0, "left_out": 4, "left_out_reasons": report.left_out}  # fmt: skip
    assert lines[0] == "Nothing has changed: all other rows already existed. 4 rows were left out."
    assert "  2 rows left out: It does not say which record it belongs to." in lines


def test_a_person_of_another_company_than_the_row_names_is_noted(ada, leads):
    CompanyFactory(by=ada, name="Nordwind")
    _source, report = brought(ada, csv_of([*DEALS, "Account Name"], [*deal(lead="1"), "Nordwind"]), "sale")
    assert report.notes == [(2, "The person it names is at another company; the sale comes without them.")]
    assert (one().company.name, one().person) == ("Nordwind", None)


def test_a_spreadsheet_has_real_dates_and_numbers(ada, dollars):
    CompanyFactory(by=ada, name="Nordwind")
    day = datetime.datetime(2024, 5, 31, 0, 0)  # noqa: DTZ001 (a cell has no zone)
    brought(ada, xlsx_of(["Deal Name", "Company", "Amount", "Stage", "Close Date"], ["A", "Nordwind", 1234.5, "Closed Won", day],
                         ["B", "Nordwind", 0.1 + 0.2, "Offer", day]), "sale")  # fmt: skip
    assert (one(name="A").amount, one(name="A").currency, one(name="A").closed_on) == (Decimal("1234.50"), "EUR", day.date())
    assert one(name="B").amount == Decimal("0.30")


def test_american_dates_are_told_by_the_others_of_their_column(ada):
    CompanyFactory(by=ada, name="Nordwind")
    head = ["Deal Name", "Company", "Close Date"]
    brought(ada, csv_of(head, ["A", "Nordwind", "3/4/2027"], ["B", "Nordwind", "12/31/2027"]), "sale")
    assert one(name="A").expected_on == datetime.date(2027, 3, 4)
    source, _report = tried(ada, csv_of(head, ["A", "Nordwind", "3/4/2027"]), "sale")
    assert reasons(source) == [(2, "Close Date: “3/4/2027” can be read as two dates. Write dates like 2026-01-31.")]
    ada.language = "de"
    brought(ada, csv_of(head, ["C", "Nordwind", "3/4/2027"]), "sale")
    assert one(name="C").expected_on == datetime.date(2027, 4, 3)


# --- What is wrong ----------------------------------------------------------------------------------------------------

WRONG = [
    ({"amount": "-$5.00"}, "Amount: An amount is not negative."),
    ({"amount": "$" + "9" * 15}, "Amount: Ensure that there are no more than 14 digits in total."),
    ({"amount": "$22,700.123"}, "Amount: An amount has at most two decimals."),
    ({"amount": "a lot"}, "Amount: “a lot” is no amount. Write it like 1234.56."),
    ({"amount": "5 Taler"}, "Amount: The currency “Taler” is not known. Write its code, like EUR or USD."),
    (
        {"amount": "£5"},
        "Amount: GBP: There is no exchange rate for this currency; an administrator adds one in the admin site. Known are: EUR, USD.",
    ),
    ({"closing": "some day"}, "Closing Date: “some day” is no date. Write dates like 2026-01-31."),
    ({"closing": "14 Apr, 2021"}, "Closing Date: This is before it was created, on 15 Apr 2021."),
    ({"stage": "Closed Won", "closing": "14 Apr, 2021"}, "Closing Date: This is before it was created, on 15 Apr 2021."),
    ({"stage": "Closed Won", "closing": "2222-01-01"}, "Closing Date: This day is still to come."),
    ({"stage": "Closed Won", "closing": ""}, "Closing Date: Say when it was closed."),
    ({"created": "2222-01-01", "closing": ""}, "Created Time: This day is still to come."),
    ({"name": ""}, "Potential Name: This field is required."),
    ({"name": "x" * 201}, "Potential Name: Ensure this value has at most 200 characters (it has 201)."),
    ({"lead": "9" * 121}, "LEADID: An id has at most 120 characters."),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
def test_what_is_wrong_is_said_at_its_row_and_column(ada, leads, wrong, reason):
    source, report = tried(ada, deals(deal(), deal(**{"name": "Wrong", **wrong})), "sale")
    [(number, told)] = reasons(source)
    assert (number, told) == (3, reason) or told.startswith(reason)
    assert counts(report) == {"sales_created": 1, "failed": 1}


def test_all_or_nothing_while_a_row_is_wrong(ada, leads):
    before = everything()
    source, report = brought(ada, deals(deal(), deal("B", amount="-1", lead="2"), deal("Out", lead="")), "sale")
    assert report.failed == 1 and source.state == "failed" and everything() == before


def test_an_error_is_told_in_the_users_language(ada, leads):
    from django.utils.translation import gettext

    with translation.override("de"):
        source, _report = tried(ada, deals(deal(stage="Closed Won", closing="2222-01-01")), "sale")
        assert reasons(source) == [(2, f"Closing Date: {gettext('This day is still to come.')}")]
        assert gettext("This day is still to come.") != "This day is still to come."


def test_status_and_closing_have_to_fit(ada, leads):
    head = ["Deal Name", "LEADID", "Status", "Closed on", "Reason", "Amount", "Currency"]
    data = csv_of(
        head, ["A", "1", "open", "2024-01-01", "", "", ""], ["B", "1", "lost", "2024-01-01", "Best offer", "", ""],
        ["C", "1", "won", "2024-01-01", "Best offer", "5 €", "EUR"], ["D", "1", "stalled", "", "", "5 €", "USD"],
        ["E", "1", "stalled", "", "", "5", "usd"], ["F", "1", "open", "", "Price", "", ""],
    )  # fmt: skip
    source, report = tried(ada, data, "sale")
    assert reasons(source) == [
        (2, "Closed on: Only a won or lost sale has been closed."),
        (3, "Reason: This is no reason of such a sale; choose another one."),
        (5, "Currency: The amount is in EUR, and the row says USD."),
        (7, "Reason: Only a won or lost sale has a reason."),
    ]
    assert counts(report) == {"sales_created": 2, "failed": 4}


# --- Again, and back --------------------------------------------------------------------------------------------------


def many(count=40):
    chance = random.Random(count)
    stages = ["Qualification", "Closed Won", "Closed Lost", "Negotiation/Review"]
    return deals(*[deal(f"D{n}", stage=chance.choice(stages), lead=str(n % 9 + 1), amount=f"${chance.randint(1, 10**7) / 100:,.2f}",
                        kind=chance.choice(["New Business", "Other Business"])) for n in range(count)], deal("Out", lead=""))  # fmt: skip


@pytest.mark.parametrize("batch", [7, 2_000])
def test_the_same_file_again_changes_nothing_and_an_undo_takes_all_back(ada, leads, rules, monkeypatch, undo, batch):
    monkeypatch.setattr("exchange.importer.BATCH", batch)
    before = everything(edits=False)
    source, report = brought(ada, many(), "sale")
    assert counts(report) == {"sales_created": 40, "left_out": 1}
    there = everything()
    assert there != before and Category.objects.filter(companies__isnull=False, name_en="Customer").exists()
    for policy in ("gaps", "overwrite"):
        again, report = brought(ada, many(), "sale", policy=policy)
        assert counts(report) == {"unchanged": 40, "left_out": 1} and again.change_set is None
    assert everything() == there
    assert not undo(source, ada).left
    assert everything(edits=False) == before and not SaleType.objects.filter(name_en="Other Business").exists()


def test_an_undo_leaves_what_was_built_on_since(ada, leads, undo):
    source, _report = brought(ada, many(9), "sale")
    edited = one(name="D3")
    actions.edit_sale(edited, {"name": "Ours"}, by=ada, via="card")
    outcome = undo(source, ada)
    assert outcome.left and [sale.name for sale in Sale.objects.all()] == ["Ours"]


def test_what_is_here_gets_its_gaps_filled_or_the_files_values(ada, leads):
    head = ["Deal Id", "Deal Name", "LEADID", "Stage", "Amount", "Close Date"]
    brought(ada, csv_of(head, ["1", "A", "1", "Qualification", "", ""], ["2", "B", "2", "Offer", "5 €", "2099-01-01"]), "sale")
    later = csv_of(
        head, ["1", "A2", "1", "Negotiation", "$7.50", "2024-05-01"], ["2", "B", "2", "Closed Won", "$6", "2024-05-02"]
    )
    _source, report = brought(ada, later, "sale")
    assert counts(report) == {"sales_updated": 1, "unchanged": 1}
    first, second = one(name="A"), one(name="B")
    assert (first.stage.name_en, first.amount, first.currency, first.expected_on) == (
        "First talk", Decimal("7.50"), "USD", datetime.date(2024, 5, 1))  # fmt: skip
    assert (second.status, second.amount, second.currency) == ("open", Decimal(5), "EUR")
    _source, report = brought(ada, later, "sale", policy="overwrite")
    assert counts(report) == {"sales_updated": 2}
    second.refresh_from_db()
    assert (second.status, second.closed_on, second.amount, second.currency) == (
        "won",
        datetime.date(2024, 5, 2),
        Decimal(6),
        "USD",
    )
    # What is closed stays closed.
    source, report = brought(ada, csv_of(head, ["2", "B", "2", "Offer", "$6", ""], ["1", "A2", "1", "Closed Lost", "", "2024-06-01"]), "sale",
                             policy="overwrite")  # fmt: skip
    second.refresh_from_db()
    assert second.status == "won" and (2, "It is closed; open it again to go on with it.") in report.notes
    assert one(name="A2").status == "lost" and source.change_set
    assert not lifecycle.drift()


def test_a_stalled_sale_that_is_won_by_a_file_has_no_day_to_open_again(ada, leads):
    head = ["Deal Id", "Deal Name", "LEADID", "Status", "Closed on"]
    brought(ada, csv_of(head, ["1", "A", "1", "open", ""]), "sale")
    actions.stall(one(), reopen_on=datetime.date(2099, 1, 1), by=ada, via="card")
    brought(ada, csv_of(head, ["1", "A", "1", "won", "2024-05-02"]), "sale", policy="overwrite")
    assert (one().status, one().reopen_on) == ("won", None)


def test_a_deal_that_comes_twice_in_a_file_is_one(ada, leads):
    head = ["Deal Id", "Deal Name", "LEADID", "Stage", "Amount", "Close Date"]
    data = csv_of(
        head,
        ["1", "A", "1", "Offer", "", ""],
        ["1", "A", "1", "Closed Won", "$5", "2024-05-02"],
        ["1", "A", "1", "Offer", "$6", ""],
    )
    _source, expected = tried(ada, data, "sale")
    _source, report = brought(ada, data, "sale")
    assert report.counts == expected.counts and counts(report) == {"sales_created": 1, "duplicates": 2}
    assert report.differing == expected.differing and report.differences == 2
    assert (one().status, one().amount, one().currency) == ("open", Decimal(5), "USD")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
def test_the_check_counts_what_the_run_does(ada, anna, leads, monkeypatch, roles, seed, policy):
    monkeypatch.setattr("exchange.importer.BATCH", 11)
    roles["sales_rep"].see = roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    by = (ada, anna)[seed % 2]
    CompanyFactory(by=ada, owner=anna, name="Annas")
    hers = PersonFactory(by=ada, owner=anna, company=Company.objects.get(name="Annas"), email="hers@example.com")
    chance = random.Random(seed)
    head = [
        "Deal Id",
        "Deal Name",
        "LEADID",
        "E-mail",
        "Account Name",
        "Stage",
        "Amount",
        "Close Date",
        "Type",
        "Reason for loss",
    ]
    rows = [
        [chance.choice(["", *map(str, range(30))]), f"D{chance.randrange(9)}", chance.choice(["", "0", "99", *map(str, range(1, 10))]),
         chance.choice(["", "", hers.email, "nobody@example.com"]), chance.choice(["", "", "", "Annas", "Firma 1", "New one", "NEW ONE", "Other"]),
         chance.choice(["Offer", "Closed Won", "Closed Lost", "Qualification", ""]), chance.choice(["", "$5", "7,50 €", "-1", "0"]),
         chance.choice(["", "2024-05-01", "2024-05-02", "x"] if chance.random() < 0.3 else ["2024-05-03"]), chance.choice(["", "New business", "Odd"]),
         chance.choice(["", "", "", "Price"])]
        for _number in range(90)
    ]  # fmt: skip
    price = SaleReason.objects.get(name_en="Price").pk
    data = csv_of(head, *rows)
    brought(by, csv_of(head, *rows[:20]), "sale", partial=True, reason=price)
    count, companies, sets = Sale.objects.count(), Company.objects.count(), ChangeSet.objects.count()
    check, expected = tried(by, data, "sale", policy=policy, reason=price)
    assert (Sale.objects.count(), Company.objects.count(), ChangeSet.objects.count()) == (count, companies, sets)
    run, report = brought(by, data, "sale", policy=policy, partial=True, reason=price)
    assert (report.counts, report.left_out, report.notes, report.differing) == (
        expected.counts, expected.left_out, expected.notes, expected.differing)  # fmt: skip
    assert report.dangling == expected.dangling and reasons(run) == reasons(check)
    of_rows = ("sales_created", "sales_updated", "unchanged", "duplicates", "failed", "left_out")
    assert sum(report.counts[name] for name in of_rows) == report.rows == 90 and report.counts["left_out"] and report.failed
    assert Sale.objects.count() == count + report.counts["sales_created"]
    assert Company.objects.count() == companies + report.counts["companies_created"]
    assert not lifecycle.drift()


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_what_one_may_not_see_is_as_if_it_were_not_there(ada, anna, max_, leads, roles):
    roles["sales_rep"].see = roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    foreign = SaleFactory(by=ada, owner=max_, company=CompanyFactory(by=ada, owner=max_, name="Geheim AG"), name="Theirs")
    head = ["Deal Name", "LEADID", "Account Name"]
    source, report = brought(anna, csv_of(head, ["A", "1", ""], ["B", "", "geheim ag"], ["C", "", "Frei AG"]), "sale")
    assert counts(report) == {"sales_created": 1, "companies_created": 1, "left_out": 2}
    assert set(report.left_out) == {
        "It refers to a record that does not exist.",
        "The company already exists, but you may not see it.",
    }
    assert set(Sale.objects.values_list("name", flat=True)) == {"Theirs", "C"}
    assert Company.objects.filter(name_key="geheim ag").count() == 1 and foreign.version == 1 and source.report["notes"] == []


def test_a_read_only_user_imports_no_sales(rita, leads):
    from django.core.exceptions import PermissionDenied

    with pytest.raises(PermissionDenied):
        tried(rita, deals(deal()), "sale")


# --- Rules ------------------------------------------------------------------------------------------------------------


def category_of(name):
    return Category.objects.get(companies__name=name).name_en


def test_settled_7_rules_run_once_for_each_company_when_all_rows_are_written(ada, leads, rules, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 2)
    source, _report = brought(ada, deals(
        deal("lost first", stage="Closed Lost", lead="1"), deal("x", lead="3"), deal("y", lead="3"), deal("won", stage="Closed Won", lead="4"),
        deal("open", lead="2"), deal("lost later", stage="Closed Lost", lead="2"), deal("only lost", stage="Closed Lost", lead="6"),
        deal("open again", lead="1"),
    ), "sale")  # fmt: skip
    # Firma 1: won before all else; Firma 2: one is still open; Firma 0: lost, but others are open.
    assert [category_of(f"Firma {n}") for n in (1, 2, 0)] == ["Customer", "Opportunity", "Opportunity"]
    assert {one.parent_id for one in ChangeSet.objects.filter(action="automation")} == {source.change_set_id}
    assert ChangeSet.objects.filter(action="automation", params__rule__en="A sale is won").count() == 1


def test_settled_7_a_company_all_of_whose_sales_are_lost_is_lost(ada, leads, rules, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 1)
    brought(ada, deals(deal("a", stage="Closed Lost", lead="1"), deal("b", stage="Closed Lost", lead="4")), "sale")
    assert category_of("Firma 1") == "Lost opportunity"


def test_r12_customers_and_partners_stay(ada, leads, rules):
    arrange(Company.objects.filter(name="Firma 1"), category=Category.objects.get(name_en="Partner"))
    brought(ada, deals(deal("a", lead="1"), deal("b", stage="Closed Won", lead="4")), "sale")
    assert category_of("Firma 1") == "Partner" and not Proposal.objects.exists()


def test_settled_7_the_user_is_asked_once_for_each_rule(ada, leads, rules, monkeypatch, undo):
    monkeypatch.setattr("exchange.importer.BATCH", 2)
    arrange(AutomationRule.objects.all(), ask_first=True)
    source, _report = brought(ada, many(30), "sale")
    found = Proposal.objects.waiting()
    assert found.count() == found.values("rule").distinct().count() <= 3 and {one.user for one in found} == {ada}
    assert sum(one.records.count() for one in found) == 3 and set(
        Company.objects.values_list("category__name_en", flat=True)
    ) == {"Lead"}
    undo(source, ada)
    assert not Proposal.objects.waiting().exists()


def test_a_file_that_wins_a_sale_moves_its_company(ada, leads, rules):
    head = ["Deal Id", "Deal Name", "LEADID", "Stage", "Close Date"]
    brought(ada, csv_of(head, ["1", "A", "1", "Offer", "2099-01-01"]), "sale")
    assert category_of("Firma 1") == "Opportunity"
    source, _report = brought(ada, csv_of(head, ["1", "A", "1", "Closed Won", "2024-05-02"]), "sale", policy="overwrite")
    assert category_of("Firma 1") == "Customer"
    from crm.history.undo import undo

    undo(source.change_set, by=ada, via="import")
    assert category_of("Firma 1") == "Opportunity" and one().status == "open"


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_the_page_offers_stages_reasons_and_the_currency(ada, leads, client):
    from tests.exchange.files import uploaded

    client.force_login(ada)
    source = uploaded(ada, deals(deal(), deal(stage="Closed Won", lead="2")), "sale")
    page = client.get(f"/imports/{source.pk}/").content.decode()
    for text in (
        "Won: the sale is closed",
        "Currency of amounts without a sign",
        "“Not known” (added to the list)",
        "Person: id as a lead",
    ):
        assert text in page
    form = {f"column-{number}": source.mapping["columns"][name] for number, name in enumerate(DEALS)}
    form |= {
        "category": source.mapping["category"],
        "policy": "gaps",
        "currency": "GBP",
        "reason": "create",
        "value-stage-0": "won",
    }
    answer = client.post(f"/imports/{source.pk}/mapping/", form)
    assert answer.status_code == 422 and "There is no exchange rate" in answer.content.decode()
    assert client.post(f"/imports/{source.pk}/mapping/", {**form, "currency": "USD"}).status_code == 302
    source.refresh_from_db()
    assert (source.mapping["currency"], source.mapping["reason"], source.mapping["values"]["stage"]["qualification"]) == (
        "USD", "create", "won")  # fmt: skip
    assert json.dumps(source.mapping)
