"""Bringing a file's rows in: checked whole first, then written in batches under one change set (I1, settled 11, 17, 18).

A row finds its record by the id of the other system, a person then by e-mail, a company by name; what has neither by being the same
row as before. Matching considers all records; one that the importer may not change is reported as *exists already* and left alone.
Within a file each field of a record comes from the first row that has it; later rows only fill gaps. A row that names no record it
could belong to is *left out*: no error, but counted and given back with the reason.

Checking goes through the same code and counts the same. What it would have made or changed by now it keeps on disk
(`exchange.seen`): new records have negative ids there.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from activities.bulk import create_activities, update_activities
from activities.models import Activity
from crm import access
from crm.history.changes import Outcome, writing
from crm.locks import hold_every_key, lock_rows
from crm.models import ExternalId
from crm.text import fold
from exchange import mapping as mappings
from exchange.kinds import COMPANY, COMPANY_ID, COMPANY_NAME, EXTERNAL_ID, LEAD_ID, PERSON, PERSON_EMAIL, PERSON_ID, SALE_ID
from exchange.links import Links, external_records
from exchange.reading import storable
from exchange.rows import Row, RowReader
from exchange.seen import Seen
from leads import bulk, lifecycle
from leads.automation import as_one
from leads.models import Category, Company, Person
from sales import automation
from sales.bulk import create_sales, update_sales
from sales.models import Sale, SaleStage

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

Mark = tuple[str, str]
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
    notes: list[tuple[int, str]] = field(default_factory=list)
    differing: list[tuple[int, str]] = field(default_factory=list)

    @property
    def failed(self):
        return self.counts["failed"]

    def note(self, row, text):
        if len(self.notes) < MAX_NOTES:
            self.notes.append((row.number, str(text)))

    def differ(self, row, label):
        self.differences += 1
        if len(self.differing) < MAX_DIFFERENCES:
            self.differing.append(
                (row.number, _("%(field)s: an earlier row has another value, and keeps it.") % {"field": label})
            )

    def as_json(self):
        return {**self.counts, "rows": self.rows, "differences": self.differences, "dangling": self.dangling, "notes": self.notes,
                "differing": self.differing, "left_out_reasons": dict(self.left_out.most_common())}  # fmt: skip


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
        self._traces = {model: _Traces(seen, model, self._categories, dry=change_set is None) for model in models}
        batch: list[Row] = []
        self._rejected: list[Failed] = []
        try:
            for row in self.reader.rows():
                report.rows += 1
                if not row.error:
                    batch.append(row)
                else:
                    report.counts["failed"] += 1
                    self._reject(row, row.error, report)
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
        created, new_ids = [], {}
        changes: dict[Company, set[str]] = {}
        for row, values, external in wanted:
            company = _first(known, marks[row.number])
            if company is None and not values.get("name"):
                report.note(row, _("The company %(id)s is not known; the person comes without one.") % {"id": external})
                continue
            if company is None:
                # A person's company is looked after by whoever looks after the person.
                owner = row.values.get("owner") or self.by
                company = Company(**{"owner": owner, "category": self.category, **values})
                company.name_key = fold(company.name)
                created.append(traces.make(company, values))
                report.counts["companies_created"] += 1
            elif self.kind not in (COMPANY, PERSON):
                pass  # a sale is at a company, and changes nothing of it
            elif not (company.trace.given or company.pk in allowed):
                if own:
                    report.counts["duplicates"] += 1
                if own or not company.trace.noted:
                    report.note(row, _("Exists already, and is not yours to change.") if own else _(
                        "The company exists already, and is not yours to change."))  # fmt: skip
                company.trace.noted = True
                if own:
                    continue
            else:
                self._give(company, values, row, report, "companies_updated", own, changes)
            row.found_company = company
            if external and source and ("id", external) not in ids:
                new_ids.setdefault(external, company)
            for mark in marks[row.number]:
                if _first(known, [mark]) is None and _holds(company, mark):
                    known[mark] = company
        if change_set is not None:
            bulk.create_companies(created)
            self._left_alone(changes, bulk.update_companies(changes), "companies_updated", own, report)
            _keep_external_ids(source, "company", new_ids, change_set)
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
        new_ids: dict[str, dict[str, Any]] = {"id": {}, "row": {}}
        changes: dict[Any, set[str]] = {}
        for row in rows:
            record = _first(known, marks[row.number])
            if record is None:
                created.append(record := self._new(row, report))
                report.counts[f"{name}_created"] += 1
            elif not (record.trace.given or record.pk in allowed):
                report.counts["duplicates"] += 1
                report.note(row, _("Exists already, and is not yours to change."))
                continue
            else:
                values = self._fitting(record, row, report)
                other = _first(known, [mark for mark in marks[row.number] if mark[0] == "email"])
                if other is not None and other is not record:
                    report.note(row, _("Another person has this e-mail address; it was not taken."))
                    values = {name: value for name, value in values.items() if name != "email"}
                self._give(record, values, row, report, f"{name}_updated", True, changes)
            for mark in marks[row.number]:
                if _first(known, [mark]) is None and _holds(record, mark):
                    known[mark] = record
                if mark[0] in new_ids and mark not in ids:
                    new_ids[mark[0]].setdefault(mark[1], record)
        if change_set is not None:
            self._create(created)
            self._left_alone(changes, self._update(changes), f"{name}_updated", True, report)
            _keep_external_ids(self.source, self.kind.name, new_ids["id"], change_set)
            _keep_external_ids("row", self.kind.name, new_ids["row"], change_set)
        traces.keep(known)

    def _new(self, row, report):
        """Return the new record of a row."""
        raise NotImplementedError

    def _fitting(self, record, row, report) -> dict[str, Any]:
        """Return those of a row's values that a record which is there can take."""
        raise NotImplementedError

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

    def _complete(self, record, values, again, row, report) -> set[str]:
        """Set on the record what the row adds; return the names of the changed fields."""
        changed = set()
        model, trace = type(record), record.trace
        for name, value in values.items():
            if value is None or value == "" or (name == "name" and model is Company):
                continue  # a company was found by its name
            attname, is_relation, label = self._fields[model, name]
            # By the id: asking for the record behind it would be a query for each row.
            current, new = getattr(record, attname), value.pk if is_relation else value
            if name == "lead_status" and trace.default_status:
                current = None  # nobody gave it
            if current == new:
                continue
            # A category is never empty: a company keeps the one it has, unless one asks to overwrite (R12).
            with_other = COMPANIONS.get(name) in changed
            if current in (None, "", False) or with_other or (self.overwrite and not again):
                if name in COMPANIONS and not (with_other or (self.overwrite and not again)):
                    continue  # what it says is said of a value that was not taken
                changed.add(name)
                setattr(record, name, value)
                trace.set(attname, new)
                self._was_set(record, name)
            elif again and name not in COMPANIONS:
                report.differ(row, label)
        return changed

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


