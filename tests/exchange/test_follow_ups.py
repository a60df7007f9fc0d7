"""Calls, tasks and meetings of another system become follow-ups of whom they name; next activities stay right (R15, I1)."""

import datetime
import random
import zoneinfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities import lifecycle
from activities.actions import create_activity, set_done
from activities.models import Activity
from exchange import actions
from leads.models import Company, Person
from sales.models import Sale
from tests.exchange.files import CALLS, TASKS, brought, call, counts, csv_of, everything, reasons, tried, uploaded
from tests.factories import CompanyFactory, PersonFactory, SaleFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.fixture
def export(ada, teams):
    """Companies, leads, contacts and deals of the export came before, and kept their ids; owners that are created share Ada's team."""
    ada.teams.add(teams["north"])
    brought(ada, csv_of(["ACCOUNTID", "Account Name"], ["11", "Nordwind"], ["12", "Südwind"]), "company")
    brought(ada, csv_of(["LEADID", "Last Name", "Company"], ["1", "Lead", "Nordwind"]))
    brought(ada, csv_of(["CONTACTID", "Last Name", "Account Id", "Email"], ["21", "Contact", "11", "c@example.com"],
                        ["22", "Alone", "", "alone@example.com"]))  # fmt: skip
    brought(ada, csv_of(["POTENTIALID", "Potential Name", "Account Id"], ["31", "Wartung", "12"]), "sale")


def calls(*rows):
    return csv_of(CALLS, *rows)


def only(**values):
    return Activity.objects.select_related("person", "company", "sale", "owner").get(**values)


def nothing_drifts():
    return not any(lifecycle.drift().values())


def test_calls_come_to_whom_they_name(ada, anna, export):
    data = calls(
        call("1", contact="21"), call("2", account="12"), call("3", potential="31"), call("4", lead="1"), call("5", contact="22"),
        call("6", contact="21", account="12"), call("7", contact="21", potential="31"), call("8", contact="21", potential="99"),
        call("9"), call("10", potential="99"), call("11", contact="22", account="12"),
    )  # fmt: skip
    _source, report = brought(ada, data, "activity")
    assert counts(report) == {"activities_created": 9, "left_out": 2} and report.dangling == 1
    assert report.left_out == {"It does not say which record it belongs to.": 1, "It refers to a record that does not exist.": 1}
    assert report.notes == [(9, "POTENTIALID: refers to a record that does not exist.")]
    from crm.models import ExternalId

    known = dict(ExternalId.objects.filter(source="taskid", record_type="activity").values_list("external_id", "record_id"))
    found = {
        number: tuple(str(record) if record else "" for record in (one.person, one.company, one.sale))
        for number, pk in known.items() for one in [only(pk=pk)]
    }  # fmt: skip
    assert found == {
        "1": ("Contact", "Nordwind", ""), "2": ("", "Südwind", ""), "3": ("", "Südwind", "Wartung"), "4": ("Lead", "Nordwind", ""),
        "5": ("Alone", "", ""), "6": ("Contact", "Südwind", ""), "7": ("Contact", "Südwind", "Wartung"), "8": ("Contact", "Nordwind", ""),
        "11": ("Alone", "Südwind", ""),
    }  # fmt: skip
    one = only(pk=known["1"])
    at = datetime.datetime(2021, 4, 15, 23, 3, tzinfo=BERLIN)
    assert (one.kind, one.subject, one.owner, one.due_at, one.done_at, one.all_day) == ("call", "Demo", anna, at, at, False)
    assert one.created_at == datetime.datetime(2021, 4, 15, 0, 3, tzinfo=BERLIN) and nothing_drifts()


def test_a_call_to_come_is_the_next_activity_and_an_undo_takes_it_away(ada, export, undo):
    before = everything(edits=False)
    source, report = brought(ada, calls(call("1", contact="21", start="2099-05-01 10:00"), call("2", potential="31", start="2099-06-01")),
                             "activity")  # fmt: skip
    assert counts(report) == {"activities_created": 2} and not Activity.objects.exclude(done_at=None).exists()
    assert Person.objects.get(last_name="Contact").next_activity == datetime.datetime(2099, 5, 1, 10, tzinfo=BERLIN)
    whole = only(all_day=True)
    assert whole.day == datetime.date(2099, 6, 1) and Sale.objects.get().next_activity == whole.due_at and nothing_drifts()
    assert not undo(source, ada).left
    assert everything(edits=False) == before and nothing_drifts()


