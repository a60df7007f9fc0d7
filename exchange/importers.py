"""What a row of each kind of file is: companies, persons with theirs, sales, follow-ups."""

from collections.abc import Callable
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from activities.actions import may_not_see
from activities.bulk import create_activities, update_activities
from activities.lifecycle import LINKS
from activities.models import Activity
from crm import access
from crm.history.changes import Outcome, writing
from crm.locks import lock_rows
from crm.models import User
from exchange import importer
from exchange.importer import Importer, LeftOut
from exchange.kinds import COMPANY_ID, COMPANY_NAME, LEAD_ID, PERSON_EMAIL, PERSON_ID, SALE_ID
from exchange.links import Links
from leads import bulk, lifecycle
from leads.automation import as_one
from leads.models import Company, Person
from sales import automation
from sales.bulk import create_sales, update_sales
from sales.models import Sale, SaleStage


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
        person = self._blank(**{"owner": self.by, **values}, company=row.found_company)
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
                report.note(
                    row, _("%(column)s: refers to a record that does not exist.") % {"column": self.reader.column(target)}
                )
        self._records(placed, report, change_set)

    def _name_companies(self, rows, report, change_set):
        """Find or make the companies that rows give by name."""

    def _place(self, row, report):
        """Set in the row's values what it belongs to; raise LeftOut where that is nothing."""
        raise NotImplementedError

    def _nowhere(self, row):
        if row.links:
            return LeftOut(_("It refers to a record that does not exist."))
        return LeftOut(_("It does not say which record it belongs to."))

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
            raise LeftOut(_("The company already exists, but you may not see it."))
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
        sale = self._blank(**{"owner": self.by, "currency": self.reader.mapping["currency"], **values})
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
        for some in self._seen.starting("happened ", importer.BATCH):
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
        return self._traces[Activity].make(self._blank(**{"owner": self.by, **row.values}), row.values)

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

    def _look_around(self, rows, known):
        about = [Activity(**{name: row.values.get(name) for name in LINKS}) for row in rows]
        self._about: list[Activity] = [*about, *known]
        self._sights: dict[int, Callable[[Activity], bool]] = {}
        # Those of the file are at hand; in a check some are not there yet.
        self._owners: dict[int, User] = {owner.pk: owner for owner in self.reader.owners()}
        unknown = {activity.owner_id for activity in known} - {None, *self._owners}
        self._owners |= User.objects.select_related("role").in_bulk(unknown)

    def _refused(self, activity, values=None):
        """Who is to do it sees what it is about: else it would be in nobody's day (activities.actions.hidden_from).

        What is done already is history, and stays that of who did it.
        """
        if values is not None:
            taken, _differing = self._taken(activity, values, activity.trace.given)
            if not taken.keys() & {"owner", *LINKS}:
                return ""
            becomes = {name: vars(activity)[f"{name}_id"] for name in ("owner", *LINKS)}
            becomes |= {name: value.pk for name, value in taken.items() if name in becomes}
            done_at = taken.get("done_at", activity.done_at)
            activity = Activity(**{f"{name}_id": pk for name, pk in becomes.items()}, done_at=done_at)
        if activity.done_at:
            return ""
        owner = self._owners.get(activity.owner_id)
        if owner is None or owner == self.by or not owner.is_active:
            return ""
        if owner.pk not in self._sights:
            self._sights[owner.pk] = access.sight(Activity, self._about, owner)
        if self._sights[owner.pk](activity):
            return ""
        return f"{self.reader.column('owner', *self.kind.links)}: {may_not_see(owner, activity)}"

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
