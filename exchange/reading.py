"""Reading CSV and Excel files as they come: any usual encoding and separator, a row at a time, within limits."""

import codecs
import csv
import io
import lzma
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from crm.tables.export import FORMULA, safe
from crm.web.formats import number as in_words

MAX_COLUMNS = 200
MAX_CELL = 20_000
SAMPLE = 5
#: The values of a column are listed for matching while they are no more and no longer than this.
MAX_DISTINCT, MAX_DISTINCT_LENGTH = 200, 120
#: What an Excel file may unpack to: in all, for each packed byte, and in the parts that are read whole.
MAX_UNPACKED, MAX_RATIO, MAX_PART = 400_000_000, 200, 60_000_000
#: So many sheets are looked at, and so many rows of each, to find the first that has content.
MAX_SHEETS, MAX_BLANK = 50, 1_000
#: How a packed file begins, as an Excel file is; a column may well be called PK.
PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_UMLAUTS_OF_DOS, _UMLAUTS_OF_WINDOWS = ("äöüÄÖÜß".encode(encoding) for encoding in ("cp850", "cp1252"))
#: The format of a number with zeros before it.
_ZEROS = re.compile("0{2,15}")
ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"}


class UnreadableFile(Exception):
    """The file cannot be read; the text, with its numbers, says why in the language of whoever reads it."""

    def __init__(self, text, **numbers):
        super().__init__(text)
        self.text, self.numbers = text, numbers

    def __str__(self):
        return str(self.text) % {name: in_words(number) for name, number in self.numbers.items()}


@dataclass(frozen=True)
class Table:
    """A file's columns, and how to read its rows again and again."""

    path: str
    file_type: str
    encoding: str = ""
    delimiter: str = ""

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (number of the row in the file, cells as texts); the first is the head. Empty rows are passed over."""
        for number, cells in enumerate(_xlsx_rows(self.path) if self.file_type == "xlsx" else _csv_rows(self), 1):
            if number > settings.IMPORT_MAX_ROWS + 1:
                raise UnreadableFile(_("The file has more than %(count)s rows."), count=settings.IMPORT_MAX_ROWS)
            cleaned = [_clean(cell, number) for cell in cells]
            while cleaned and not cleaned[-1]:
                cleaned.pop()
            if cleaned:
                yield number, cleaned

    def head(self) -> list[str]:
        """Return the names of the columns, each different; raise UnreadableFile where there are none."""
        for _number, cells in self.rows():
            if len(cells) > MAX_COLUMNS:
                raise UnreadableFile(_("The file has more than %(count)s columns."), count=MAX_COLUMNS)
            names: list[str] = []
            for place, cell in enumerate(cells, 1):
                name = " ".join(cell.replace("\x00", "").split())[:100] or _("Column %(number)s") % {"number": place}
                names.append(name)
                while sum(other.casefold() == names[-1].casefold() for other in names) > 1:
                    names[-1] = f"{name} ({sum(other.casefold().startswith(name.casefold()) for other in names)})"
            return names
        raise UnreadableFile(_("The file is empty."))

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells) below the head, at least as many cells as there are columns."""
        rows = self.rows()
        width = len(next(rows, (0, []))[1])
        for number, cells in rows:
            yield number, cells + [""] * (width - len(cells))

    def facts(self, progress: Callable[[int], None] | None = None) -> dict:
        """Read the whole file once; return what its mapping needs to know: see exchange.models.Import."""
        head = self.head()
        sample: list[list[str]] = []
        values: dict[int, Counter] = {place: Counter() for place in range(len(head))}
        total, shown = 0, day_alone if self.file_type == "xlsx" else str
        rows = self.rows()
        unnamed = not all(next(rows)[1])
        for total, (_number, cells) in enumerate(rows, 1):
            unnamed = unnamed or len(cells) > len(head)
            cells += [""] * (len(head) - len(cells))
            if len(sample) < SAMPLE:
                sample.append([storable(shown(cell))[:200] for cell in cells[: len(head)]])
            for place in list(values):
                if cell := cells[place]:
                    counter = values[place]
                    counter[cell] += 1
                    if len(counter) > MAX_DISTINCT or len(cell) > MAX_DISTINCT_LENGTH:
                        del values[place]
            if progress and total % 2_000 == 0:
                progress(total)
        if not total:
            raise UnreadableFile(_("The file has a head, but no rows."))
        listed = {str(place): [[storable(text), count] for text, count in found.most_common()] for place, found in values.items()}
        return {"head": head, "total": total, "sample": sample, "values": listed, "encoding": self.encoding,
                "delimiter": self.delimiter, "sheet": _one_of_several(self.path) if self.file_type == "xlsx" else "",
                "unnamed": unnamed and self.file_type == "xlsx"}  # fmt: skip


