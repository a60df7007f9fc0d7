"""What bringing a file in does: matching, policies, the domain's rules, all or nothing (I1, R4–R7, R12, settled 17, 18)."""

from datetime import datetime

import pytest
from django.core.exceptions import PermissionDenied

from activities.models import Activity
from crm.history.models import Change, ChangeSet
from crm.models import ExternalId
from exchange import actions
from exchange.importer import MAX_NOTES
from exchange.models import FailedRow, Import
from leads.actions import delete, edit_person, set_category
from leads.models import Company, Person
from tests.exchange.files import brought, command, counts, csv_of, everything, reasons, tried, uploaded, xlsx_of
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")

HEAD = ["First name", "Last name", "E-mail", "Company"]


def test_persons_come_with_their_companies_under_one_change_set(ada, category, status):
    data = csv_of(
        HEAD,
        ["Jana", "Petersen", "jana@example.com", "Müller & Söhne"],
        ["", "Öztürk", "", "müller & sohne"],
        ["", "Alone", "", ""],
    )
    source, report = brought(ada, data)
    assert counts(report) == {"persons_created": 3, "companies_created": 1} and source.state == "done"
    jana = Person.objects.get(last_name="Petersen")
    assert (jana.name, jana.email, jana.company.name, jana.owner) == ("Jana Petersen", "jana@example.com", "Müller & Söhne", ada)
    assert (jana.category, jana.is_lead, jana.lead_status) == (category("Lead"), True, status("Open"))  # R5
    assert jana.lead_status_since and jana.company_key == "muller & sohne"
    assert Person.objects.get(last_name="Alone").category == category("Lead")
    change_set = ChangeSet.objects.get(action="import")
    assert source.change_set == change_set and change_set.params == {"name": "file.csv"} and change_set.via == "import"
    assert not Change.objects.exclude(change_set=change_set).filter(record_type__in=["person", "company"]).exists()


def test_a_sheet_brings_the_same(ada):
    _source, report = brought(ada, xlsx_of(HEAD, ["Jana", "Petersen", "jana@example.com", "Müller"], ["", "Two", None, "Müller"]))
    assert counts(report) == {"persons_created": 2, "companies_created": 1}


def test_the_same_file_again_changes_nothing(ada):
    data = csv_of(
        ["Id", *HEAD, "Lead status", "Owner", "Source", "Country"],
        ["1", "Jana", "Petersen", "jana@example.com", "Müller", "Qualified", "New Rep", "Fair", "DE"],
        ["2", "Jan", "Nobody", "", "Müller", "Junk", "New Rep", "Web", "Österreich"],
        ["", "No", "Id", "", "Other GmbH", "", "", "", ""],
        ["", "No", "Id", "", "Other GmbH", "", "", "", ""],
    )
    _source, report = brought(ada, data)
    assert counts(report) == {"persons_created": 4, "companies_created": 2}
    before, sets = everything(), ChangeSet.objects.count()
    source, report = brought(ada, data)
    assert counts(report) == {"unchanged": 4} and everything() == before and ChangeSet.objects.count() == sets
    assert source.change_set is None and source.told == "Nothing has changed: everything in the file already existed."


def test_a_person_is_found_by_id_before_address_and_by_address_whatever_its_case(ada):
    brought(ada, csv_of(["Id", "Last name", "E-mail"], ["7", "Petersen", "Jana@Example.com"]))
    _source, report = brought(ada, csv_of(["Id", "Last name", "E-mail", "Title"], ["7", "Petersen", "new@example.com", "CTO"]))
    assert counts(report) == {"persons_updated": 1}
    _source, report = brought(ada, csv_of(["Name", "E-mail", "Phone"], ["Petersen", "JANA@example.COM", "040 1"]))
    assert counts(report) == {"persons_updated": 1}
    person = Person.objects.get()
    assert (person.email, person.title, person.phone) == ("Jana@Example.com", "CTO", "040 1")


def test_ids_of_two_systems_do_not_meet(ada):
    brought(ada, csv_of(["LEADID", "Last name"], ["7", "Petersen"]))
    _source, report = brought(ada, csv_of(["CONTACTID", "Last name"], ["7", "Other"]), sources={"external_id": "Contacts"})
    assert counts(report) == {"persons_created": 1}
    assert set(ExternalId.objects.values_list("source", "external_id")) == {("leadid", "7"), ("contacts", "7")}


