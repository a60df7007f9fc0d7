"""The catalogue: what can be told, each event an entry of the history of this kind (crm.history.models.Change)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.records import get

#: What a trial sends; nobody subscribes to it.
TEST = "test"

_ANY, _EMPTY, _FILLED = "any value", "no value", "some value"


@dataclass(frozen=True)
class Entry:
    """Entries of the history with one of these `ops`, of this field (None: of any but the bin's), that became `new`."""

    ops: str
    field: str | None
    new: str = _ANY

    def q(self):
        condition = Q(op__in=list(self.ops))
        condition &= ~Q(field__in=["", "deleted_at"]) if self.field is None else Q(field=self.field)
        if self.new in {_EMPTY, _FILLED}:
            return condition & Q(new__isnull=self.new == _EMPTY)
        return condition if self.new == _ANY else condition & Q(new=self.new)

    def holds(self, change):
        if change.op not in self.ops:
            return False
        if change.field in {"", "deleted_at"} if self.field is None else change.field != self.field:
            return False
        return {_ANY: True, _EMPTY: change.new is None, _FILLED: change.new is not None}.get(self.new, change.new == self.new)


@dataclass(frozen=True)
class Event:
    record_type: str
    name: str
    label: Any
    entries: tuple[Entry, ...]


def _of(record_type, **more):
    """Return the events that every type of record has, and `more` of its own: name -> (label, entries)."""
    told = {
        "created": (_("created"), Entry("i", "")),
        "changed": (_("any field changed"), Entry("u", None)),
        **more,
        "owner_changed": (_("owner changed"), Entry("u", "owner")),
        "deleted": (_("deleted"), Entry("u", "deleted_at", _FILLED), Entry("d", "")),
        "restored": (_("restored"), Entry("u", "deleted_at", _EMPTY)),
    }
    return [Event(record_type, f"{record_type}.{name}", label, tuple(entries)) for name, (label, *entries) in told.items()]


EVENTS: dict[str, Event] = {
    event.name: event
    for event in [
        *_of("person", lead_status_changed=(_("lead status changed"), Entry("u", "lead_status"))),
        *_of("company", category_changed=(_("category changed"), Entry("u", "category"))),
        *_of(
            "sale",
            stage_changed=(_("stage changed"), Entry("u", "stage")),
            won=(_("won"), Entry("iu", "status", "won")),
            lost=(_("lost"), Entry("iu", "status", "lost")),
            stalled=(_("stalled"), Entry("iu", "status", "stalled")),
            reopened=(_("opened again"), Entry("u", "status", "open")),
        ),
        *_of(
            "activity",
            done=(_("done"), Entry("u", "done_at", _FILLED)),
            reopened=(_("opened again"), Entry("u", "done_at", _EMPTY)),
        ),
    ]
}


def choices():
    """Return [(what the records are called, [(event, label)])], as a form offers them."""
    groups: dict[str, list] = {}
    for event in EVENTS.values():
        groups.setdefault(event.record_type, []).append((event.name, event.label))
    return [(get(record_type).model._meta.verbose_name_plural, options) for record_type, options in groups.items()]


def matching(names: Iterable[str]) -> Q:
    """Return the condition under which an entry of the history is one of these events."""
    asked = [EVENTS[name] for name in names if name in EVENTS]
    return reduce(or_, (Q(record_type=one.record_type) & entry.q() for one in asked for entry in one.entries), Q(pk__in=[]))


def told_by(record_type, changes) -> list[str]:
    """Return the events that these entries of one record are."""
    of_type = [event for event in EVENTS.values() if event.record_type == record_type]
    return [event.name for event in of_type if any(entry.holds(change) for entry in event.entries for change in changes)]
