"""The pages of an import: upload, matching, check, run, report, cancel; whose they are, and what they do with bad input (I1, U3, P08)."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from crm.jobs.worker import run_pending
from crm.models import Job
from exchange.models import Import
from leads.models import Person
from tests.exchange.files import brought, csv_of, tried, uploaded, xlsx_of
from tests.factories import PersonFactory

HEAD = ["Id", "Last name", "E-mail", "Company", "Owner", "Lead status"]
DATA = csv_of(
    HEAD, ["1", "Petersen", "p@example.com", "Müller", "Peter Pan", "Junk"], ["2", "Weiß", "w@example.com", "Müller", "", "New"]
)
BROKEN = csv_of(HEAD, ["1", "=1+1", "no address", "", "", ""], ["2", "Weiß", "", "", "", ""])


def a_file(data=DATA, name="leads.csv"):
    return SimpleUploadedFile(name, data)


def to(response):
    assert response.status_code == 302, response.content.decode()[:2000]
    return response.headers["Location"]


def work(response, client):
    """Run what was queued and return the page one is sent to."""
    address = to(response)
    run_pending(beating=False)
    return client.get(address).content.decode()


def fields(page):
    """Return what a browser would send of the matching's form."""
    chosen = {}
    for name, inner in re.findall(r'<select id="[^"]*" name="([^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
        selected = re.search(r'<option value="([^"]*)" selected', inner) or re.search(r'<option value="([^"]*)"', inner)
        chosen[name] = selected[1]
    chosen |= dict(re.findall(r'<input type="radio" name="(\w+)" value="(\w+)" checked', page))
    return chosen | dict(re.findall(r'<input type="text" id="[^"]*" name="([^"]*)" value="([^"]*)"', page))


def run_of(page):
    """Return what a browser would send to bring in what the page shows."""
    form = re.search(r'<form method="post" action="/imports/\d+/run/">(.*?)</form>', page, re.DOTALL)[1]
    return {"seen": re.search(r'name="seen" value="(\d*)"', form)[1]}


def test_a_rep_brings_a_file_in_from_upload_to_undo(client, anna, jan):
    client.force_login(anna)
    assert client.get("/imports/").status_code == client.get("/imports/new/").status_code == 200
    response = client.post("/imports/new/", {"file": a_file(), "record_type": "person"})
    page = client.get(to(response)).content.decode()
    assert "6 of 6 columns are imported" in page and "Me (Anna Kraft)" in page and "Create a user" not in page
    sent = fields(page)
    assert sent["column-0"] == "external_id" and sent["value-owner-0"] == "me" and sent["policy"] == "gaps"
    page = work(client.post(f"{to(response)}mapping/", {**sent, "value-owner-0": str(jan.pk)}), client)
    assert "This import would create 3 records and change 0." in page and "Import now" in page
    assert not Person.objects.exists()
    page = work(client.post(f"{to(response)}run/", run_of(page)), client)
    assert "3 records created, 0 changed." in page
    assert dict(Person.objects.values_list("last_name", "owner__username")) == {"Petersen": "jan", "Weiß": "anna"}
    undo = re.search(r'hx-post="(/history/\d+/undo/)"', page)[1]
    assert client.post(undo, headers={"HX-Request": "true"}).status_code == 204
    page = client.get(to(response)).content.decode()
    assert not Person.objects.exists() and "This import was undone." in page
    told = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert told == {"Persons, removed": "2", "Companies, removed": "1"} and "Open the list" not in page
    # The bell tells each step with the way to it.
    assert {job.url for job in Job.objects.filter(owner=anna)} == {to(response)}
    with translation.override("de"):
        done = Job.objects.get(path="exchange.actions.run_file")
        assert done.text == "3 Datensätze angelegt, 0 geändert."


FILES = {
    "person": (HEAD, ["1", "Weiß", "w@example.com", "Müller", "", "New"]),
    "company": (["Account Id", "Account Name"], ["1", "Nordwind"]),
    "sale": (["Deal Name", "Account Name", "Amount", "Stage"], ["Wartung", "Müller", "5 €", "Offer"]),
    "activity": (
        ["Call Start Time", "Call Owner", "Subject", "E-mail"],
        ["2021-04-15 23:03:00", "", "Demo", "there@example.com"],
    ),
}


@pytest.mark.parametrize("record", sorted(FILES))
def test_what_the_page_shows_is_all_that_has_to_be_sent(client, ada, record):
    """Of each kind of file: what a browser sends of its matching, untouched, is checked and brought in."""
    PersonFactory(by=ada, email="there@example.com")
    client.force_login(ada)
    address = to(client.post("/imports/new/", {"file": a_file(csv_of(*FILES[record])), "record_type": record}))
    page = work(client.post(f"{address}mapping/", fields(client.get(address).content.decode())), client)
    assert '<button class="button primary">Import now' in page and "Open the list" not in page, page
    page = work(client.post(f"{address}run/", run_of(page)), client)
    assert "Undo the whole import" in page and Import.objects.get().created


def test_a_file_that_brings_nothing_offers_the_list_first(client, anna):
    client.force_login(anna)
    for time in range(2):
        address = to(client.post("/imports/new/", {"file": a_file(), "record_type": "person"}))
        page = work(client.post(f"{address}mapping/", fields(client.get(address).content.decode())), client)
        if not time:
            work(client.post(f"{address}run/", run_of(page)), client)
    assert "Everything in the file already exists." in page
    assert re.search(r'class="button primary" href="[^"]*">Open the list', page) and '<button class="button">Import now' in page


def test_a_large_file_is_read_in_the_background(client, anna, monkeypatch):
    monkeypatch.setattr("exchange.actions.READ_AT_ONCE", {"csv": 10, "xlsx": 10})
    client.force_login(anna)
    response = client.post("/imports/new/", {"file": a_file(), "record_type": "person"})
    page = client.get(to(response)).content.decode()
    assert "<progress" in page and re.search(r'id="import-facts">[^<]* · Anna Kraft, ', page)
    run_pending(beating=False)
    # What asks for itself every second brings the number of rows along, which stands in the page's head.
    part = client.get(to(response), headers={"HX-Request": "true"}).content.decode()
    assert "6 of 6 columns" in part and re.search(r'id="import-facts" hx-swap-oob="true">[^<]* · 2 rows · ', part)
    assert "hx-swap-oob" not in client.get(to(response)).content.decode()
    broken = client.post("/imports/new/", {"file": a_file(b'Name,Ort\r\n"not closed,x\r\n'), "record_type": "person"})
    page = work(broken, client)
    assert "not closed" in page and "Change the matching" not in page


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"%PDF-1.7", "neither a CSV file"), (b"", "The file is empty."), (b"\n\n", "The file is empty."), (b"Name\n", "no rows"),
     (b"\xd0\xcf\x11\xe0" + bytes(600), "old kind"), (b'a,b\n"x" y,z\n', "cannot be read near line")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_at_the_field(client, anna, data, message):
    client.force_login(anna)
    response = client.post("/imports/new/", {"file": a_file(data), "record_type": "company"})
    page = response.content.decode()
    assert response.status_code == 422 and message in page and 'id="id_file_error"' in page
    assert re.search(r'value="company"[^>]*checked', page) and not Import.objects.exists()