def test_a_company_is_found_by_its_id_then_by_its_name(ada):
    brought(ada, csv_of(["AccountId", "Account Name"], ["5", "Old Name"], ["6", "Second"]), "company")
    Company.objects.get(name="Old Name")
    data = csv_of(["Name", "Account Id", "Company"], ["A", "5", "Anything"], ["B", "6", ""], ["C", "99", ""], ["D", "", "SECOND"])
    source, report = brought(ada, data)
    assert counts(report) == {"persons_created": 4}
    assert dict(Person.objects.values_list("last_name", "company__name")) == {
        "A": "Old Name",
        "B": "Second",
        "C": None,
        "D": "Second",
    }
    assert source.report["notes"] == [[4, "The company 99 is not known and is left out."]]


def test_what_only_brings_the_ids_of_another_system_says_so(ada):
    brought(ada, csv_of(["Company"], ["Nordwind"], ["Helios"]), "company")
    data = csv_of(["AccountId", "Account Name"], ["5", "Nordwind"], ["6", "Helios"])
    source, _report = tried(ada, data, "company")
    assert source.only_ids and source.told.startswith(
        "Everything in the file already exists. Only the other system's ids would be new"
    )
    source, _report = brought(ada, data, "company")
    assert source.told.startswith(
        "Nothing has changed: everything in the file already existed. Only the other system's ids are new"
    )
    source, _report = brought(ada, data, "company")
    assert not source.only_ids and source.told == "Nothing has changed: everything in the file already existed."


def test_all_notes_are_counted_though_only_the_first_of_them_are_kept(ada):
    source, _report = brought(ada, csv_of(["Name", "Account Id"], *[[f"N{n}", "99"] for n in range(MAX_NOTES + 3)]))
    assert source.report["noted"] == MAX_NOTES + 3 and len(source.report["notes"]) == MAX_NOTES


def test_settled_18_rows_without_id_and_address_are_known_by_their_values_and_ordinal(ada):
    once = csv_of(["Name", "Title"], ["A", "x"], ["A", "x"], ["A", "y"])
    _source, report = brought(ada, once)
    assert counts(report) == {"persons_created": 3}
    # One more of the equal rows is one more person; a column that is left out is no difference.
    more = csv_of(["Name", "Title", "Created Time"], ["A", "y", "now"], ["A", "x", "now"], ["A", "x", "1"], ["A", "x", "2"])
    _source, report = brought(ada, more)
    assert counts(report) == {"persons_created": 1, "unchanged": 3}


def test_settled_18_a_repeated_company_takes_each_field_from_its_first_row_that_has_it(ada):
    data = csv_of(
        ["Name", "Company", "Website", "City"],
        ["A", "Müller", "", "Köln"], ["B", "MÜLLER", "one.example.com", ""], ["C", "Müller", "two.example.com", "Bonn"],
        ["D", "Müller", "one.example.com", "Köln"],
    )  # fmt: skip
    for policy in ("gaps", "overwrite"):
        _source, report = tried(ada, data, policy=policy)
        assert report.differences == 2
        assert report.differing == [(4, "Company: Website: an earlier row has another value, and keeps it."),
                                    (4, "Company: City: an earlier row has another value, and keeps it.")]  # fmt: skip
    brought(ada, data)
    company = Company.objects.get()
    assert (company.website, company.city, company.persons.count()) == ("one.example.com", "Köln", 4)


def test_gaps_are_filled_and_nothing_is_overwritten_unless_asked(ada, anna, max_):
    person = PersonFactory(
        by=ada, owner=anna, first_name="", last_name="Petersen", email="jana@example.com", title="CTO", phone=""
    )
    data = csv_of([*HEAD, "Title", "Phone", "Owner"], ["Jana", "Schmidt", "jana@example.com", "Elsewhere", "CEO", "040 1", "max"])
    company = person.company
    _source, report = brought(ada, data)
    assert counts(report) == {"persons_updated": 1, "companies_created": 1}
    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.title, person.phone) == ("Jana", "Petersen", "CTO", "040 1")
    assert (person.company, person.owner) == (company, anna)
    _source, report = brought(ada, data, policy="overwrite")
    assert counts(report) == {"persons_updated": 1}
    person.refresh_from_db()
    assert (person.last_name, person.title, person.company.name, person.owner) == ("Schmidt", "CEO", "Elsewhere", max_)


