"""Files as they come: encodings, separators, what is broken, and what is no table (I1, T33, T36, P24)."""

import io
import re
import zipfile

import pytest
from openpyxl import Workbook

from exchange import reading
from exchange.reading import UnreadableFile, open_table
from tests.exchange.files import csv_of, xlsx_of

HEAD, ROW = ["Name", "Straße", "Ort"], ["Müller – Söhne €", "Am Ölberg 3", "Łódź"]


@pytest.fixture
def read(tmp_path):
    def read_(data):
        path = tmp_path / "upload"
        path.write_bytes(data)
        return open_table(str(path))

    return read_


def cells(table):
    return [cells for _number, cells in table.rows()]


def refusal(read, data, *, reads=False):
    with pytest.raises(UnreadableFile) as error:
        table = read(data)
        table.facts() if reads else table.head()
    return str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_encoding_and_separator_is_recognised(read, encoding, delimiter):
    row = [*ROW[:2], "Łódź" if encoding != "cp1252" else "Gößnitz"]
    assert cells(read(csv_of(HEAD, row, delimiter=delimiter, encoding=encoding))) == [HEAD, row]


def test_a_utf_16_file_that_names_its_order_twice_is_read(read):
    assert cells(read(b"\xff\xfe" + csv_of(HEAD, ROW, encoding="utf-16-le"))) == [HEAD, ROW]
    assert cells(read(b"\xfe\xff" + csv_of(HEAD, ROW, encoding="utf-16-be"))) == [HEAD, ROW]


@pytest.mark.parametrize("data", ["Name,Ort", '"Name","Ort"'])
def test_a_mark_that_stands_there_twice_is_no_letter(read, data):
    assert read(b"\xef\xbb\xbf\xef\xbb\xbf" + data.encode()).head() == ["Name", "Ort"]


def test_a_file_of_dos_keeps_its_umlauts(read):
    assert cells(read(csv_of(["Name", "Ort"], ["Müller", "Köln"], encoding="cp850"))) == [["Name", "Ort"], ["Müller", "Köln"]]


def test_four_bytes_a_letter_are_read_and_half_a_letter_is_told(read):
    assert cells(read(csv_of(HEAD, ROW, encoding="utf-32"))) == [HEAD, ROW]
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert "a part of it is missing" in refusal(read, csv_of(HEAD, ROW, encoding=encoding)[:-1])
    assert "a part of it is missing" in refusal(read, "Name;Ort\nMüller;Köln\nSchäfer;Münchö".encode()[:-1])
    # The last letter of Windows is none of UTF-8 begun.
    assert cells(read("Name;Ort\nDuran;Orlé".encode("cp1252"))) == [["Name", "Ort"], ["Duran", "Orlé"]]


def test_a_stray_byte_does_not_change_what_the_others_mean(read):
    windows = "Name;Ort\nMüller – „A“;Köln".encode("cp1252") + b"\x9d"
    assert cells(read(windows)) == [["Name", "Ort"], ["Müller – „A“", "Köln\ufffd"]]
    several = "Name;Ort\nMüller;Köln\nŁukasz;Álvaro\nSch".encode() + b"\xe4" + b"fer;Wien"
    assert cells(read(several))[1:] == [["Müller", "Köln"], ["Łukasz", "Álvaro"], ["Sch\ufffdfer", "Wien"]]