def test_a_missing_too_large_or_oddly_named_file_is_said_at_the_field(client, anna, settings):
    client.force_login(anna)
    assert "Choose a file." in client.post("/imports/new/", {"record_type": "person"}).content.decode()
    assert client.post("/imports/new/", {"file": a_file(), "record_type": "campaign"}).status_code == 422
    settings.IMPORT_MAX_BYTES = 20
    response = client.post("/imports/new/", {"file": a_file(), "record_type": "person"})
    assert response.status_code == 422 and "larger than" in response.content.decode()
    settings.IMPORT_MAX_BYTES = 10_000
    response = client.post("/imports/new/", {"file": a_file(name="../../<b>ä" + "x" * 240 + ".csv"), "record_type": "person"})
    source = Import.objects.get()
    assert response.status_code == 302 and re.fullmatch(r"imports/[0-9a-f]{32}\.csv", source.file.name)
    assert "<b>ä" not in client.get(to(response)).content.decode()


def test_a_mapping_with_a_mistake_keeps_all_that_was_chosen(client, anna, max_, category):
    source = uploaded(anna, DATA)
    client.force_login(anna)
    sent = fields(client.get(f"/imports/{source.pk}/").content.decode())
    chosen = {**sent, "column-1": "", "column-5": "lead_status", "category": str(category("Customer").pk), "policy": "overwrite",
              "value-owner-0": str(max_.pk), "source-external_id": "My CRM"}  # fmt: skip
    response = client.post(f"/imports/{source.pk}/mapping/", chosen)
    page = response.content.decode()
    assert response.status_code == 422 and "One column must be imported as “Last name”." in page
    assert fields(page) == chosen
    source.refresh_from_db()
    assert source.state == "mapping" and not Job.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [{"column-1": "owner__password"}, {"category": "9" * 30}, {"category": "x"}, {"policy": "x" * 500}, {"value-owner-0": "create"},
     {"value-owner-0": "9" * 18}, {"value-owner-0": "-1"}, {"value-lead_status-0": "²"}, {"column-2": "last_name"}],
)  # fmt: skip
def test_wrong_input_is_refused_and_never_an_error_of_ours(client, anna, bad):
    source = uploaded(anna, DATA)
    client.force_login(anna)
    sent = fields(client.get(f"/imports/{source.pk}/").content.decode())
    assert client.post(f"/imports/{source.pk}/mapping/", {**sent, **bad}).status_code == 422
    assert client.post(f"/imports/{source.pk}/values/", {**sent, **bad}).status_code == 200


