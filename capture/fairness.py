"""How leads were given out and what became of them (C3): received, worked on, and how long each waited for its first touch.

A lead is touched by the first follow-up about it that is done, or the first change of its lead status by a user, after it was given.
"""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median_low

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from activities.models import Activity
from capture.models import Assignment, Form
from crm.history.models import Change
from crm.models import User
from crm.web import formats

PERIODS = (30, 90, 365)
DAYS = 90


@dataclass(frozen=True)
class Row:
    """What one user got; `median` is the time to the first touch of half of what they worked on."""

    user: User
    received: int
    worked: int
    median: timedelta | None
    waiting: timedelta | None  # for how long the oldest one waits that is still theirs

    @property
    def share(self):
        return round(100 * self.worked / self.received)


def rows(user, form=None, days=DAYS, now=None) -> list[Row]:
    """Return a row for each who got leads in these days, by the forms the user sees or by this one; who got most comes first."""
    now = now or timezone.now()
    given = Assignment.objects.filter(
        user__isnull=False, at__gte=now - timedelta(days=days), form__in=Form.objects.visible_to(user)
    )
    if form is not None:
        given = given.filter(form=form)
    done = Activity.objects.live().filter(person=OuterRef("submission__person"), done_at__gte=OuterRef("at")).order_by("done_at")
    moved = Change.objects.filter(
        record_type="person", record_id=OuterRef("submission__person_id"), field="lead_status", op="u",
        change_set__by__isnull=False, change_set__at__gte=OuterRef("at"),
    ).order_by("id")  # fmt: skip
    found = given.annotate(done=Subquery(done.values("done_at")[:1]), moved=Subquery(moved.values("change_set__at")[:1]))
    leads: dict[int, list] = {}
    for pk, at, first_done, first_moved, owner in found.values_list("user", "at", "done", "moved", "submission__person__owner"):
        touched = min(filter(None, (first_done, first_moved)), default=None)
        leads.setdefault(pk, []).append((touched and touched - at, now - at if owner == pk else None))
    users = User.objects.in_bulk(leads)
    made = [_row(users[pk], of_user) for pk, of_user in leads.items()]
    return sorted(made, key=lambda row: (-row.received, row.user.name_key))


def _row(user, leads):
    touched = [took for took, _waits in leads if took is not None]
    waiting = [waits for took, waits in leads if took is None and waits is not None]
    return Row(user, len(leads), len(touched), median_low(touched) if touched else None, max(waiting, default=None))


def span(time) -> str:
    """Return a length of time as people say it: *35 min*, *5 h*, *12 d*."""
    if time is None:
        return ""
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return _("%(count)s min") % {"count": minutes}
    if minutes < 48 * 60:
        return _("%(count)s h") % {"count": minutes // 60}
    return _("%(count)s d") % {"count": formats.number(minutes // 1440)}
