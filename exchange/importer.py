"""Bringing a file's rows in: checked whole first, then written in batches under one change set (I1, settled 11, 17, 18).

A row finds its record by the id of the other system, a person then by e-mail, a company by name; what has neither by being the same
row as before. Matching considers all records; one that the importer may not change is reported as *exists already* and left alone.
Within a file each field of a record comes from the first row that has it; later rows only fill gaps. A row that names no record it
could belong to is *left out*: no error, but counted and given back with the reason.

Checking goes through the same code and counts the same. What it would have made or changed by now it keeps on disk
(`exchange.seen`): new records have negative ids there.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db import connection
from django.utils.translation import gettext as _

from crm.database import Blank
from crm.history.changes import writing
from crm.locks import hold_every_key
from crm.text import fold
from exchange import mapping as mappings
from exchange.kinds import COMPANY, COMPANY_ID, EXTERNAL_ID, PERSON
from exchange.reading import storable
from exchange.rows import Row, RowReader
from exchange.seen import Seen
from exchange.traces import Mark, Traces, first, holds, keep_external_ids
from leads import bulk, lifecycle
from leads.models import Category, Company

BATCH = 2_000
PAUSE = 0.12  # seconds
#: How many of the notes, of the differences, and of the rows with errors are kept.
MAX_NOTES, MAX_DIFFERENCES, MAX_FAILED = 200, 200, 50_000
#: What is counted of a file, by what its rows are.
_OF_COMPANIES = ("companies_created", "companies_updated")
_OF_PERSONS = ("persons_created", "persons_updated", *_OF_COMPANIES)
_OF_ROWS = ("unchanged", "duplicates", "failed")
COUNTS = {
    "person": (*_OF_PERSONS, *_OF_ROWS),
    "company": (*_OF_PERSONS, *_OF_ROWS),
    "sale": ("sales_created", "sales_updated", *_OF_COMPANIES, *_OF_ROWS, "left_out"),
    "activity": ("activities_created", "activities_updated", *_OF_ROWS, "left_out"),
}

#: A row that was not brought in: its number, its cells, the reason, and whether it was left out rather than wrong.
Failed = tuple[int, list[str], str, bool]


@dataclass
class Report:
    """What happened, or would happen: the counts, and what is to be noted about rows.

    Each row is counted once: with the record it made or changed first, as unchanged, as a duplicate, as failed, or as left out.
    """

    counts: dict[str, int]
    rows: int = 0
    differences: int = 0
    #: How many ids and names in rows that came lead to nothing.
    dangling: int = 0
    left_out: Counter = field(default_factory=Counter)
    #: Whether ids of the other system are new, by which later files find these records.
    new_ids: bool = False
    #: How many notes there are; the first of them are kept.
    noted: int = 0
    notes: list[tuple[int, str]] = field(default_factory=list)
    differing: list[tuple[int, str]] = field(default_factory=list)

    @property
    def failed(self):
        return self.counts["failed"]

    def note(self, row, text):
        self.noted += 1
        if len(self.notes) < MAX_NOTES:
            self.notes.append((row.number, str(text)))

    def differ(self, row, label):
        self.differences += 1
        if len(self.differing) < MAX_DIFFERENCES:
            self.differing.append(
                (row.number, _("%(field)s: an earlier row has another value, and keeps it.") % {"field": label})
            )

    def as_json(self):
        return {**self.counts, "rows": self.rows, "differences": self.differences, "dangling": self.dangling,
                "new_ids": self.new_ids, "noted": self.noted, "notes": self.notes, "differing": self.differing, "left_out_reasons": dict(self.left_out.most_common())}  # fmt: skip


class LeftOut(Exception):
    """A row cannot belong to anything that is here; the text says why."""


class Importer:
    """One file, one mapping, one user. `check` only counts, `write` writes; both go through the same matching.

    `keep` is given the rows that are not brought in, batch by batch. A subclass says what a row of its record type is.
    """

    #: kind of mark -> the column that holds it.
    keys: ClassVar[dict[str, str]] = {}

    def __init__(self, reader: RowReader, keep: Callable[[list[Failed]], None] = lambda rows: None):
        self.reader, self.kind, self.by, self._keep = reader, reader.kind, reader.by, keep
        mapping = reader.mapping
        self.overwrite = mapping["policy"] == "overwrite"
        self.source = mappings.source_of(mapping, EXTERNAL_ID) if EXTERNAL_ID in reader.places else ""
        self.company_source = mappings.source_of(mapping, COMPANY_ID) if COMPANY_ID in reader.places else ""
        self._categories, self._default_status = Category.objects.in_bulk(), lifecycle.default_status()
        self.category = self._categories[mapping["category"]]
        self._hashed = sorted(reader.places.values())
        self._fields = self._described()

    def _described(self):
        """Return (model, name) -> (column, whether it is a relation, label) of every field a row can set."""
        labels, found = dict(mappings.targets(self.kind.name)), {}
        for model in {self.kind.model, Company}:
            prefix = "" if model is self.kind.model else "company."
            for described in model._meta.concrete_fields:
                label = labels.get(
                    "company.name" if described.name == "company" else prefix + described.name, described.verbose_name
                )
                found[model, described.name] = (described.attname, described.is_relation, label)
        return found

    def check(self, progress: Callable[[int], None] | None = None) -> Report:
        """Read and match every row without writing; return what would happen."""
        return self._run(None, progress)

    def write(self, change_set, progress: Callable[[int], None] | None = None) -> Report:
        """Write all good rows under this change set, a transaction a batch."""
        return self._run(change_set, progress)

    def _run(self, change_set, progress):
        report, seen = Report(dict.fromkeys(COUNTS[self.kind.name], 0)), Seen()
        self._seen = seen
        models = {self.kind.model, Company}
        self._traces = {model: Traces(seen, model, self._categories, dry=change_set is None) for model in models}
        batch: list[Row] = []
        self._rejected: list[Failed] = []
        try:
            for row in self.reader.rows():
                report.rows += 1
                if not row.error:
                    batch.append(row)
                else:
                    self._fail(row, row.error, report)
                if len(batch) == BATCH:
                    self._batch(batch, change_set, report)
                    batch = []
                if len(self._rejected) >= BATCH:
                    self._keep(self._rejected)
                    self._rejected = []
                if progress and report.rows % BATCH == 0:
                    progress(report.rows)
            if batch:
                self._batch(batch, change_set, report)
            self._keep(self._rejected)
            if change_set is not None:
                self._end(change_set)
            if progress:
                progress(report.rows)
        finally:
            seen.close()
        return report

    def _fail(self, row, reason, report):
        report.counts["failed"] += 1
        self._reject(row, reason, report)

    def _reject(self, row, reason, report, left_out=False):
        if report.failed + report.left_out.total() <= MAX_FAILED:
            self._rejected.append((row.number, [storable(cell) for cell in row.cells], reason, left_out))

    def _leave_out(self, row, reason, report):
        report.counts["left_out"] += 1
        report.left_out[reason] += 1
        self._reject(row, reason, report, left_out=True)

    def _batch(self, rows, change_set, report):
        if change_set is None:
            self._match(rows, report, None)
            return
        with writing(change_set):
            hold_every_key()  # nobody else matches or creates meanwhile (settled 17)
            self._match(rows, report, change_set)
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            # There is one writer, and who waits looks again ten times a second: a click, or the lease of this very job.
            time.sleep(PAUSE)

    def _match(self, rows, report, change_set):
        """Find, create and complete what the rows of a batch are."""
        raise NotImplementedError

    def _end(self, change_set):
        """Do what can only be done once every row is written."""

    # --- Companies --------------------------------------------------------------------------------------------------------

    def _companies(self, wanted, report, change_set, source):
        """Find, create and complete the companies of a batch; each row's `found_company` is set."""
        own = self.kind is COMPANY
        traces = self._traces[Company]
        marks: dict[int, list[Mark]] = {
            row.number: ([("id", external)] if external and source else [])
            + ([("name", fold(values["name"]))] if values.get("name") else [])
            for row, values, external in wanted
        }
        live = Company.objects.filter(deleted_at=None)
        known, ids = traces.find(marks, live, {"name": "name_key"}, {"id": source})
        allowed = traces.editable(known.values(), self.by)
        created, new_ids, blank = [], {}, Blank(Company)
        changes: dict[Company, set[str]] = {}
        for row, values, external in wanted:
            company = first(known, marks[row.number])
            if company is None and not values.get("name"):
                report.note(row, _("The company %(id)s is not known and is left out.") % {"id": external})
                continue
            if company is None:
                # A person's company is looked after by whoever looks after the person.
                owner = row.values.get("owner") or self.by
                company = blank(**{"owner": owner, "category": self.category, **values})
                company.name_key = fold(company.name)
                created.append(traces.make(company, values))
                report.counts["companies_created"] += 1
            elif self.kind not in (COMPANY, PERSON):
                pass  # a sale is at a company, and changes nothing of it
            elif not (company.trace.given or company.pk in allowed):
                if own:
                    report.counts["duplicates"] += 1
                if own or not company.trace.noted:
                    report.note(row, _("Already exists, but you may not change it.") if own else _(
                        "The company already exists, but you may not change it."))  # fmt: skip
                company.trace.noted = True
                if own:
                    continue
            else:
                self._give(company, values, row, report, "companies_updated", own, changes)
            row.found_company = company
            if external and source and ("id", external) not in ids:
                new_ids.setdefault(external, company)
            for mark in marks[row.number]:
                if first(known, [mark]) is None and holds(company, mark):
                    known[mark] = company
        report.new_ids |= bool(new_ids)
        if change_set is not None:
            bulk.create_companies(created)
            self._left_alone(changes, bulk.update_companies(changes), "companies_updated", own, report)
            keep_external_ids(source, "company", new_ids, change_set)
        traces.keep(known)

    # --- The records themselves -------------------------------------------------------------------------------------------

    def _records(self, rows, report, change_set):
        """Find, create and complete what each row of a batch is."""
        traces, name = self._traces[self.kind.model], self.kind.plural
        marks = self._marks(rows)
        live = self.kind.model._default_manager.filter(deleted_at=None)
        known, ids = traces.find(marks, live, self.keys, {"id": self.source, "row": "row"})
        allowed = traces.editable(known.values(), self.by)
        created: list[Any] = []
        self._blank = Blank(self.kind.model)
        new_ids: dict[str, dict[str, Any]] = {"id": {}, "row": {}}
        changes: dict[Any, set[str]] = {}
        self._look_around(rows, known.values())
        for row in rows:
            record = first(known, marks[row.number])
            if record is None:
                record = self._new(row, report)
                if reason := self._refused(record):
                    self._fail(row, reason, report)
                    continue
                created.append(record)
                report.counts[f"{name}_created"] += 1
            elif not (record.trace.given or record.pk in allowed):
                report.counts["duplicates"] += 1
                report.note(row, _("Already exists, but you may not change it."))
                continue
            else:
                values = self._fitting(record, row, report)
                other = first(known, [mark for mark in marks[row.number] if mark[0] == "email"])
                if other is not None and other is not record:
                    report.note(row, _("Another person has this e-mail address; it was not taken."))
                    values = {name: value for name, value in values.items() if name != "email"}
                if reason := self._refused(record, values):
                    self._fail(row, reason, report)
                    continue
                self._give(record, values, row, report, f"{name}_updated", True, changes)
            for mark in marks[row.number]:
                if first(known, [mark]) is None and holds(record, mark):
                    known[mark] = record
                if mark[0] in new_ids and mark not in ids:
                    new_ids[mark[0]].setdefault(mark[1], record)
        report.new_ids |= bool(self.source and new_ids["id"])
        if change_set is not None:
            self._create(created)
            self._left_alone(changes, self._update(changes), f"{name}_updated", True, report)
            keep_external_ids(self.source, self.kind.name, new_ids["id"], change_set)
            keep_external_ids("row", self.kind.name, new_ids["row"], change_set)
        traces.keep(known)

    def _new(self, row, report):
        """Return the new record of a row."""
        raise NotImplementedError

    def _fitting(self, record, row, report) -> dict[str, Any]:
        """Return those of a row's values that a record which is there can take."""
        raise NotImplementedError

    def _look_around(self, rows, known):
        """Read at once what `_refused` needs to know of a batch, and of the records it meets."""

    def _refused(self, record, values=None) -> str:
        """Return why there may not be this new record, or one that is there may not be given these values; empty if it may."""
        return ""

    def _create(self, records):
        raise NotImplementedError

    def _update(self, changes):
        """Write the fields that were set; return the changes that were written."""
        raise NotImplementedError

    def _marks(self, rows) -> dict[int, list[Mark]]:
        """Return what the record of each row is known by, the surest first."""
        marks: dict[int, list[Mark]] = {}
        digests = {}
        for row in rows:
            marks[row.number] = [("id", row.external_id)] if row.external_id and self.source else []
            marks[row.number] += [(kind, text.lower()) for kind in self.keys if (text := row.values.get(kind))]
            if not marks[row.number]:
                text = "\x1f".join(row.cells[place] for place in self._hashed)
                digests[row.number] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        # Known by all its values, and by which of several equal rows it is (settled 18).
        before = self._seen.find({f"equal {digest}" for digest in digests.values()})
        for number, digest in digests.items():
            before[f"equal {digest}"] = before.get(f"equal {digest}", 0) + 1
            marks[number].append(("row", f"{digest}:{before[f'equal {digest}']}"))
        self._seen.add(before)
        return marks

    def _give(self, record, values, row, report, updated, counted, changes):
        """Give a row's values to a record that is there, and count the row where it is the record's own (`counted`)."""
        trace = record.trace
        again, trace.given = trace.given, True
        changed = self._complete(record, values, again, row, report)
        if again and counted:
            report.counts["duplicates"] += 1
        if changed:
            if record.pk is not None:
                changes[record] = changes.get(record, set()) | changed
                trace.row = row
            if not (trace.made or trace.changed):
                trace.changed = True
                report.counts[updated] += 1
                if again and counted:
                    report.counts["unchanged"] -= 1  # as which an earlier row was counted
        elif counted and not again:
            report.counts["unchanged"] += 1

    def _taken(self, record, values, again) -> tuple[dict[str, Any], list[str]]:
        """Return those of a row's values that the record takes, and the names of those that differ from an earlier row's."""
        taken: dict[str, Any] = {}
        differing = []
        model, trace = type(record), record.trace
        for name, value in values.items():
            if value is None or value == "" or (name == "name" and model is Company):
                continue  # a company was found by its name
            attname, is_relation, _label = self._fields[model, name]
            # As it is stored: the record behind an id would be a query for each row, a country an object.
            current, new = vars(record)[attname], value.pk if is_relation else value
            if name == "lead_status" and trace.default_status:
                current = None  # nobody gave it
            if current == new:
                continue
            # A category is never empty: a company keeps the one it has, unless one asks to overwrite (R12).
            with_other = COMPANIONS.get(name) in taken
            if current in (None, "", False) or with_other or (self.overwrite and not again):
                if name in COMPANIONS and not (with_other or (self.overwrite and not again)):
                    continue  # what it says is said of a value that was not taken
                taken[name] = value
            elif again and name not in COMPANIONS:
                differing.append(name)
        return taken, differing

    def _complete(self, record, values, again, row, report) -> set[str]:
        """Set on the record what the row adds; return the names of the changed fields."""
        taken, differing = self._taken(record, values, again)
        for name, value in taken.items():
            attname, is_relation, _label = self._fields[type(record), name]
            setattr(record, name, value)
            record.trace.set(attname, value.pk if is_relation else value)
            self._was_set(record, name)
        for name in differing:
            report.differ(row, self._fields[type(record), name][2])
        return set(taken)

    def _was_set(self, record, name):
        """Let follow what follows from a field that was set."""

    def _left_alone(self, changes, written, updated, counted, report):
        """Note what somebody else changed between our reading and writing it: it stays as they made it (R17)."""
        for record in changes.keys() - written.keys():
            report.note(record.trace.row, _("Somebody else changed it at the same time; it was left as they made it."))
            if record.trace.changed:
                record.trace.changed = False
                report.counts[updated] -= 1
                report.counts["unchanged"] += counted


#: Fields that say how another one is meant: they are taken with it, never alone.
COMPANIONS = {"currency": "amount", "all_day": "due_at", "time_zone": "due_at"}