def test_another_column_brings_its_values_without_a_reload(client, anna):
    source = uploaded(anna, DATA, columns={"Lead status": ""})
    client.force_login(anna)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "value-lead_status-0" not in page
    part = client.post(f"/imports/{source.pk}/values/", {**fields(page), "column-5": "lead_status"}).content.decode()
    assert "value-lead_status-1" in part and "<html" not in part


def test_the_failed_rows_come_back_as_a_file_with_the_reason(client, ada):
    source, _report = tried(ada, BROKEN)
    client.force_login(ada)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "Import the good rows only" in page and "Enter a valid email address." in page
    response = client.get(f"/imports/{source.pk}/failed/")
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        [*HEAD, "Row", "Reason"], ["1", "'=1+1", "no address", "", "", "", "2", "E-mail: Enter a valid email address."]]  # fmt: skip
    assert response.headers["Content-Disposition"] == f'attachment; filename="failed-rows-{source.pk}.csv"'
    # Corrected, the file is imported as it is; its two more columns are left out.
    source, report = brought(ada, text.replace("no address", "p@example.com").encode())
    assert report.counts["persons_created"] == 1 and Person.objects.get().last_name == "=1+1"


def test_p08_a_foreign_import_shows_no_row_and_no_file_to_anybody(client, anna, jan, mia, ada):
    source, _report = tried(anna, BROKEN)
    addresses = ["", "failed/"]
    posts = ["values/", "mapping/", "run/", "cancel/", "discard/"]
    for other in (jan, mia):
        client.force_login(other)
        assert [client.get(f"/imports/{source.pk}/{path}").status_code for path in addresses] == [404, 404]
        assert {client.post(f"/imports/{source.pk}/{path}").status_code for path in posts} == {404}
        assert "file.csv" not in client.get("/imports/").content.decode()
    # An administrator sees that it was, not what is in it.
    client.force_login(ada)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "file.csv" in page and "no address" not in page and "good rows" not in page
    assert client.get(f"/imports/{source.pk}/failed/").status_code == 404
    assert {client.post(f"/imports/{source.pk}/{path}").status_code for path in posts} == {404}
    source.refresh_from_db()
    assert source.state == "checked"


