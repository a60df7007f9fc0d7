"""A list as a file: its columns, filters and order, streamed row by row, however long it is.

CSV is UTF-8 with a byte order mark, without which Excel takes it for something else, and separated by commas. No cell of either
file can become a formula: a spreadsheet would run what somebody typed into a name (P06).
"""

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from xml.sax.saxutils import escape

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.text import slugify

from crm.tables.table import Table

CHUNK = 1_000
LOADED = 100  # rows for which what is not in their columns is asked at once
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
#: What a spreadsheet takes for the beginning of a formula, also behind blanks and in the full width that East Asian keyboards write.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠\t\r]|[\t\r]")
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def response(table: Table, file_type, name) -> StreamingHttpResponse:
    """Return the whole list as a file that is sent while it is read."""
    return file_of(rows_of(table), file_type, slugify(name) or table.key)


def file_of(rows: Iterable[list], file_type, name) -> StreamingHttpResponse:
    """Return rows, the heading first, as a file that is sent while they are read."""
    file_name = f"{slugify(name) or 'lotse'}-{timezone.localdate():%Y-%m-%d}.{file_type}"
    body = csv_of(rows) if file_type == "csv" else xlsx_of(rows)
    answer = StreamingHttpResponse(_in_this_language(body), content_type=TYPES[file_type])
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer


def _in_this_language(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Go on in the user's language and zone: the middleware has put them back by the time a stream is read."""
    # Asked now, while the request is answered, not when the first chunk is sent.
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def spoken():
        rest = iter(chunks)
        while True:
            with translation.override(language), timezone.override(zone):
                chunk = next(rest, None)
            if chunk is None:
                return
            yield chunk

    return spoken()


def rows_of(table: Table) -> Iterator[list]:
    """Yield the heading, then the values of every record, page after page by keyset: nothing is held open between them."""
    yield [str(field.label) for field in table.columns]
    cursor = None
    while True:
        found = table.order.rows(table.listed, table.paths, CHUNK, cursor)
        for start in range(0, len(found), LOADED):
            some = found[start : start + LOADED]
            loaded = {
                field.name: field.load([row["pk"] for row in some], table.asking)
                for field in table.columns
                if field.loads_text and field.load
            }
            for row in some:
                yield [
                    loaded[field.name].get(row["pk"], "") if field.name in loaded else field.export(row, table.asking)
                    for field in table.columns
                ]
        if len(found) < CHUNK:
            return
        cursor = found[-1]["_cursor"]


def safe(value):
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before one that begins like one.

    >>> safe("=1+1"), safe("  @SUM(A1)"), safe("+49 40 123"), safe("a=b")
    ("'=1+1", "'  @SUM(A1)", "'+49 40 123", 'a=b')
    """
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def csv_of(rows: Iterable[list]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff".encode()
    for number, row in enumerate(rows):
        writer.writerow(
            [value.isoformat(" ", "minutes") if isinstance(value, datetime.datetime) else safe(value) for value in row]
        )
        if number % CHUNK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


# --- XLSX -------------------------------------------------------------------------------------------------------------
# Written by hand: openpyxl gives nothing away before the last row is in, and takes five times as long.

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}"><sheets>'
    '<sheet name="Lotse" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
    # Style 1 is a date with its time, 2 a heading, 3 a text whatever it looks like, 4 a date.
    "xl/styles.xml": f'{_HEAD}<styleSheet xmlns="{_SHEET}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/></numFmts><fonts count="2"><font/><font><b/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="5"><xf xfId="0"/>'
    '<xf xfId="0" numFmtId="164" applyNumberFormat="1"/><xf xfId="0" numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/>'
    '<xf xfId="0" numFmtId="49" applyNumberFormat="1"/><xf xfId="0" numFmtId="165" applyNumberFormat="1"/></cellXfs></styleSheet>',
}
_EPOCH = datetime.datetime(1899, 12, 30)  # noqa: DTZ001 (a spreadsheet knows no zones)


class _Outlet(io.RawIOBase):
    """What the zip file is written to: holds only what was not sent yet."""

    def __init__(self):
        self.waiting = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.waiting += data
        return len(data)

    def take(self):
        taken = bytes(self.waiting)
        self.waiting.clear()
        return taken


def xlsx_of(rows: Iterable[list]) -> Iterator[bytes]:
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetData>'.encode())
            lines = []
            for number, row in enumerate(rows):
                lines.append(f"<row>{''.join(_cell(value, heading=not number) for value in row)}</row>")
                if number % CHUNK == 0:
                    sheet.write("".join(lines).encode())
                    lines.clear()
                    yield outlet.take()
            sheet.write(f"{''.join(lines)}</sheetData></worksheet>".encode())
    yield outlet.take()


def _cell(value, heading=False):
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, datetime.datetime):
        return f'<c s="1"><v>{(value - _EPOCH) / datetime.timedelta(days=1):.9f}</v></c>'
    if isinstance(value, datetime.date):
        return f'<c s="4"><v>{(value - _EPOCH.date()).days}</v></c>'
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"<c><v>{value}</v></c>"
    # A text in a cell for texts: it stays one even if somebody goes into the cell and presses Enter.
    text = escape(NOT_XML.sub("", str(value)))
    return f'<c t="inlineStr" s="{2 if heading else 3}"><is><t xml:space="preserve">{text}</t></is></c>'