def test_an_empty_cell_never_clears_and_a_no_is_a_value_when_overwriting(ada):
    company = CompanyFactory(by=ada, name="Müller", city="Köln", stop=True)
    data = csv_of(["Company name", "City", "Stop"], ["Müller", "", "nein"])
    _source, report = brought(ada, data, "company")
    assert counts(report) == {"unchanged": 1}
    _source, report = brought(ada, data, "company", policy="overwrite")
    company.refresh_from_db()
    assert counts(report) == {"companies_updated": 1} and (company.city, company.stop) == ("Köln", False)


def test_r6_a_status_that_does_not_apply_is_noted_and_not_written(ada, category, status):
    customer = CompanyFactory(by=ada, name="Kunde", category=category("Customer"))
    there = PersonFactory(by=ada, company=customer, email="there@example.com")
    data = csv_of(
        [*HEAD, "Lead status"], ["", "There", "there@example.com", "Kunde", "Qualified"], ["", "New", "", "Kunde", "Qualified"]
    )
    for policy in ("gaps", "overwrite"):
        _source, report = brought(ada, data, policy=policy)
        assert [number for number, _text in report.notes][:1] == [2]
        assert report.notes[0][1] == "No lead status: the category Customer is not a potential customer."
    assert set(Person.objects.values_list("lead_status", "is_lead")) == {(None, False)}
    there.refresh_from_db()
    # What is stored stays stored (R6).
    set_category(Company.objects.filter(pk=customer.pk), category("Lead"), by=ada, via="card")
    edit_person(there, {"lead_status": status("Contacting")}, by=ada, via="card")
    set_category(Company.objects.filter(pk=customer.pk), category("Customer"), by=ada, via="card")
    brought(ada, data, policy="overwrite")
    there.refresh_from_db()
    assert there.lead_status == status("Contacting")


def test_r7_who_joins_a_company_by_import_follows_its_category(ada, category, status):
    alone = PersonFactory(by=ada, company=None, category=category("Other"), email="a@example.com")
    brought(ada, csv_of([*HEAD, "Lead status"], ["", "A", "a@example.com", "Müller", "Qualified"]))
    alone.refresh_from_db()
    assert (alone.company.name, alone.category, alone.is_lead, alone.lead_status) == (
        "Müller",
        category("Lead"),
        True,
        status("Qualified"),
    )
    other = PersonFactory(by=ada, company=None, category=category("Other"), email="b@example.com")
    brought(ada, csv_of(HEAD, ["", "B", "b@example.com", "Müller"]))
    other.refresh_from_db()
    assert other.lead_status == status("Open")


def test_r12_no_company_that_is_here_changes_its_category_while_gaps_are_filled(ada, category):
    CompanyFactory(by=ada, name="Müller", category=category("Customer"))
    data = csv_of(["Account Name", "Account Type"], ["Müller", "Prospect"], ["New", "Prospect"], ["New", "Customer"])
    _source, report = brought(ada, data, "company")
    assert counts(report) == {"companies_created": 1, "unchanged": 1, "duplicates": 1} and report.differences == 1
    assert dict(Company.objects.values_list("name", "category__name_en")) == {"Müller": "Customer", "New": "Lead"}
    persons = csv_of(HEAD, ["", "A", "", "Müller"])
    brought(ada, persons, policy="overwrite", category=category("Lead").pk)
    assert Company.objects.get(name="Müller").category == category("Customer")
    _source, report = brought(ada, data, "company", policy="overwrite")
    assert Company.objects.get(name="Müller").category == category("Lead") and counts(report)["companies_updated"] == 1


def test_a_file_of_persons_takes_the_category_chosen_for_it(ada, category):
    brought(ada, csv_of(HEAD, ["", "A", "", "Müller"], ["", "B", "", ""]), category=category("Customer").pk)
    assert set(Person.objects.values_list("category__name_en", "lead_status")) == {("Customer", None)}