# --- What a row is ----------------------------------------------------------------------------------------------------


class Companies(Importer):
    def _match(self, rows, report, change_set):
        self._companies([(row, row.values, row.external_id) for row in rows], report, change_set, self.source)


class Persons(Importer):
    keys: ClassVar = {"email": "email_key"}

    def _match(self, rows, report, change_set):
        wanted = [(row, row.company, row.links.get(COMPANY_ID, "")) for row in rows]
        self._companies([one for one in wanted if one[1].get("name") or one[2]], report, change_set, self.company_source)
        self._records(rows, report, change_set)

    def _create(self, records):
        bulk.create_persons(records, by=self.by, via="import")

    def _update(self, changes):
        return bulk.update_persons(changes, by=self.by, via="import")

    def _was_set(self, record, name):
        if name == "company":
            self._joined(record)
        elif name == "lead_status":
            record.trace.default_status = False

    def _new(self, row, report):
        category = row.found_company.category if row.found_company else self.category
        values = self._with_status(row.values, category, row, report)
        person = Person(**{"owner": self.by, **values}, company=row.found_company)
        person.category, person.is_lead = category, category.lead_status_enabled
        self._traces[Person].make(person, values | ({"company": row.found_company} if row.found_company else {}))
        self._begin(person)
        return person

    def _begin(self, person):
        """Let a lead without a status have the default one, as they will once they are written, until a row gives another."""
        if person.category.lead_status_enabled and person.lead_status_id is None:
            person.lead_status = self._default_status
            person.trace.set("lead_status_id", person.lead_status_id)
            person.trace.default_status = True

    def _fitting(self, person, row, report):
        """Return the row's values for a person who is there: with the company, and a status only where one applies (R6)."""
        company = row.found_company
        if company is None:
            return self._with_status(row.values, person.category, row, report, person)
        joins = person.company_id is None or (self.overwrite and not person.trace.given)
        category = company.category if joins else person.category
        return self._with_status({**row.values, "company": company}, category, row, report, person)

    def _with_status(self, values, category, row, report, person=None):
        status = values.get("lead_status")
        if status is None or category.lead_status_enabled:
            return values
        if person is None or person.lead_status_id != status.pk:
            report.note(row, lifecycle.why_no_status(category))
        return {name: value for name, value in values.items() if name != "lead_status"}

    def _joined(self, person):
        """Let a person have the category of the company they join, and a lead status if they have none (R7)."""
        person.category = person.company.category
        person.trace.set("category_id", person.category_id)
        self._begin(person)


