"""Files to import, made by the tests: of the shape of real exports, and broken in the ways real files are."""

import csv
import io
import json
import tempfile
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.management import call_command
from openpyxl import Workbook

from activities.models import Activity
from crm.models import ExternalId, SearchText, User
from exchange import actions
from leads.models import Company, Industry, LeadStatus, Person, Source
from sales.models import Sale, SaleReason, SaleType

#: The columns of a lead export of Zoho CRM.
ZOHO = ["LEADID", "Last Name", "Company", "Lead Owner", "Email", "Mobile", "Website", "Industry", "Lead Source", "Lead Status"]
#: Of its deals, its calls and its tasks.
DEALS = ["Potential Name", "Potential Owner", "Created Time", "Closing Date", "Amount", "Expected Revenue", "Stage", "Forecast Type", "Type",
         "Lead Source", "Probability", "LEADID", "Campaign Id"]  # fmt: skip
CALLS = ["TASKID", "Call Start Time", "Call Duration (in seconds)", "Call Owner", "Call Owner Id", "Subject", "Call Type", "Call Purpose",
         "Created Time", "CONTACTID", "ACCOUNTID", "POTENTIALID", "LEADID"]  # fmt: skip
TASKS = ["Task Owner", "Subject", "Created Time", "Due Date", "Status", "Modified Time"]


def deal(name="Wartung", *, stage="Qualification", amount="$22,700.00", lead="1", created="15 Apr, 2021 00:02:00",
         closing="16 Apr, 2021 00:03:00", kind="New Business"):  # fmt: skip
    """Return a row of a file of deals."""
    return [name, "Anna Kraft", created, closing, amount, "$1.00", stage, "Open", kind, "Trade Show", "100", lead, "24000023"]


def call(number, *, start="2021-04-15 23:03:00", subject="Demo", contact="", account="", potential="0", lead=""):
    """Return a row of a file of calls."""
    return [number, start, "420", "Anna Kraft", "1003", subject, "Outbound", "Prospecting", "2021-04-15 00:03:00", contact, account,
            potential, lead]  # fmt: skip


def csv_of(*rows, delimiter=",", encoding="utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_of(*rows, sheets=()) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for title, state, more in sheets:
        sheet = book.create_sheet(title, 0)
        sheet.sheet_state = state
        for row in more:
            sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def uploaded(by, data, record="person", name="file.csv", **mapping):
    """Upload a file and set what differs from the guessed mapping; `columns` and `values` are added to what was guessed."""
    source = actions.upload(ContentFile(data), name, record, by=by, at_once=True)
    for key, value in mapping.items():
        if isinstance(value, dict):
            value = {**source.mapping[key], **value}
        source.mapping[key] = value
    source.save()
    return source


def tried(by, data, record="person", **mapping):
    """Only check a file; return what would happen."""
    source = uploaded(by, data, record, **mapping)
    report = actions.try_out(source)
    source.refresh_from_db()
    return source, report


def brought(by, data, record="person", **mapping):
    """Check a file and bring it in; return the import and its report."""
    source = uploaded(by, data, record, **mapping)
    actions.try_out(source)
    report = actions.bring_in(source)
    source.refresh_from_db()
    return source, report


def counts(report):
    """Return the counts that are not zero."""
    return {name: count for name, count in report.counts.items() if count}


def reasons(source):
    return list(source.failed_rows.order_by("number").values_list("number", "reason"))


def everything(*, edits=True):
    """Return every row an import may write, as values; without `edits`, what tells how often and when it was changed is left out."""
    tables: dict[str, list[dict]] = {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Company, Person, Activity, Sale, Industry, Source, SaleType, SaleReason)
    }
    tables["ExternalId"] = list(ExternalId.objects.order_by("pk").values())
    tables["User"] = list(User.objects.order_by("pk").values())
    tables["LeadStatus"] = list(LeadStatus.objects.order_by("pk").values())
    tables["SearchText"] = list(
        SearchText.objects.order_by("record_type", "record_id").values("record_type", "record_id", "text")
    )
    for row in [] if edits else [row for rows in tables.values() for row in rows]:
        row.pop("version", None), row.pop("updated_at", None)
    return tables


def command(file, *arguments, by):
    """Run the command on a path or on bytes; return what it said and the counts of its last line."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(file, bytes):
            path = Path(folder, "file.csv")
            path.write_bytes(file)
        else:
            path = file
        call_command("import_file", str(path), "--by", by.username, "--json", *arguments, stdout=out)
    lines = out.getvalue().strip().splitlines()
    return lines[:-1], json.loads(lines[-1])