def test_settled_17_a_match_that_one_may_not_see_is_said_to_exist_and_left(anna, max_, roles):
    arrange_see_own(roles)
    hidden = PersonFactory(
        by=max_, company=CompanyFactory(by=max_, name="Secret GmbH", city=""), email="max@example.com", title=""
    )
    before = everything()
    data = csv_of([*HEAD, "Title", "City"], ["A", "B", "max@example.com", "Secret GmbH", "CEO", "Köln"])
    source, report = brought(anna, data)
    assert counts(report) == {"duplicates": 1} and everything() == before
    assert [text for _number, text in report.notes] == [
        "The company already exists, but you may not change it.", "Already exists, but you may not change it."]  # fmt: skip
    assert str(hidden.pk) not in str(source.report["notes"])
    _source, report = brought(anna, csv_of(["Company name", "City"], ["secret gmbh", "Köln"]), "company")
    assert counts(report) == {"duplicates": 1} and everything() == before


def arrange_see_own(roles):
    role = roles["sales_rep"]
    role.see = role.edit = "own"
    role.save()


def test_who_may_see_but_not_change_a_company_adds_persons_to_it_and_leaves_it_alone(anna, max_, roles):
    arrange_see_own(roles)
    company = CompanyFactory(by=max_, name="Secret GmbH", city="")
    _source, report = brought(anna, csv_of([*HEAD, "City"], ["A", "B", "b@example.com", "Secret GmbH", "Köln"]))
    assert counts(report) == {"persons_created": 1}
    company.refresh_from_db()
    assert company.city == "" and Person.objects.get().company == company


def test_rows_that_an_import_made_for_others_are_completed_by_its_later_rows(anna, max_, roles):
    arrange_see_own(roles)
    rows = [["B", "b@example.com", "Max GmbH", "max", "", ""], ["B", "b@example.com", "Max GmbH", "max", "CEO", "Köln"]]
    data = csv_of(["Name", "E-mail", "Company", "Owner", "Title", "City"], *rows)
    _source, expected = tried(anna, data)
    _source, report = brought(anna, data)
    assert report.counts == expected.counts and counts(report) == {"persons_created": 1, "companies_created": 1, "duplicates": 1}
    person = Person.objects.get()
    assert (person.title, person.owner, person.company.city, person.company.owner) == ("CEO", max_, "Köln", max_)


def test_a_record_in_the_bin_is_not_matched_and_its_id_goes_to_its_successor(ada):
    data = csv_of(["Id", "Last name", "Company"], ["7", "Petersen", "Müller"])
    brought(ada, data)
    delete(Person.objects.all(), by=ada, via="card")
    _source, report = brought(ada, data)
    assert counts(report) == {"persons_created": 1}
    assert ExternalId.objects.get(record_type="person", external_id="7").record_id == Person.objects.get(deleted_at=None).pk
    _source, report = brought(ada, data)
    assert counts(report) == {"unchanged": 1}


# --- Errors -----------------------------------------------------------------------------------------------------------

BROKEN = csv_of(
    [*HEAD, "Country", "Former employee"],
    ["A", "Good", "good@example.com", "Müller", "DE", "no"],
    ["B", "", "b@example.com", "", "", ""],
    ["C", "Wrong", "no address", "Other", "Atlantis", "maybe"],
    ["D", "x" * 201, "", "", "", ""],
    ["E", "Also good", "also@example.com", "Müller", "Deutschland", "ja"],
)


def test_all_or_nothing_writes_nothing_while_a_row_has_an_error(ada):
    before = everything()
    source, report = brought(ada, BROKEN)
    assert source.state == "failed" and report.failed == 3 and everything() == before
    assert source.told == "3 rows have errors; nothing was imported."
    with pytest.raises(Exception, match="continued in the meantime"):
        actions.run(source, by=ada, seen=source.check_seen)


def test_errors_are_said_by_column_in_the_users_words(ada):
    source, _report = tried(ada, BROKEN)
    found = dict(reasons(source))
    assert found[3] == "Last name: This field is required."
    assert (
        found[4]
        == "E-mail: Enter a valid email address.; Country: This country is not known.; Former employee: Answer yes or no."
    )
    assert found[5].startswith("Last name: Ensure this value has at most")


def test_a_checked_file_with_errors_runs_only_as_partial(ada):
    source, _report = tried(ada, BROKEN)
    with pytest.raises(Exception, match="import the good rows only"):
        actions.run(source, by=ada, seen=source.check_seen)
    actions.run(source, by=ada, seen=source.check_seen, partial=True)
    from crm.jobs.worker import run_pending

    run_pending(beating=False)
    source.refresh_from_db()
    assert source.state == "done" and source.report["persons_created"] == 2 and source.report["failed"] == 3
    assert source.told == "3 records created, 0 changed. 3 rows had errors."
    assert Person.objects.get(last_name="Also good").former_employee