class _Linked(Importer):
    """What belongs to a person, a company, or a sale that the row names."""

    def __init__(self, reader, keep=lambda rows: None):
        super().__init__(reader, keep)
        self._links = Links(reader, by_name=not self.kind.brings_companies)

    def _match(self, rows, report, change_set):
        self._links.find(rows)
        self._name_companies(rows, report, change_set)
        placed = []
        for row in rows:
            try:
                self._place(row, report)
            except LeftOut as reason:
                self._leave_out(row, str(reason), report)
                continue
            placed.append(row)
            for target in row.links.keys() - row.found.keys():
                report.dangling += 1
                report.note(row, _("%(column)s: it names a record that is not here.") % {"column": self.reader.column(target)})
        self._records(placed, report, change_set)

    def _name_companies(self, rows, report, change_set):
        """Find or make the companies that rows give by name."""

    def _place(self, row, report):
        """Set in the row's values what it belongs to; raise LeftOut where that is nothing."""
        raise NotImplementedError

    def _nowhere(self, row):
        if row.links:
            return LeftOut(_("It names a record that is not here."))
        return LeftOut(_("It names no record that it belongs to."))

    @staticmethod
    def _person(row):
        return next((row.found[target] for target in (PERSON_ID, LEAD_ID, PERSON_EMAIL) if target in row.found), None)


class Sales(_Linked):
    """Sales. What becomes of them sets rules off once for each company, when all rows are written (settled 7)."""

    def __init__(self, reader, keep=lambda rows: None):
        super().__init__(reader, keep)
        stages = list(SaleStage.objects.selectable())
        if not stages:
            raise ValidationError(_("There is no stage to begin with; an administrator can add one."))
        self._first_stage, self._last_stage = stages[0], stages[-1]

    def _name_companies(self, rows, report, change_set):
        wanted = [(row, row.company, row.links.get(COMPANY_ID, "")) for row in rows if row.company.get("name")]
        self._companies(wanted, report, change_set, self.company_source)
        there = {row.found_company.pk for row, _values, _external in wanted if (row.found_company.pk or 0) > 0}
        visible = set(access.visible(Company.objects.filter(pk__in=there), self.by).values_list("pk", flat=True))
        for row, _values, external in wanted:
            if row.found_company.pk in there - visible:
                row.found_company = None
            elif external:
                row.found.setdefault(COMPANY_ID, row.found_company)

    def _place(self, row, report):
        person = self._person(row)
        company = row.found_company or row.found.get(COMPANY_ID)
        if company is None and row.company.get("name"):
            raise LeftOut(_("The company exists already, and is not yours to see."))
        if company is None and person is not None and (company := person.company) is None:
            raise LeftOut(_("The person is at no company, and a sale belongs to one."))
        if company is None:
            raise self._nowhere(row)
        row.values["company"] = company
        if person is not None and person.company_id == company.pk:
            row.values["person"] = person
        elif person is not None:
            report.note(row, _("The person it names is at another company; the sale comes without them."))

    def _new(self, row, report):
        values = dict(row.values)
        if not values.get("stage"):
            values["stage"] = self._last_stage if values.get("status") == Sale.Status.WON else self._first_stage
        sale = Sale(**{"owner": self.by, "currency": self.reader.mapping["currency"], **values})
        return self._traces[Sale].make(sale, {"status": sale.status, "currency": sale.currency, **values})

    def _fitting(self, sale, row, report):
        values = {name: value for name, value in row.values.items() if name != "created_at"}
        again, status = sale.trace.given, values.pop("status", None)
        taken = self.overwrite and not again
        if "person" in values and values["person"].company_id != (values["company"].pk if taken else sale.company_id):
            del values["person"]
        if status and status != sale.status and taken and not sale.is_closed:
            return values | {"status": status}
        dropped = set()
        if sale.is_closed:
            if taken and (status or "stage" in values) and status != sale.status:
                report.note(row, _("It is closed; open it again to go on with it."))
            dropped.add("stage")
        if status and status != sale.status:
            # It keeps its status, and what belongs to another one is not for it.
            dropped |= {"closed_on", "reason"}
            if again:
                report.differ(row, self._fields[Sale, "status"][2])
        return {name: value for name, value in values.items() if name not in dropped}

    def _complete(self, record, values, again, row, report):
        changed = super()._complete(record, values, again, row, report)
        if "status" in changed and record.reopen_on and record.status != Sale.Status.STALLED:
            record.reopen_on = None
            changed.add("reopen_on")
        return changed

    def _create(self, records):
        create_sales(records)
        self._tell(records, registered=True)

    def _update(self, changes):
        written = update_sales(changes)
        self._tell([sale for sale, names in written.items() if "status" in names])
        return written

    def _tell(self, sales, registered=False):
        """Keep what happened at which company until all rows are written."""
        happened: dict[str, set[str]] = {}
        for sale in sales:
            at = happened.setdefault(f"happened {sale.company_id}", set())
            at |= ({"registered"} if registered else set()) | ({str(sale.status)} if sale.is_closed else set())
        before = self._seen.find(happened)
        self._seen.add({key: " ".join(sorted(found | set(before.get(key, "").split()))) for key, found in happened.items()})

    def _end(self, change_set):
        for some in self._seen.starting("happened ", BATCH):
            events = [{int(pk) for pk, told in some.items() if event in told.split()} for event in ("registered", "won", "lost")]
            outcome = Outcome()
            with writing(change_set):
                lock_rows(Company.objects.filter(pk__in=set().union(*events)))
                with as_one(by=self.by, via="import", outcome=outcome):
                    automation.happened(*events, by=self.by, via="import", outcome=outcome)


