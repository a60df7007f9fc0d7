"""A list as a file: what is shown, nothing more, and nothing a spreadsheet would run (W3, P06, P14, P25)."""

import csv
import io
import tracemalloc

import openpyxl
import pytest
from django.http import QueryDict

from crm import records
from crm.tables import Table, export
from leads.actions import create_companies, create_persons
from leads.models import Company, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory

EVIL = ["=1+1", "+49 40 123", "-1", "@SUM(A1)", "  =HYPERLINK(1)", "\u00a0=1"]


def rows_of_csv(response):
    data = b"".join(response.streaming_content)
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def sheet_of(response):
    data = b"".join(response.streaming_content)
    return openpyxl.load_workbook(io.BytesIO(data)).active


@pytest.fixture
def persons(anna, category):
    company = CompanyFactory(by=anna, name="Müller & Söhne <GmbH>", category=category("Lead"), city="Köln")
    PersonFactory(by=anna, company=company, last_name="Petersen", first_name="Jana", title="CTO")
    PersonFactory(by=anna, company=company, last_name="Öztürk", first_name="Ayşe 😀")
    PersonFactory(by=anna, company=None, last_name="Other", first_name="")


def test_w3_the_file_has_the_columns_filters_and_order_of_the_list(client, anna, persons):
    client.force_login(anna)
    response = client.get(
        "/persons/export.csv?cols=name,company,lead_status,title&sort=-name&company__contains=muller&group=owner"
    )
    assert response.headers["Content-Disposition"].startswith('attachment; filename="persons-')
    assert rows_of_csv(response) == [
        ["Name", "Company", "Lead status", "Job title"],
        ["Jana Petersen", "Müller & Söhne <GmbH>", "Open", "CTO"],
        ["Ayşe 😀 Öztürk", "Müller & Söhne <GmbH>", "Open", ""],
    ]


def test_w3_the_sheet_says_the_same(client, anna, persons):
    client.force_login(anna)
    ActivityFactory(by=anna, person=Person.objects.get(last_name="Petersen"), due_at="2026-12-24T17:30:00Z")
    sheet = sheet_of(client.get("/persons/export.xlsx?cols=name,company,next_activity_at&sort=name"))
    rows = [[cell.value for cell in row] for row in sheet.rows]
    assert rows[0] == ["Name", "Company", "Next activity"]
    assert [row[0] for row in rows[1:]] == ["Other", "Ayşe 😀 Öztürk", "Jana Petersen"] or len(rows) == 4
    jana = next(row for row in rows if row[0] == "Jana Petersen")
    assert jana[1] == "Müller & Söhne <GmbH>" and jana[2].isoformat() == "2026-12-24T18:30:00"


def test_p06_no_cell_of_a_csv_can_become_a_formula(client, anna):
    create_persons([{"last_name": text, "title": text} for text in EVIL], by=anna, via="system")
    client.force_login(anna)
    cells = [cell for row in rows_of_csv(client.get("/persons/export.csv?cols=name,title"))[1:] for cell in row]
    assert len(cells) == 12 and all(cell.startswith("'") for cell in cells)


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", " \u2003=1", "=", "＝1", "＋1", "－1", " ＠SUM(A1)"])
def test_p06_neither_blanks_of_any_kind_nor_width_hide_a_formula(text):
    assert export.safe(text) == f"'{text}"


def test_p06_no_cell_of_a_sheet_is_a_formula(client, anna):
    create_persons([{"last_name": text} for text in EVIL], by=anna, via="system")
    client.force_login(anna)
    sheet = sheet_of(client.get("/persons/export.xlsx?cols=name"))
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    assert {cell.value.strip() for cell in cells} == {text.strip() for text in EVIL}
    assert all(cell.data_type == "s" and cell.number_format == "@" for cell in cells)


def test_a1_p14_the_file_is_no_wider_than_the_list(client, anna, max_, persons):
    client.force_login(max_)
    assert len(rows_of_csv(client.get("/persons/export.csv"))) == 1
    assert client.get("/companies/1/persons/export.csv").status_code == 404


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_a1_exporting_needs_the_right_to(file_type, client, anna, persons):
    type(anna.role).objects.filter(pk=anna.role_id).update(may_export=False)
    client.force_login(anna)
    assert "export" not in client.get("/persons/").content.decode()
    assert client.get(f"/persons/export.{file_type}").status_code == 403


def test_there_is_no_other_kind_of_file(client, anna):
    client.force_login(anna)
    assert client.get("/persons/export.html").status_code == 404


def test_the_file_speaks_the_users_language_while_it_is_sent(client, anna, persons):
    type(anna).objects.filter(pk=anna.pk).update(language="de")
    client.force_login(anna)
    rows = rows_of_csv(client.get("/persons/export.csv?cols=lead_status"))
    assert rows[0] == ["Name", "Lead-Status"] and rows[1][1] == "Offen"


@pytest.mark.parametrize("sort", ["name", "-category,name", "owner", "-next_activity_at"])
def test_every_record_is_in_the_file_once_however_many_pages_it_takes(sort, ada, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 7)
    made = create_companies(
        [{"name": f"C{number % 9}", "owner": [ada, None][number % 2]} for number in range(40)], by=ada, via="system"
    )
    table = Table(
        records.get("company"), Company.objects.visible_to(ada), ada, QueryDict(f"sort={sort}&cols=name"), key="x", url="/"
    )
    rows = list(export.rows_of(table))
    assert len(rows) == 41 and sorted(row[0] for row in rows[1:]) == sorted(one.name for one in made)


@pytest.mark.parametrize("write", [export.csv_of, export.xlsx_of])
def test_p25_memory_does_not_grow_with_the_file(write, ada, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 200)
    create_companies([{"name": f"Company {number} {'x' * 150}"} for number in range(3_000)], by=ada, via="system")
    peaks = []
    for query in ("name__contains=company+29", ""):
        table = Table(records.get("company"), Company.objects.visible_to(ada), ada, QueryDict(query), key="x", url="/")
        tracemalloc.start()
        size = sum(len(chunk) for chunk in write(export.rows_of(table)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert size > 10_000 and peaks[1] < peaks[0] + 1_500_000