def test_a_failure_in_the_middle_takes_everything_back(ada, monkeypatch):
    """The checked file has changed on disk: what comes is no error of a row, but the end of the work."""
    monkeypatch.setattr("exchange.importer.BATCH", 10)
    rows = [["", f"N{number}", f"n{number}@example.com", f"C{number % 7}"] for number in range(60)]
    CompanyFactory(by=ada, name="C3", city="")
    source = uploaded(ada, csv_of([*HEAD, "City", "Owner", "Source"], *[[*row, "Köln", "New Rep", "Fair"] for row in rows]))
    actions.try_out(source)
    before = everything(edits=False)
    with open(source.file.path, "ab") as file:
        file.write(b'"never closed,')
    from exchange.reading import UnreadableFile

    with pytest.raises(UnreadableFile):
        actions.bring_in(source)
    assert everything(edits=False) == before
    assert ChangeSet.objects.get(action="import").state == "failed"


def test_a_row_that_becomes_wrong_after_the_check_takes_all_back_too(ada, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 10)
    source = uploaded(ada, csv_of([*HEAD, "Owner"], *[["", f"N{number}", "", f"C{number}", "New Rep"] for number in range(30)]))
    actions.try_out(source)
    before = everything()
    with open(source.file.path, "ab") as file:
        file.write(b"only a first name,\r\n")
    report = actions.bring_in(source)
    assert report.failed == 1 and source.state == "failed" and everything() == before


def test_a_csv_file_whose_first_column_is_called_pk_is_one(ada):
    source, report = brought(ada, b"PK,Name\n1,A\n", sources={"external_id": "old"})
    assert source.file_type == "csv" and counts(report) == {"persons_created": 1}


def test_a_csv_row_with_a_cell_too_many_is_an_error_a_note_beside_a_sheet_is_not(ada):
    source, report = tried(ada, b"Name,Title\nA,CEO, Head of X\nB,CTO,,,\n")
    assert reasons(source) == [(2, "The row has 3 cells, the file 2 columns.")]
    _source, report = tried(ada, xlsx_of(["Name", "Title"], ["A", "CEO", "a note"]))
    assert counts(report) == {"persons_created": 1}


def test_nul_characters_are_an_error_of_their_row(ada):
    source, report = tried(ada, b"Id,Name,Title,Owner\n1,A\x00,x,y\n2\x00,B,x,y\n3,C,x\x00,y\n4,D,x,y\x00\n")
    assert [number for number, _reason in reasons(source)] == [2, 3, 4] and report.counts["persons_created"] == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_in_a_cell_is_a_blank_where_there_is_one_line(ada, end):
    _source, report = brought(
        ada, csv_of([*HEAD, "Title"], ["Jana", f"von{end}Petersen", "", f"Müller{end} & Söhne", f"CTO{end}"])
    )
    assert counts(report) == {"persons_created": 1, "companies_created": 1}
    person = Person.objects.get()
    assert (person.last_name, person.company.name, person.title) == ("von Petersen", "Müller & Söhne", "CTO")
    data = csv_of(["Subject", "Text", "E-mail"], [f"Call{end}again", f"One{end}{end}two", "there@example.com"])
    PersonFactory(by=ada, email="there@example.com")
    _source, report = brought(ada, data, "activity", columns={"Text": "text", "E-mail": "person.email"})
    activity = Activity.objects.get()
    assert (activity.subject, activity.text) == ("Call again", "One\n\ntwo")


def test_a_day_of_a_workbook_is_no_midnight_where_it_is_text(ada):
    days = [datetime.fromisoformat(text) for text in ("2024-02-03", "2024-02-03T10:30")]
    source = uploaded(ada, xlsx_of(["Name", "Title"], *[["A", day] for day in days]))
    assert source.facts["sample"] == [["A", "2024-02-03"], ["A", "2024-02-03 10:30:00"]]
    brought(ada, xlsx_of(["Name", "Title"], *[["A", day] for day in days]))
    assert list(Person.objects.order_by("pk").values_list("title", flat=True)) == ["2024-02-03", "2024-02-03 10:30:00"]