class FollowUps(_Linked):
    """Follow-ups, of the person and company, or of the sale, that they name."""

    def _place(self, row, report):
        person, sale = self._person(row), row.found.get(SALE_ID)
        named = row.found.get(COMPANY_ID) or row.found.get(COMPANY_NAME)
        if sale is not None:
            person = person or sale.person
        company = sale.company if sale is not None else named or (person and person.company)
        if company is None and person is None:
            raise self._nowhere(row)
        if named is not None and named.pk != company.pk:
            report.note(row, _("The sale it names is of another company than it says; it belongs to the sale's."))
        found = {"person": person, "company": company, "sale": sale}
        row.values.update({name: record for name, record in found.items() if record is not None})

    def _new(self, row, report):
        return self._traces[Activity].make(Activity(**{"owner": self.by, **row.values}), row.values)

    def _fitting(self, activity, row, report):
        values = {name: value for name, value in row.values.items() if name != "created_at"}
        taken = self.overwrite and not activity.trace.given
        if "kind" not in self.reader.places:
            del values["kind"]  # as all of the file, nobody said it of this one
        if activity.done_at and values.get("done_at") == self.reader.now:
            del values["done_at"]  # nor when it was done
        if taken and activity.sale_id and "sale" not in values:
            values.pop("company", None)
        if not taken and "sale" in values and values["sale"].company_id != activity.company_id:
            del values["sale"]
        return values

    def _complete(self, record, values, again, row, report):
        changed = super()._complete(record, values, again, row, report)
        if "due_at" in changed and record.repeat:
            record.repeat_from = record.due_at
            changed.add("repeat_from")
        return changed

    def _create(self, records):
        create_activities(records)

    def _update(self, changes):
        return update_activities(changes, now=self.reader.now)


_IMPORTERS: dict[str, type[Importer]] = {"person": Persons, "company": Companies, "sale": Sales, "activity": FollowUps}


def importer_of(reader, keep=lambda rows: None) -> Importer:
    """Return the importer of what the rows of this reader are."""
    return _IMPORTERS[reader.kind.name](reader, keep)


@dataclass
class Trace:
    """What the rows of this file have done to one record so far."""

    given: bool = False
    made: bool = False
    changed: bool = False
    #: Its lead status is the default one because no row has given it another.
    default_status: bool = False
    #: That it is not the importer's to change has been said.
    noted: bool = False
    #: In a dry run the columns it would have by now; None where the database has them.
    values: dict | None = None
    row: Row | None = None

    def set(self, attname, value):
        if self.values is not None:
            self.values[attname] = value if value is None or isinstance(value, (bool, int)) else str(value)