def test_who_may_not_import_finds_no_page(client, rita, anna, roles):
    source, _report = tried(anna, BROKEN)
    paths = ["/imports/", "/imports/new/", *[f"/imports/{source.pk}/{part}" for part in ("", "failed/")]]
    posts = [f"/imports/{source.pk}/{part}" for part in ("values/", "mapping/", "run/", "cancel/", "discard/")] + [
        "/imports/new/"
    ]
    client.force_login(rita)
    assert {client.get(path).status_code for path in paths} == {403} == {client.post(path).status_code for path in posts}
    assert 'href="/imports/"' not in client.get("/persons/").content.decode()
    roles["sales_rep"].may_import = False
    roles["sales_rep"].save()
    client.force_login(anna)
    assert {client.get(path).status_code for path in paths} == {403}
    client.logout()
    assert {client.get(path).status_code for path in paths} == {302}


def test_nothing_is_done_without_a_token_or_by_a_look(anna):
    source, _report = tried(anna, DATA)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    for part in ("values/", "mapping/", "run/", "cancel/", "discard/"):
        assert strict.post(f"/imports/{source.pk}/{part}").status_code == 403
        assert strict.get(f"/imports/{source.pk}/{part}").status_code == 405
    assert strict.post("/imports/new/", {"file": a_file(), "record_type": "person"}).status_code == 403
    source.refresh_from_db()
    assert source.state == "checked" and Import.objects.count() == 1


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 18])
def test_an_id_of_nothing_is_not_found(client, anna, pk):
    client.force_login(anna)
    assert client.get(f"/imports/{pk}/").status_code == client.post(f"/imports/{pk}/run/").status_code == 404


def test_sent_twice_is_done_once(client, anna):
    source, _report = tried(anna, DATA)
    client.force_login(anna)
    sent = fields(client.get(f"/imports/{source.pk}/?mapping").content.decode())
    first, second = (client.post(f"/imports/{source.pk}/mapping/", sent) for _time in range(2))
    assert first.status_code == second.status_code == 302 and Job.objects.count() == 1
    run_pending(beating=False)
    seen = run_of(client.get(f"/imports/{source.pk}/").content.decode())
    first, second = (client.post(f"/imports/{source.pk}/run/", seen) for _time in range(2))
    assert first.status_code == second.status_code == 302 and Job.objects.count() == 2
    run_pending(beating=False)
    for part in ("run/", "mapping/", "discard/"):
        assert client.post(f"/imports/{source.pk}/{part}", sent).status_code == 302
    source.refresh_from_db()
    assert source.state == "done" and Person.objects.count() == 2


def test_a_page_left_open_brings_in_nothing_but_what_it_shows(client, anna):
    source = uploaded(anna, DATA)
    client.force_login(anna)
    sent = fields(client.get(f"/imports/{source.pk}/").content.decode())
    left_open = work(client.post(f"/imports/{source.pk}/mapping/", sent), client)
    assert "This import would create 3 records" in left_open
    # In another tab the company is left out, and the file is checked anew.
    client.post(f"/imports/{source.pk}/mapping/", {**sent, "column-3": ""})
    for stage in ("checking", "checked"):
        response = client.post(f"/imports/{source.pk}/run/", run_of(left_open))
        page = client.get(to(response)).content.decode()
        source.refresh_from_db()
        assert "This import has continued in the meantime." in page and source.stage == stage
        run_pending(beating=False)
    assert "This import would create 2 records" in page and not Person.objects.exists()
    work(client.post(f"/imports/{source.pk}/run/", run_of(page)), client)
    assert set(Person.objects.values_list("company", flat=True)) == {None}