def storable(text: str) -> str:
    """Return the text without what no database can hold."""
    return text.replace("\x00", "\ufffd")


def day_alone(text: str) -> str:
    """Return a day without the midnight that a workbook adds to it."""
    return text[:10] if len(text) == 19 and re.fullmatch(r"\d{4}-\d\d-\d\d 00:00:00", text, re.ASCII) else text


def _too_long(row: int) -> UnreadableFile:
    text = _("Row %(row)s: a cell holds more than %(count)s characters. Is a quotation mark not closed?")
    return UnreadableFile(text, row=row, count=MAX_CELL)


def _clean(cell: str, number: int) -> str:
    if len(cell) > MAX_CELL:
        raise _too_long(number)
    cell = cell.strip()
    # Our own files put an apostrophe before what a spreadsheet would take for a formula.
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def open_table(path: str) -> Table:
    """Return the table in a file; raise UnreadableFile for what is none, in words. The content decides, not the name."""
    with open(path, "rb") as file:
        start = file.read(65_536)
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(_("The file is empty."))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(
            _("This is an Excel file of an old kind, or one with a password. Save it as .xlsx or CSV, without a password.")
        )
    if start.startswith(PACKED):
        _check_xlsx(path)
        return Table(path, "xlsx")
    if start.startswith((b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BZh", b"7z\xbc", b"Rar!", b"\x7fELF")):
        raise _no_table()
    encoding = _encoding(path, start)
    text = start.decode(encoding, "replace").lstrip("\ufeff")
    if re.match(r"\s*<(!doctype|html|\?xml|svg)", text, re.IGNORECASE) or re.match(r"\s*[\[{]\s*[\"{]", text):
        raise _no_table()
    if len(re.findall(r"[\x01-\x08\x0e-\x1f]", text)) > len(text) // 50:
        raise _no_table()
    return Table(path, "csv", encoding, _delimiter(text))


def _no_table() -> UnreadableFile:
    return UnreadableFile(_("This is neither a CSV file nor an Excel file (.xlsx)."))


# --- CSV --------------------------------------------------------------------------------------------------------------


def _encoding(path: str, start: bytes) -> str:
    is_widest = start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE))
    if wide := "utf-32" if is_widest else _wide(start):
        if os.path.getsize(path) % (4 if is_widest else 2):
            raise _cut_off()
        return wide
    if start.count(0) > len(start) // 8:
        raise _no_table()
    if _is_all(path, "utf-8-sig"):
        return "utf-8-sig"
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    letters = broken = dos = windows = 0
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            text = decoder.decode(part)
            letters += len(text) - len(text.encode("ascii", "ignore"))
            broken += text.count("\ufffd")
            dos += len(part) - len(part.translate(None, _UMLAUTS_OF_DOS))
            windows += len(part) - len(part.translate(None, _UMLAUTS_OF_WINDOWS))
    # In a text of one byte a letter, hardly two of them happen to be one letter of UTF-8.
    if letters - broken > broken:
        if decoder.getstate()[0]:
            raise _cut_off()
        return "utf-8-sig"
    # Windows has no letter for five bytes; a stray one makes no file of DOS.
    return "cp1252" if windows >= dos or _is_all(path, "cp1252") else "cp850"


def _is_all(path: str, encoding: str) -> bool:
    try:
        with open(path, encoding=encoding) as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _cut_off() -> UnreadableFile:
    return UnreadableFile(_("The file ends in the middle of a character: a part of it is missing."))