class _Traces:
    """The traces of the records of one type, kept on disk from batch to batch; in a dry run with the records themselves."""

    def __init__(self, seen, model, categories, *, dry):
        self._seen, self._model, self._categories, self._dry = seen, model, categories, dry
        self._made = 0
        self._columns = {column.attname: column for column in model._meta.concrete_fields}
        self._categorised = "category_id" in self._columns

    def find(self, marks, live, keys, sources):
        """Return the records behind these marks, each with its trace, and the marks that are ids which are known already.

        `keys` maps a kind of mark to the column that holds it, `sources` to the name of the system whose ids they are.
        """
        wanted: dict[str, set[str]] = {}
        for kind, text in {mark for found in marks.values() for mark in found}:
            wanted.setdefault(kind, set()).add(text)
        by_pk: dict[int, Any] = {}
        at: dict[Mark, int] = {}
        for kind, column in keys.items():
            if texts := wanted.get(kind):
                # The oldest of several wins.
                for record in live.filter(**{f"{column}__in": texts}).order_by("-pk"):
                    by_pk[record.pk] = record
                    at[kind, getattr(record, column)] = record.pk
        ids = {}
        for kind, source in sources.items():
            found = external_records(source, self._model.history.record_type, wanted.get(kind))
            ids |= {(kind, text): pk for text, pk in found.items()}
        if self._dry:
            planned = self._seen.find(f"{self._name} {kind} {text}" for kind, texts in wanted.items() for text in texts)
            for key, pk in planned.items():
                kind, _space, text = key.removeprefix(f"{self._name} ").partition(" ")
                at.setdefault((kind, text), pk)
        by_pk |= live.in_bulk([pk for pk in {*ids.values(), *at.values()} if pk > 0 and pk not in by_pk])
        by_pk |= {pk: self._model(pk=pk) for pk in at.values() if pk < 0}
        # The id of a record that is in the bin, or gone, will belong to its successor.
        ids = {mark: pk for mark, pk in ids.items() if pk in by_pk}
        self._recall(by_pk)
        return {mark: by_pk[pk] for mark, pk in {**at, **ids}.items() if pk in by_pk}, ids

    @property
    def _name(self):
        return self._model.__name__

    def _recall(self, by_pk):
        kept = self._seen.find(f"{self._name} {pk}" for pk in by_pk)
        for pk, record in by_pk.items():
            flags, values = json.loads(kept.get(f"{self._name} {pk}", "[[], null]"))
            record.trace = Trace(*flags, values=(values or {}) if self._dry else None)
            for attname, value in (values or {}).items():
                setattr(record, attname, self._columns[attname].to_python(value))
            if self._categorised:
                # Not by a join: there are few categories, and many records.
                record.category = self._categories.get(record.category_id) or record.category

    def make(self, record, values):
        """Give a new record its trace, and in a dry run its id; return it."""
        record.trace = Trace(given=True, made=True, values={} if self._dry else None)
        if self._dry:
            self._made -= 1
            record.pk = self._made
            also = {"category": record.category} if self._categorised else {}
            for name, value in {**also, "owner": record.owner, **values}.items():
                described = self._model._meta.get_field(name)
                record.trace.set(described.attname, value.pk if described.is_relation and value is not None else value)
            if self._model is Company:
                record.trace.set("name_key", record.name_key)
        return record

    def editable(self, records, by) -> set[int]:
        """Return the ids of those that the importer may change."""
        ids = {record.pk for record in records if record.pk > 0}
        return set(access.editable(self._model.objects.filter(pk__in=ids), by).values_list("pk", flat=True)) if ids else set()

    def keep(self, known):
        """Remember the records of a batch; once they are written."""
        kept: dict[str, Any] = {}
        for record in {id(record): record for record in known.values()}.values():
            trace = record.trace
            if trace.given or trace.noted:
                flags = [trace.given, trace.made, trace.changed, trace.default_status, trace.noted]
                kept[f"{self._name} {record.pk}"] = json.dumps([flags, trace.values])
        if self._dry:
            kept |= {f"{self._name} {kind} {text}": record.pk for (kind, text), record in known.items()}
        self._seen.add(kept)


def _first(known, marks):
    """Return the record of the first of these marks that leads to one, or None."""
    return next((known[mark] for mark in marks if mark in known and _holds(known[mark], mark)), None)


def _holds(record, mark):
    """Tell whether a record goes by this name or address; found by an id it may not, and an address may be overwritten."""
    kind, text = mark
    if kind == "email":
        return record.email.strip().lower() == text
    return kind != "name" or record.name_key == text


def _keep_external_ids(source, record_type, records, change_set):
    if source and records:
        rows = [
            ExternalId(
                source=source, record_type=record_type, record_id=record.pk, external_id=external, change_set_id=change_set.pk
            )
            for external, record in records.items()
        ]
        # An id of a record that is in the bin, or gone, now belongs to its successor.
        ExternalId.objects.bulk_create(
            rows, batch_size=1_000, update_conflicts=True, unique_fields=["source", "record_type", "external_id"],
            update_fields=["record_id", "change_set"],
        )  # fmt: skip