def test_cancelled_before_it_began_it_can_be_tried_anew_or_discarded(client, anna, settings):
    source = uploaded(anna, DATA)
    client.force_login(anna)
    sent = fields(client.get(f"/imports/{source.pk}/").content.decode())
    client.post(f"/imports/{source.pk}/mapping/", sent)
    client.post(f"/imports/{source.pk}/cancel/")
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "It was cancelled; nothing was imported." in page and "Change the matching" in page
    # What its check had counted does not stand in the list as if it were there.
    Import.objects.filter(pk=source.pk).update(report={"rows": 2, "persons_created": 4711, "persons_updated": 0, "failed": 0})
    assert "4,711" not in client.get("/imports/").content.decode()
    assert "This import would create" in work(client.post(f"/imports/{source.pk}/mapping/", sent), client)
    assert client.post(f"/imports/{source.pk}/discard/").status_code == 302
    assert not Import.objects.exists() and not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_a_right_withdrawn_while_it_waits_holds(client, anna, roles):
    source, _report = tried(anna, DATA)
    client.force_login(anna)
    client.post(f"/imports/{source.pk}/run/", run_of(client.get(f"/imports/{source.pk}/").content.decode()))
    roles["sales_rep"].may_import = False
    roles["sales_rep"].save()
    run_pending(beating=False)
    assert not Person.objects.exists() and Job.objects.get().state == "failed"


def test_the_list_of_imports_goes_on_by_pages_at_a_constant_cost(client, anna, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(anna)
    made = [uploaded(anna, DATA, name=f"file {number}.csv") for number in range(3)]
    client.get("/imports/")
    with CaptureQueriesContext(connection) as few:
        client.get("/imports/")
    Import.objects.bulk_create(Import(token=f"t{n}", by=anna, file_name=f"more {n}.csv", record_type="person") for n in range(40))
    with CaptureQueriesContext(connection) as many:
        page = client.get("/imports/").content.decode()
    assert len(many) == len(few) and page.count("<tr data-row") == 25
    older = re.search(r'href="(/imports/\?before=\d+)"', page)[1]
    assert client.get(older).content.decode().count("<tr data-row") == 43 - 25
    assert client.get("/imports/?before=x²").status_code == 200 and made


def test_200_columns_can_be_matched(client, anna):
    head = ["Last name", *[f"Field {number}" for number in range(199)]]
    source = uploaded(anna, csv_of(head, [f"v{number}" for number in range(200)]))
    client.force_login(anna)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "1 of 200 columns are imported" in page
    assert "This import would create 1 record and change 0." in work(
        client.post(f"/imports/{source.pk}/mapping/", fields(page)), client
    )


def test_a_column_with_too_many_owners_says_how_they_are_matched(client, ada):
    source = uploaded(ada, csv_of(["Name", "Owner"], *[[f"N{number}", f"user{number}"] for number in range(250)]))
    client.force_login(ada)
    assert "too many different values to list" in client.get(f"/imports/{source.pk}/").content.decode()


def test_a_workbook_of_several_sheets_says_which_one_is_read(client, anna):
    rows = [["Name"], ["Petersen"]]
    several = uploaded(anna, xlsx_of(*rows, sheets=[("Second", "visible", [["Other"], ["x"]]), ("Empty", "visible", [])]))
    one = uploaded(anna, xlsx_of(*rows, sheets=[("Empty", "visible", []), ("Secret", "hidden", [["Other"]])]))
    client.force_login(anna)
    assert "The first one, “Second”, is read" in client.get(f"/imports/{several.pk}/").content.decode()
    page = client.get(f"/imports/{one.pk}/").content.decode()
    assert "is read" not in page and "Petersen" in page


def test_a_workbook_whose_first_row_leaves_columns_without_a_name_is_told_of_it(client, anna):
    gaps = uploaded(anna, xlsx_of(["Name", "E-mail", None, "Phone"], ["Petersen", "a@example.com", "b@example.com", "+49 421 1"]))
    client.force_login(anna)
    page = client.get(f"/imports/{gaps.pk}/").content.decode()
    assert "The first row does not name every column" in page and "Column 3" in page
    whole = uploaded(anna, xlsx_of(["Name"], ["Petersen"]))
    assert "does not name every column" not in client.get(f"/imports/{whole.pk}/").content.decode()


def test_the_pages_speak_german(client, anna):
    anna.language = "de"
    anna.save()
    client.force_login(anna)
    source, _report = tried(anna, BROKEN)
    assert "Zeile" in client.get(f"/imports/{source.pk}/").content.decode()
