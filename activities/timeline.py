"""The timeline of a record: follow-ups, notes and changes mixed, newest first; upper floors register what they know (R15).

    @timeline.source("sales", _("Sales"), "sales/_timeline_sale.html")
    def sales_of(record, user, before, limit):
        sales = before.of(Sale.objects.visible_to(user).filter(company=record), "created_at")
        return [(sale.created_at, sale.pk, sale) for sale in sales[:limit]]

Each source is asked for as many as a page holds behind the same place, so that a page costs the same at any depth.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from crm.history import words
from crm.history.models import Change

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class Source:
    """One kind of what a timeline shows. `load(record, user, before, limit)` gives (moment, id, what its template calls `entry`)."""

    name: str
    label: Any
    template: str
    load: Callable[[Any, Any, "Before", int], list[tuple]]


@dataclass(frozen=True)
class Entry:
    at: datetime.datetime
    rank: int
    pk: int
    template: str
    entry: Any

    @property
    def cursor(self):
        return f"{(self.at - EPOCH) // MICROSECOND}-{self.rank}-{self.pk}"


@dataclass(frozen=True)
class Before:
    """The place a page starts behind, as one source sees it: at the same moment sources stand in their order, then by id."""

    at: datetime.datetime | None = None
    pk: int | None = None
    included: bool = False

    def of(self, queryset, moment, pk="pk"):
        """Return what of a queryset lies behind, newest first; `moment` and `pk` are the paths it is ordered by."""
        if self.at is not None:
            test = "lte" if self.included else "lt"
            behind = Q(**{f"{moment}__{test}": self.at})
            if self.pk is not None:
                behind |= Q(**{moment: self.at, f"{pk}__lt": self.pk})
                # Follows from the rest, but only this lets an index begin at the right place.
                queryset = queryset.filter(**{f"{moment}__lte": self.at})
            queryset = queryset.filter(behind)
        return queryset.order_by(f"-{moment}", f"-{pk}")


_sources: list[Source] = []


def source(name, label, template):
    """Register the function that loads one kind of entries; their filter stands behind those before."""

    def register(load):
        _sources.append(Source(name, label, template, load))
        return load

    return register


def sources():
    return list(_sources)


def page(record, user, *, show="", cursor="", limit=30) -> tuple[list[Entry], str]:
    """Return a page of the record's timeline and the cursor to go on from (empty at its end).

    `show` names the one source to show. Raise ValueError for a name or a cursor that is none.
    """
    chosen = [(rank, one) for rank, one in enumerate(_sources) if show in ("", one.name)]
    if not chosen:
        raise ValueError(show)
    at, after_rank, after_pk = _read(cursor)
    found = []
    for rank, one in chosen:
        before = Before() if at is None else Before(at, after_pk if rank == after_rank else None, rank > after_rank)
        found += [Entry(moment, rank, pk, one.template, entry) for moment, pk, entry in one.load(record, user, before, limit + 1)]
    found.sort(key=lambda entry: (-((entry.at - EPOCH) // MICROSECOND), entry.rank, -entry.pk))
    shown = found[:limit]
    return shown, shown[-1].cursor if len(found) > limit else ""


def _read(cursor):
    """Return (moment, rank, id) of a cursor; all None without one."""
    if not cursor:
        return None, None, None
    if len(cursor) > 60 or not cursor.isascii():
        raise ValueError(cursor)
    at, rank, pk = (int(part) for part in cursor.split("-"))
    if pk >= 2**63 or not 0 <= at < 2**57:
        raise ValueError(cursor)
    return EPOCH + at * MICROSECOND, rank, pk


# --- What this floor knows ----------------------------------------------------------------------------------------------------


def activities_of(record, user):
    """Return the follow-ups and notes of a person, company or sale that the user may see."""
    link = {record.history.record_type: record}
    return Activity.objects.visible_to(user).filter(**link).select_related("owner", "person__company", "company", "sale__company")


def _done(record, user, before, limit, kinds):
    done = before.of(activities_of(record, user).filter(kinds, done_at__isnull=False), "done_at")
    return [(activity.done_at, activity.pk, activity) for activity in done[:limit]]


@source("follow-ups", _("Follow-ups"), "activities/_timeline_activity.html")
def follow_ups(record, user, before, limit):
    return _done(record, user, before, limit, ~Q(kind=Activity.Kind.NOTE))


@source("notes", _("Notes"), "activities/_timeline_activity.html")
def notes(record, user, before, limit):
    return _done(record, user, before, limit, Q(kind=Activity.Kind.NOTE))


@source("changes", _("Changes"), "activities/_timeline_step.html")
def changes(record, user, before, limit):
    rows = Change.objects.filter(record_type=record.history.record_type, record_id=record.pk, change_set__isnull=False)
    sets = before.of(rows, "change_set__at", "change_set").values_list("change_set__at", "change_set").distinct()
    entries = words.entries_of(record, [pk for _at, pk in sets[:limit]])
    return [(entry.change_set.at, entry.change_set.pk, entry) for entry in entries]