def test_canaries_are_text_like_any_other(ada, client):
    evil = "<script>alert(1)</script>{{ 7*7 }}"
    source, _report = brought(ada, csv_of(HEAD, [evil, evil, "", evil]), name="<b>.csv")
    client.force_login(ada)
    for url in (f"/imports/{source.pk}/", "/persons/", "/companies/", "/imports/"):
        assert "<script>alert" not in client.get(url).content.decode()


def test_only_who_may_import_can(rita, mia, anna, roles):
    with pytest.raises(PermissionDenied):
        uploaded(rita, csv_of(["Name"], ["A"]))
    source = uploaded(anna, csv_of(["Name"], ["A"]))
    roles["sales_rep"].may_import = False
    roles["sales_rep"].save()
    source = Import.objects.get(pk=source.pk)
    for step in (actions.try_out, actions.bring_in):
        with pytest.raises(PermissionDenied):
            step(source)
    with pytest.raises(PermissionDenied):
        actions.run(source, by=source.by, seen=source.check_seen)
    with pytest.raises(PermissionDenied):
        actions.discard(source, by=source.by)
    assert not Person.objects.exists()


def test_who_may_change_nothing_may_not_import_either(anna, roles):
    roles["sales_rep"].edit = "none"
    roles["sales_rep"].save()
    with pytest.raises(PermissionDenied):
        uploaded(anna, csv_of(["Name"], ["A"]))


def test_refused_files_leave_nothing_on_disk(ada, settings):
    from exchange.reading import UnreadableFile

    with pytest.raises(UnreadableFile):
        uploaded(ada, b"%PDF-1.4")
    assert not Import.objects.exists() and not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_what_is_done_keeps_no_copy_of_the_file(ada, settings):
    source, _report = brought(ada, csv_of(["Name", "Title"], ["A", "x"]))
    assert not source.file and not source.facts["sample"] and not source.facts["values"]
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_old_files_and_failed_rows_are_forgotten_at_night(ada, settings):
    from datetime import timedelta

    from django.utils import timezone

    done, _report = brought(ada, BROKEN, partial=True)
    _waiting, _report = tried(ada, BROKEN)
    fresh, _report = tried(ada, BROKEN)
    Import.objects.exclude(pk=fresh.pk).update(created_at=timezone.now() - timedelta(days=31))
    actions.forget_files()
    assert set(Import.objects.all()) == {done, fresh} and set(FailedRow.objects.values_list("source", flat=True)) == {fresh.pk}
    done.refresh_from_db()
    assert done.report["persons_created"] == 2 and not done.report["notes"] and not done.report["differing"]
    assert len([path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]) == 1


def test_the_cost_of_a_batch_is_a_constant_number_of_statements(ada, monkeypatch):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def statements(first, count, work):
        rows = [
            ["", f"N{number}", f"n{number}@example.com", f"C{number}", "Fair", "Qualified"]
            for number in range(first, first + count)
        ]
        source = uploaded(ada, csv_of([*HEAD, "Source", "Lead status"], *rows))
        with CaptureQueriesContext(connection) as captured:
            work(source)
        return len(captured)

    statements(0, 5, actions.bring_in)  # whatever is cached
    assert statements(1_000, 30, actions.try_out) == statements(1_000, 240, actions.try_out)
    # SQLite takes 999 values at a time.
    more = 0 if connection.vendor == "postgresql" else 240 // 20
    assert statements(20_000, 240, actions.bring_in) <= statements(10_000, 30, actions.bring_in) + more
    monkeypatch.setattr("exchange.importer.BATCH", 60)
    one, two, four = (statements(start, count, actions.bring_in) for start, count in ((30_000, 60), (31_000, 120), (32_000, 240)))
    assert four - two == 2 * (two - one)


def test_the_command_says_what_the_page_says(ada, category):
    data = csv_of(HEAD, ["", "A", "a@example.com", "Müller"], ["", "B", "b@example.com", "Müller"])
    lines, found = command(data, "--category", "kunde", "--dry-run", by=ada)
    assert lines[0] == "This import would create 3 records and change 0." and not Person.objects.exists()
    expected = dict.fromkeys(["persons_updated", "companies_updated", "unchanged", "duplicates", "failed"], 0)
    assert found == {**expected, "persons_created": 2, "companies_created": 1}
    _lines, again = command(data, "--category", "Customer", by=ada)
    assert again == found and set(Company.objects.values_list("category__name_en", flat=True)) == {"Customer"}