def _wide(start: bytes) -> str:
    """Return the encoding of a file with two bytes for a letter, or an empty text."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) > half * 0.6 and start[::2].count(0) < half * 0.1:
        return "utf-16-le"
    if start[::2].count(0) > half * 0.6 and start[1::2].count(0) < half * 0.1:
        return "utf-16-be"
    return ""


def _delimiter(text: str) -> str:
    """Return the separator that stands most often in the first line that is not empty, outside quotes."""
    if named := re.match(r"sep=(.)\r?\n", text):
        return named[1]  # as Excel writes it
    line: list[str] = []
    quoted = False
    for char in text:
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "\r\n" and "".join(line).strip():
            break
        else:
            line.append(char)
    return max(",;\t|", key=line.count)


def _csv_rows(table: Table) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_CELL * 10)
    with open(table.path, encoding=table.encoding, errors="replace", newline="") as file:
        # The mark at the beginning may be there twice, and the order be known without it.
        reader = csv.reader(chain([next(file, "").lstrip("\ufeff")], file), delimiter=table.delimiter, strict=True)
        given = 0
        try:
            for number, cells in enumerate(reader):
                if not (number == 0 and len(cells) == 2 and cells[0] == "sep="):
                    given += 1
                    yield cells
        except csv.Error as error:
            if "field larger" in str(error):
                raise _too_long(given + 1) from error
            text = _("The file cannot be read near line %(line)s: a quotation mark is not closed, or stands inside a text.")
            raise UnreadableFile(text, line=max(reader.line_num, 1)) from error
        except UnicodeError as error:
            raise _no_table() from error


# --- Excel ------------------------------------------------------------------------------------------------------------


def _damaged() -> UnreadableFile:
    return UnreadableFile(_("This Excel file is damaged."))


def _check_xlsx(path: str) -> None:
    """Look into the archive before anything is unpacked; what it declares is the most that is ever read of a part."""
    bomb = UnreadableFile(_("This file unpacks to far more than it should; it was not opened."))
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            unpacked, packed = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
            if len(parts) > 5_000 or unpacked > MAX_UNPACKED or (unpacked > 20_000_000 and unpacked > MAX_RATIO * max(packed, 1)):
                raise bomb
            if "xl/workbook.xml" not in archive.namelist():
                raise _no_table()
            for part in parts:
                if part.flag_bits & 1:
                    raise UnreadableFile(_("This Excel file has a password; save it without one."))
                if not part.filename.startswith("xl/worksheets/") and part.file_size > MAX_PART:
                    raise bomb
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as file:
                        if b"<!DOCTYPE" in file.read(65_536):
                            raise _damaged()
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        raise _damaged() from error


@contextmanager
def _sheets(path: str):
    """Open a workbook; give its sheets that can be seen, or the first of them all."""
    from openpyxl import load_workbook

    with open(path, "rb") as file:  # by a path openpyxl would ask for its ending
        try:
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheets = [one for one in book.worksheets if one.sheet_state == "visible"] or [book.worksheets[0]]
            for sheet in sheets:
                # What the file says of its size may be a lie.
                sheet.reset_dimensions()
        except Exception as error:  # whatever openpyxl stumbles over
            raise _damaged() from error
        try:
            yield sheets
        finally:
            book.close()


def _rows_of(sheet) -> Iterator[tuple]:
    if not any(map(_ZEROS.fullmatch, sheet.parent._number_formats)):
        return sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1)
    return (tuple(map(_padded, cells)) for cells in sheet.iter_rows(max_col=MAX_COLUMNS + 1))


def _padded(cell):
    """Return the value of a cell; a number with the zeros its format puts before it, as a postcode's does."""
    value = cell.value
    if cell.data_type != "n" or not isinstance(value, (int, float)) or value < 0 or not float(value).is_integer():
        return value
    return str(int(value)).zfill(len(cell.number_format)) if _ZEROS.fullmatch(cell.number_format) else value


def _is_blank(row) -> bool:
    return row.count(None) == len(row)


def _filled(sheets) -> Iterator:
    """Yield those of the sheets that have content."""
    for sheet in sheets[:MAX_SHEETS]:
        if not all(map(_is_blank, islice(_rows_of(sheet), MAX_BLANK))):
            yield sheet


def _one_of_several(path: str) -> str:
    """Return the name of the sheet that is read, where others have content, too."""
    with _sheets(path) as sheets:
        try:
            found = list(islice(_filled(sheets), 2)) if len(sheets) > 1 else []
        except Exception as error:
            raise _damaged() from error
        return storable(found[0].title)[:100] if len(found) > 1 else ""


def _xlsx_rows(path: str) -> Iterator[list[str]]:
    """Yield the rows of the first sheet that has content."""
    with _sheets(path) as sheets:
        try:
            rows = _rows_of(next(_filled(sheets), sheets[0]) if len(sheets) > 1 else sheets[0])
        except Exception as error:
            raise _damaged() from error
        while True:
            try:
                row = next(rows, None)
            except Exception as error:
                raise _damaged() from error
            if row is None:
                return
            # openpyxl fills up the rows that are missing, up to a million of them above a single cell.
            yield [] if _is_blank(row) else [_text(value) for value in row]


def _text(value) -> str:
    if value is None or value in ERRORS:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # As the spreadsheet shows it: what lies beyond fifteen digits is an error of its arithmetic.
    return f"{value:.15g}" if isinstance(value, float) else str(value)


# --- Writing ----------------------------------------------------------------------------------------------------------


def csv_lines(head: Iterable, rows: Iterable[Iterable]) -> Iterator[bytes]:
    """Yield the lines of a CSV file that no spreadsheet takes for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff".encode()
    for row in chain([head], rows):
        writer.writerow([safe(cell) for cell in row])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