def test_a_failed_import_leaves_no_next_activity_behind(ada, export, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 1)
    before = everything(edits=False)
    source, report = brought(
        ada, calls(call("1", contact="21", start="2099-05-01"), call("2", contact="21", start="soon")), "activity"
    )
    assert (source.state, report.failed) == ("failed", 1) and everything(edits=False) == before and nothing_drifts()


def test_tasks_without_a_link_are_left_out_with_the_reason(ada, export):
    rows = [
        ["Anna Kraft", "follow up", "16 Apr, 2021 00:02:00", "20 Aug, 2021 00:06:00", "Completed", "15 Oct, 2020 00:08:00"]
    ] * 3
    source, report = brought(ada, csv_of(TASKS, *rows), "activity")
    assert counts(report) == {"left_out": 3} and source.change_set is None and source.state == "done"
    assert reasons(source) == [(number, "It does not say which record it belongs to.") for number in (2, 3, 4)]
    assert source.told == "Nothing has changed: all its 3 rows were left out."


def test_tasks_are_done_or_open_as_their_status_says(ada, export):
    head = [*TASKS, "Email", "Priority"]
    data = csv_of(
        head, ["", "Done", "2021-04-16", "2021-08-20", "Completed", "", "c@example.com", "High"],
        ["", "Late", "2021-04-16", "2021-08-20", "Not Started", "", "c@example.com", "Lowest"],
        ["", "No day", "2021-04-16", "", "Erledigt", "", "c@example.com", ""], ["", "No status", "", "2021-08-20", "", "", "c@example.com", ""],
        ["", "To come", "", "2099-08-20", "In Progress", "", "c@example.com", "Normal"],
    )  # fmt: skip
    _source, report = brought(ada, data, "activity")
    assert counts(report) == {"activities_created": 5}
    done = only(subject="Done")
    assert done.done_at == done.due_at and done.all_day and (done.kind, done.priority, done.owner) == ("task", "high", ada)
    assert only(subject="No day").done_at == datetime.datetime(2021, 4, 16, tzinfo=BERLIN)
    assert set(Activity.objects.filter(done_at=None).values_list("subject", flat=True)) == {"Late", "No status", "To come"}
    assert only(subject="Late").priority == "low" and nothing_drifts()


def test_types_are_matched_and_notes_are_done(ada, export):
    head = ["Subject", "Type", "Company", "Date", "Description"]
    data = csv_of(head, ["A", "Anruf", "Nordwind", "", ""], ["B", "Besuch", "NORDWIND", "2021-01-31 09:00", "Cake"],
                  ["C", "Notiz", "Nordwind", "", "By the way"], ["D", "", "Unbekannt", "", ""])  # fmt: skip
    _source, report = brought(ada, data, "activity")
    assert counts(report) == {"activities_created": 3, "left_out": 1} and not Company.objects.filter(name="Unbekannt").exists()
    assert dict(Activity.objects.values_list("subject", "kind")) == {"A": "call", "B": "meeting", "C": "note"}
    assert only(subject="B").done_at == datetime.datetime(2021, 1, 31, 9, tzinfo=BERLIN) and only(subject="C").done_at
    assert only(subject="A").done_at is None and only(subject="B").text == "Cake"


@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
def test_the_same_file_again_changes_nothing(ada, export, monkeypatch, policy):
    monkeypatch.setattr("exchange.importer.BATCH", 5)
    rows = [call(str(n), contact=("21", "22", "")[n % 3], start=("2021-01-01 10:00", "2099-01-01", "")[n % 2]) for n in range(23)]
    data = calls(*rows)
    brought(ada, data, "activity")
    there = everything()
    source, report = brought(ada, data, "activity", policy=policy)
    assert counts(report) == {"unchanged": 16, "left_out": 7} and source.change_set is None and everything() == there


