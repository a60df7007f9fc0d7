"""Reading CSV and Excel files as they come: any usual encoding and separator, a row at a time, within limits."""

import csv
import io
import zipfile
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

MAX_COLUMNS = 200
MAX_CELL = 20_000
#: What an Excel file may unpack to, in all and for each packed byte; a bomb is far beyond.
MAX_UNPACKED = 600 * 1024 * 1024
MAX_RATIO = 200


class UnreadableFile(Exception):
    """The file cannot be read; the text says why, in words."""


@dataclass(frozen=True)
class Table:
    """A file's columns, and how to read its rows again and again."""

    path: str
    file_type: str
    encoding: str = ""
    delimiter: str = ""

    def rows(self):
        """Yield (number of the row in the file, cells as texts); the head is row 1. Empty rows are passed over."""
        reader = _xlsx_rows(self.path) if self.file_type == "xlsx" else _csv_rows(self)
        width = None
        for number, cells in reader:
            cells = [_clean(cell) for cell in cells]
            if not any(cells):
                continue
            if width is None:
                width = len(cells)
            if number > settings.IMPORT_MAX_ROWS + 1:
                raise UnreadableFile(_("The file has more than %(count)s rows.") % {"count": settings.IMPORT_MAX_ROWS})
            yield number, [*cells[:width], *[""] * (width - len(cells))]

    def head(self):
        """Return the names of the columns; raise UnreadableFile unless each has one of its own."""
        for _number, cells in self.rows():
            names = [cell.strip() for cell in cells]
            while names and not names[-1]:
                names.pop()
            if len(names) > MAX_COLUMNS:
                raise UnreadableFile(_("The file has more than %(count)s columns.") % {"count": MAX_COLUMNS})
            names = [name or _("Column %(number)s") % {"number": place} for place, name in enumerate(names, 1)]
            if len({name.casefold() for name in names}) != len(names):
                raise UnreadableFile(_("Two columns of the file have the same name."))
            return names
        raise UnreadableFile(_("The file is empty."))

    def records(self):
        """Yield (row number, cells) below the head."""
        rows = self.rows()
        next(rows, None)
        yield from rows


def _clean(cell):
    if len(cell) > MAX_CELL:
        raise UnreadableFile(_("A cell holds more than %(count)s characters; is this the right separator?") % {"count": MAX_CELL})
    return cell.replace("\x00", "\ufffd").strip()


def open_table(path, name):
    """Return the table in a file; raise UnreadableFile for what is none, in words."""
    with open(path, "rb") as file:
        start = file.read(65_536)
    if not start.strip():
        raise UnreadableFile(_("The file is empty."))
    if start.startswith(b"PK"):
        _check_xlsx(path)
        return Table(path, "xlsx")
    if start.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff")):
        raise UnreadableFile(_("This is neither a CSV nor an Excel file (.xlsx)."))
    encoding = _encoding(path, start)
    try:
        text = start.decode(encoding, "ignore")
    except LookupError:  # pragma: no cover
        raise UnreadableFile(_("The encoding of the file is not known.")) from None
    return Table(path, "csv", encoding, _delimiter(text))


def _encoding(path, start):
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start.count(b"\x00") > len(start) // 8:
        raise UnreadableFile(_("This is neither a CSV nor an Excel file (.xlsx)."))
    try:
        with open(path, encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(text):
    """Return the separator that stands most often in the first line, outside quotes."""
    line, quoted = [], False
    for char in text:
        if char == '"':
            quoted = not quoted
        if not quoted and char in "\r\n" and line:
            break
        if not quoted:
            line.append(char)
    return max(",;\t|", key=line.count)


def _csv_rows(table):
    csv.field_size_limit(MAX_CELL * 10)
    with open(table.path, encoding=table.encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=table.delimiter, strict=False)
        try:
            yield from enumerate(reader, 1)
        except csv.Error as error:
            text = _("Row %(row)s cannot be read: %(why)s") % {"row": reader.line_num, "why": error}
            raise UnreadableFile(text) from error


def _check_xlsx(path):
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            unpacked, packed = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
            if unpacked > MAX_UNPACKED or (unpacked > 20_000_000 and unpacked > MAX_RATIO * max(packed, 1)) or len(parts) > 5_000:
                raise UnreadableFile(_("This file unpacks to far more than it should; it was not opened."))
            if "xl/workbook.xml" not in archive.namelist():
                raise UnreadableFile(_("This is neither a CSV nor an Excel file (.xlsx)."))
    except zipfile.BadZipFile:
        raise UnreadableFile(_("This Excel file is damaged.")) from None


def _xlsx_rows(path):
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What the file says of its size may be a lie that fills memory.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), 1):
            yield number, [_text(value) for value in row]
    except UnreadableFile:
        raise
    except Exception as error:
        raise UnreadableFile(_("This Excel file is damaged.")) from error


def _text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def csv_text(head, rows):
    """Return rows as CSV text that no spreadsheet takes for formulas."""
    from crm.tables.export import harmless

    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([harmless(cell) for cell in head])
    writer.writerows([[harmless(cell) for cell in row] for row in rows])
    return buffer.getvalue()