def test_a_column_called_pk_makes_no_excel_file(read):
    assert cells(read(b"PKW;Name\nGolf;A\n")) == [["PKW", "Name"], ["Golf", "A"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(read, end):
    assert cells(read(end.join(["Name,Ort", "A,Köln", "", "B,Bonn", ""]).encode())) == [
        ["Name", "Ort"],
        ["A", "Köln"],
        ["B", "Bonn"],
    ]


def test_a_sep_line_as_excel_writes_it_is_obeyed_and_is_no_row(read):
    assert cells(read(b"sep=;\r\nName;Ort\r\nA, B;Bonn\r\n")) == [["Name", "Ort"], ["A, B", "Bonn"]]


def test_a_separator_inside_quotes_decides_nothing(read):
    assert cells(read(b'"Name, Vorname, Titel";Ort\r\n"A, B";Bonn\r\n'))[1] == ["A, B", "Bonn"]


def test_a_quoted_newline_belongs_to_its_cell(read):
    rows = list(read(b'Name,Note\r\nA,"one\r\ntwo"\r\nB,"say ""hi"""\r\n').rows())
    assert rows == [(1, ["Name", "Note"]), (2, ["A", "one\r\ntwo"]), (3, ["B", 'say "hi"'])]


def test_combining_characters_emoji_and_right_to_left_stay_as_they_are(read):
    row = ["e\u0301mile", "👩‍👧 😀", "שלום"]
    assert cells(read(csv_of(HEAD, row)))[1] == row


def test_a_few_nul_bytes_do_not_make_it_unreadable_and_no_database_is_given_one(read):
    table = read(b"Name,Ort\nA\x00B,Bonn\nC,K\xc3\xb6ln\n")
    assert cells(table)[1] == ["A\x00B", "Bonn"]
    facts = table.facts()
    assert facts["sample"][0] == ["A\ufffdB", "Bonn"] and "\x00" not in str(facts["values"])


def test_empty_rows_are_passed_over_and_rows_keep_their_numbers(read):
    assert list(read(b"\n\nName,Ort\n,,\nA,Bonn\n \n").records()) == [(5, ["A", "Bonn"])]


def test_columns_get_names_that_differ(read):
    assert read(b"Name,,name,Name,\nA,b,c,d,e\n").head() == ["Name", "Column 2", "name (2)", "Name (3)"]
    assert read(("Name,Name (2),Name\n" + "a,b,c\n").encode()).head() == ["Name", "Name (2)", "Name (3)"]


def test_our_own_files_lose_the_apostrophe_that_guards_against_formulas(read):
    assert cells(read(b"Name,Phone\n'=1+1,'+49 40 1\n'Tis,O'Neil\n"))[1:] == [["=1+1", "+49 40 1"], ["'Tis", "O'Neil"]]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n \t\n", b"\x00\x00\x00"])
def test_an_empty_file_is_called_so(read, data):
    assert refusal(read, data) == "The file is empty."


def test_a_head_alone_is_called_so(read):
    assert refusal(read, b"Name,Ort\n\n", reads=True) == "The file has a head, but no rows."


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 ...", b"\x1f\x8b\x08rest", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"<!DOCTYPE html><p>", b"  <html>",
        b"<svg onload=alert(1)>", b'<?xml version="1.0"?>', b'{"a": 1}', b'[{"a": 1}]', b"\x7fELF" + bytes(99), bytes(range(256)) * 99,
        b"\x00\x01" * 9 + b"a" * 20, b"PK\x03\x04",
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_whatever_its_name(read, data):
    assert refusal(read, data) in {"This is neither a CSV file nor an Excel file (.xlsx).", "This Excel file is damaged."}


def test_an_old_excel_file_or_one_with_a_password_is_told_from_others(read):
    assert "old kind, or one with a password" in refusal(read, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


def test_a_quotation_mark_that_is_not_closed_is_named_with_its_line(read):
    text = refusal(read, b'Name,Ort\nA,Bonn\nB,"K\xc3\xb6ln\nC,Ulm\n', reads=True)
    assert re.search(r"near line \d", text) and "not closed" in text
    assert "near line 3" in refusal(read, b'Name,Ort\nA,Bonn\n"B" x,Ulm\n', reads=True)


def test_a_cell_that_swallows_the_rest_of_the_file_is_refused(read):
    text = refusal(read, b'Name,Ort\nA,"' + b"x,y\n" * 10_000 + b'"\n', reads=True)
    assert text == "Row 2: a cell holds more than 20,000 characters. Is a quotation mark not closed?"
    for long in (b'"' + b"x" * 900_000 + b'"', b"x" * 900_000):
        assert refusal(read, b"Name,Ort\nA," + long + b"\n", reads=True) == text


def test_more_rows_or_columns_than_allowed_are_refused(read, settings):
    settings.IMPORT_MAX_ROWS = 5
    assert read(b"Name\n" + b"a\n" * 5).facts()["total"] == 5
    assert refusal(read, b"Name\n" + b"a\n" * 6, reads=True) == "The file has more than 5 rows."
    assert read(csv_of([f"c{n}" for n in range(200)], ["x"])).facts()["total"] == 1
    assert refusal(read, csv_of([f"c{n}" for n in range(201)], ["x"])) == "The file has more than 200 columns."
    assert refusal(read, xlsx_of([f"c{n}" for n in range(201)], ["x"])) == "The file has more than 200 columns."


def test_the_values_of_a_column_are_counted_while_they_are_few(read):
    facts = read(
        csv_of(["Status", "Name"], *([["new", f"n{n}"] for n in range(150)] + [["old", f"m{n}"] for n in range(90)]))
    ).facts()
    assert facts["values"] == {"0": [["new", 150], ["old", 90]]} and facts["total"] == 240 and len(facts["sample"]) == 5


# --- Excel ------------------------------------------------------------------------------------------------------------


def test_a_sheet_is_read_as_a_person_reads_it(read):
    from datetime import date

    table = read(
        xlsx_of(["Name", "Zahl", "Ja", "Tag", "Fehler"], ["Müller", 12.0, True, date(2026, 3, 1), "#N/A"], [None, 0.5, False])
    )
    assert table.file_type == "xlsx"
    assert cells(table) == [
        ["Name", "Zahl", "Ja", "Tag", "Fehler"],
        ["Müller", "12", "1", "2026-03-01 00:00:00"],
        ["", "0.5", "0"],
    ]


def test_a_number_keeps_the_zeros_that_its_format_puts_before_it(read):
    book = Workbook()
    for row in (["PLZ", "Zahl", "Ja", "Name"], [1067, 7, True, None], ["01069", 0.5, False, "A"], [28195.0, -3, None, None]):
        book.active.append(row)
    for cell in book.active["A"]:
        cell.number_format = "00000"
    data = io.BytesIO()
    book.save(data)
    assert cells(read(data.getvalue()))[1:] == [["01067", "7", "1"], ["01069", "0.5", "0", "A"], ["28195", "-3"]]


@pytest.mark.parametrize("rows, unnamed", [
    ([["Name", "Ort"], ["A", "B"]], False), ([["Name", None, "Ort"], ["A", "x", "B"]], True), ([["Name", "Ort"], ["A", "B", "x"]], True),
])  # fmt: skip
def test_a_name_over_several_columns_is_noticed(read, rows, unnamed):
    assert read(xlsx_of(*rows)).facts()["unnamed"] == unnamed


def test_the_first_visible_sheet_counts(read):
    table = read(xlsx_of(["Name"], ["Seen"], sheets=[("secret", "hidden", [["Name"], ["Hidden"]])]))
    assert cells(table) == [["Name"], ["Seen"]]


def test_the_first_sheet_with_content_is_read(read):
    table = read(xlsx_of(["Name"], ["Seen"], sheets=[("Other", "hidden", [["Hidden"]]), ("Empty", "visible", [])]))
    assert list(table.rows()) == [(1, ["Name"]), (2, ["Seen"])] and table.facts()["sheet"] == ""
    table = read(
        xlsx_of(["Later"], ["x"], sheets=[("First", "visible", [[], [None, ""], ["Name"], ["A"]]), ("Empty", "visible", [])])
    )
    assert list(table.rows()) == [(3, ["Name"]), (4, ["A"])] and table.facts()["sheet"] == "First"
    assert refusal(read, xlsx_of(sheets=[("Empty", "visible", [])])) == "The file is empty."


def changed_xlsx(data, **parts):
    """Return the file with parts replaced by what a function makes of them, or added."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            change = parts.pop(name.rpartition("/")[2].partition(".")[0], None)
            new.writestr(name, change(old.read(name)) if change else old.read(name))
        for name, change in parts.items():
            new.writestr(name, change(b""))
    return made.getvalue()


def test_a_sheet_that_lies_about_its_size_is_read_whole(read):
    lie = changed_xlsx(xlsx_of(["Name", "Ort"], ["A", "Bonn"]), sheet1=lambda xml: xml.replace(b'ref="A1:B2"', b'ref="A1:A1"'))
    assert cells(read(lie)) == [["Name", "Ort"], ["A", "Bonn"]]
    lie = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"'))
    assert read(lie).facts()["total"] == 1


def test_a_cell_far_below_costs_no_work_and_one_beyond_the_last_row_is_refused(read, monkeypatch):
    far = b'<row r="999990"><c r="A999990" t="inlineStr"><is><t>Far</t></is></c></row></sheetData>'
    data = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: xml.replace(b"</sheetData>", far))
    texts = []
    monkeypatch.setattr(reading, "_text", lambda value: texts.append(value) or str(value or ""))
    assert list(read(data).rows()) == [(1, ["Name"]), (2, ["A"]), (999990, ["Far"])]
    beyond = changed_xlsx(data, sheet1=lambda xml: xml.replace(b"999990", b"1048576").replace(b"A1048576", b"XFD1048576"))
    assert refusal(read, beyond, reads=True) == "The file has more than 1,000,000 rows."
    assert len(texts) <= 7 * (reading.MAX_COLUMNS + 1)


def test_formatted_rows_without_content_at_the_end_are_passed_over(read):
    empty = b"".join(b'<row r="%d"><c r="A%d" s="1"/><c r="B%d"/></row>' % (n, n, n) for n in range(3, 5_003))
    data = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: xml.replace(b"</sheetData>", empty + b"</sheetData>"))
    assert cells(read(data)) == [["Name"], ["A"]]


def test_a_merged_range_of_a_whole_sheet_fills_no_memory(read):
    merged = b'</sheetData><mergeCells count="1"><mergeCell ref="A3:XFD1048576"/></mergeCells>'
    data = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: xml.replace(b"</sheetData>", merged))
    assert cells(read(data)) == [["Name"], ["A"]]


def test_a_bomb_is_refused_unopened(read):
    bomb = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: xml + b" " * 60_000_000)
    assert len(bomb) < 1_000_000
    assert "unpacks to far more" in refusal(read, bomb)
    shared = changed_xlsx(xlsx_of(["Name"], ["A"]), sharedStrings=lambda xml: xml + b" " * (reading.MAX_PART + 1))
    assert "unpacks to far more" in refusal(read, shared)


def test_a_sheet_that_declares_entities_is_refused(read):
    laugh = b'<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>'
    data = changed_xlsx(xlsx_of(["Name"], ["A"]), sheet1=lambda xml: laugh + xml)
    assert refusal(read, data) == "This Excel file is damaged."


def test_a_damaged_sheet_is_called_so_at_every_place(read):
    whole = xlsx_of(["Name", "Ort"], *[[f"A{n}", "Bonn"] for n in range(300)])
    outcomes = set()
    for cut in (30, 200, len(whole) // 3, len(whole) // 2, len(whole) - 30):
        outcomes.add(refusal(read, whole[:cut], reads=True))
    for place in range(100, len(whole) - 100, 97):
        broken = bytearray(whole)
        broken[place : place + 40] = b"\xaa" * 40
        try:
            read(bytes(broken)).facts()
        except UnreadableFile as error:
            outcomes.add(str(error))
    assert "This Excel file is damaged." in outcomes
    assert outcomes <= {"This Excel file is damaged.", "This is neither a CSV file nor an Excel file (.xlsx).", "The file is empty.",
                        "This Excel file has a password; save it without one.",
                        "This file unpacks to far more than it should; it was not opened."}  # fmt: skip


def test_a_zip_that_is_no_workbook_is_no_table(read):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("letter.txt", "hello")
    assert refusal(read, made.getvalue()).startswith("This is neither")