def test_what_is_here_is_completed_and_a_series_goes_on(ada, export):
    head = ["Task Id", "Subject", "Contact Id", "Due Date", "Status", "Description"]
    brought(ada, csv_of(head, ["1", "Call back", "21", "", "Open", ""]), "activity")
    _source, report = brought(ada, csv_of(head, ["1", "Call back!", "21", "2021-03-01", "Completed", "Reached"]), "activity")
    one = only()
    assert counts(report) == {"activities_updated": 1}
    assert (one.subject, one.text, one.day, one.done_at) == ("Call back", "Reached", datetime.date(2021, 3, 1), one.due_at)
    set_done(one, False, by=ada, via="card")
    arrange(Activity.objects.all(), repeat="weekly", repeat_from=one.due_at)
    brought(ada, csv_of(head, ["1", "Call back!", "21", "2021-03-02", "Completed", ""]), "activity", policy="overwrite")
    assert Activity.objects.count() == 2 and Activity.objects.filter(done_at=None, previous=one, repeat="weekly").exists()
    assert only(pk=one.pk).subject == "Call back!" and only(pk=one.pk).repeat_from == only(pk=one.pk).due_at and nothing_drifts()


def test_a_sale_of_another_company_is_not_filled_in(ada, export):
    head = ["Task Id", "Subject", "Contact Id", "Potential Id"]
    brought(ada, csv_of(head, ["1", "A", "21", ""]), "activity")
    brought(ada, csv_of(head, ["1", "A", "21", "31"]), "activity", sources={"sale.external_id": "potentialid"})
    assert (only().company.name, only().sale) == ("Nordwind", None)
    brought(
        ada, csv_of(head, ["1", "A", "21", "31"]), "activity", policy="overwrite", sources={"sale.external_id": "potentialid"}
    )
    assert (only().company.name, only().sale.name) == ("Südwind", "Wartung")


def test_whom_one_may_not_see_cannot_be_followed_up(ada, anna, max_, roles):
    roles["sales_rep"].see = roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    company = CompanyFactory(by=ada, owner=max_, name="Geheim")
    PersonFactory(by=ada, owner=max_, company=company, email="theirs@example.com")
    SaleFactory(by=ada, owner=max_, company=company)
    hers = PersonFactory(by=ada, owner=anna, company=None, email="hers@example.com")
    data = csv_of(
        ["Subject", "E-mail", "Company"],
        ["A", "theirs@example.com", ""],
        ["B", "", "Geheim"],
        ["C", "hers@example.com", "Geheim"],
    )
    _source, report = brought(anna, data, "activity")
    assert counts(report) == {"activities_created": 1, "left_out": 2} and report.dangling == 1
    assert (only().person, only().company) == (hers, None)


def test_who_is_to_do_it_must_see_what_it_is_about(ada, anna, jan, max_, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 2)
    PersonFactory(by=ada, owner=anna, company=None, email="annas@example.com", last_name="A")
    PersonFactory(by=ada, owner=max_, company=None, email="maxs@example.com", last_name="M")
    head = ["Task Id", "Subject", "E-mail", "Owner", "Due", "Status"]
    data = csv_of(
        head, ["1", "Hers", "annas@example.com", "Jan Behrens", "2099-01-01", "Open"],
        ["2", "His", "maxs@example.com", "Jan Behrens", "2099-01-01", "Open"],
        ["3", "Nobody's", "maxs@example.com", "", "2099-01-01", "Open"],
        ["4", "Of the past", "maxs@example.com", "Jan Behrens", "2021-01-01", "Completed"],
        ["5", "Of who is new", "maxs@example.com", "Ute Neu", "2099-01-01", "Open"],
    )  # fmt: skip
    source, report = tried(ada, data, "activity", partial=True, columns={"Due": "due_at"})
    assert counts(report) == {"activities_created": 3, "failed": 2}
    assert reasons(source) == [
        (3, "Owner: Jan Behrens may not see this person."), (6, "Owner: Ute Neu may not see this person.")
    ]  # fmt: skip
    source, report = brought(ada, data, "activity", partial=True, columns={"Due": "due_at"})
    assert counts(report) == {"activities_created": 3, "failed": 2} and [number for number, _reason in reasons(source)] == [3, 6]
    assert dict(Activity.objects.values_list("subject", "owner")) == {"Hers": jan.pk, "Nobody's": ada.pk, "Of the past": jan.pk}
    # Nor is one that is here given to such an owner, or moved out of its owner's sight; what it was it stays.
    there = everything()
    for row in (["3", "Another", "maxs@example.com", "Jan Behrens", "", ""], ["1", "Another", "maxs@example.com", "", "", ""]):
        source, report = brought(ada, csv_of(head, row), "activity", policy="overwrite", columns={"Due": "due_at"})
        assert reasons(source) == [(2, "Owner: Jan Behrens may not see this person.")] and everything() == there
    row = ["1", "Hers still", "annas@example.com", "", "", ""]
    _source, report = brought(ada, csv_of(head, row), "activity", policy="overwrite", columns={"Due": "due_at"})
    assert counts(report) == {"activities_updated": 1}


def test_who_may_see_it_is_asked_once_a_batch_and_owner(ada, jan):
    def statements(count):
        for number in range(count):
            PersonFactory(by=ada, owner=jan, company=None, email=f"p{count}x{number}@example.com")
        rows = [[f"T{count}x{number}", f"p{count}x{number}@example.com", "Jan Behrens", "2099-01-01"] for number in range(count)]
        source = uploaded(ada, csv_of(["Subject", "E-mail", "Owner", "Due"], *rows), "activity", columns={"Due": "due_at"})
        with CaptureQueriesContext(connection) as captured:
            assert counts(actions.try_out(source)) == {"activities_created": count}
        return len(captured)

    assert statements(4) == statements(40)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
def test_the_check_counts_what_the_run_does(ada, export, monkeypatch, seed, policy):
    monkeypatch.setattr("exchange.importer.BATCH", 9)
    chance = random.Random(seed)
    create_activity({"subject": "there", "company": Company.objects.first()}, by=ada, via="card")
    head = ["Task Id", "Subject", "Type", "Contact Id", "Account Id", "Potential Id", "Due Date", "Status", "Closed Time"]
    some = [
        [chance.choice(["", *map(str, range(20))]), chance.choice(["A", "B", "C", "C", ""]), chance.choice(["Call", "Task", "Note", ""]),
         chance.choice(["21", "22", "", "0", "77"]), chance.choice(["11", "12", "", "", "78"]), chance.choice(["31", "0", "0", "", "79"]),
         chance.choice(["", "2021-01-01", "2099-01-01 10:00", "2021-02-02 08:00"]), chance.choice(["Completed", "Open", "", "Held"]),
         chance.choice(["", "", "", "2021-03-03", "2098-01-01"])]
        for _number in range(80)
    ]  # fmt: skip
    sources = {"person.external_id": "contactid", "company.external_id": "accountid", "sale.external_id": "potentialid"}
    brought(ada, csv_of(head, *some[:15]), "activity", partial=True, sources=sources)
    count = Activity.objects.count()
    check, expected = tried(ada, csv_of(head, *some), "activity", policy=policy, sources=sources)
    run, report = brought(ada, csv_of(head, *some), "activity", policy=policy, sources=sources, partial=True)
    assert (report.counts, report.left_out, report.notes, report.differing, report.dangling) == (
        expected.counts, expected.left_out, expected.notes, expected.differing, expected.dangling)  # fmt: skip
    assert reasons(run) == reasons(check) and report.failed and report.counts["left_out"]
    of_rows = ("activities_created", "activities_updated", "unchanged", "duplicates", "failed", "left_out")
    assert sum(report.counts[name] for name in of_rows) == report.rows == 80
    assert Activity.objects.count() == count + report.counts["activities_created"] and nothing_drifts()
    assert not Activity.objects.filter(done_at__gt=timezone.now()).exists()
