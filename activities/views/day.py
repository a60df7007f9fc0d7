"""*My day*: what is to be done now, today, this week and later (R15)."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from activities.due import Days
from activities.lifecycle import LINKS
from activities.models import Activity
from activities.views.one import postponements
from crm.web.htmx import page_or_fragment

#: How many a part shows at first, how many more each time one asks, and how many at most; all of them are in the list.
SHOWN, MORE, MOST = 10, 25, 210


@dataclass
class Section:
    """One part of the day: its words, the condition of what belongs there, and what the list of all calls that."""

    name: str
    title: str
    q: Q
    query: str
    order: tuple[str, ...] = ("due_at", "pk")
    count: int = 0
    rows: list[Any] = field(default_factory=list)
    #: Where the day is with more of this part, if there are more and the page still takes them.
    more_url: str = ""


def sections_of(now, days) -> list[Section]:
    """Return the parts of the day, each open follow-up in exactly one. A past time of today is overdue."""
    tomorrow, monday = days.tomorrow_at, days.next_week_at
    first, last = tomorrow.date(), monday.date()
    return [
        Section("overdue", _("Overdue"), Q(due_at__lt=now), "due_at__overdue=1"),
        # Of the whole day comes first, as in a calendar, and of that what was added last: by its time it would be out of sight.
        Section(
            "today", _("Today"), Q(due_at__gte=now, due_at__lt=tomorrow), f"due_at={days.today}", ("-all_day", "due_at", "-pk")
        ),
        Section("week", _("This week"), Q(due_at__gte=tomorrow, due_at__lt=monday), f"due_at__gte={first}&due_at__before={last}"),
        Section("later", _("Later"), Q(due_at__gte=monday), f"due_at__gte={last}"),
        Section("undated", _("Without a date"), Q(due_at=None), "due_at__empty=1", ("-pk",)),
    ]


def whose(user):
    """Return (key, label, the owners' ids or None for everybody) of whose follow-ups one may look at, one's own first."""
    found = [("me", _("Mine"), [user.pk])]
    if user.role.see != "own" and len(user.colleague_ids) > 1:
        found.append(("team", _("My team"), user.colleague_ids))
    if user.role.see == "all":
        found.append(("all", _("Everyone"), None))
    return found


def open_of(user, owners):
    """Return the open follow-ups of these owners that the user may see."""
    found = Activity.objects.visible_to(user).filter(done_at=None)
    return found if owners is None else found.filter(owner__in=owners)


def seen_of(user, activities) -> dict[str, set[int]]:
    """Return the ids of the persons and companies these follow-ups are about that the user may see: who sees a follow-up by
    its sale sees of the others the names alone (settled 14)."""
    seen = {}
    for link in ("person", "company"):
        ids = {getattr(activity, f"{link}_id") for activity in activities} - {None}
        seen[link] = set(LINKS[link].objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    return seen


def shown_of(asked, name):
    """Return how many follow-ups of a part are to be shown."""
    text = asked.get(name, "")
    return max(SHOWN, min(int(text), MOST)) if text.isdecimal() and len(text) < 5 else SHOWN


@require_GET
def my_day(request):
    """The page, and its rows alone after a change."""
    user, now = request.user, timezone.now()
    choices = whose(user)
    of = request.GET.get("of", "me")
    owners = next((ids for key, _label, ids in choices if key == of), False)
    if owners is False:
        raise Http404
    every = open_of(user, owners)
    sections = sections_of(now, Days.of(now, user.zone))
    counts = every.order_by().aggregate(**{one.name: Count("pk", filter=one.q) for one in sections})
    for section in sections:
        section.count = counts[section.name]
        if section.count:
            rows = every.filter(section.q).select_related("person", "company", "sale", "owner").order_by(*section.order)
            shown = shown_of(request.GET, section.name)
            section.rows = list(rows[:shown])
            if section.count > shown < MOST:
                # All of it is in the address: what a change brings anew is as long as what one sees.
                asked = request.GET.copy()
                asked[section.name] = shown + MORE
                section.more_url = f"{request.path}?{asked.urlencode()}"
    listed = {"me": "owner=me&", "team": "owner=my_team&", "all": ""}[of]
    today = timezone.localdate()
    context = {
        "seen": seen_of(user, [activity for section in sections for activity in section.rows]),
        "sections": [one for one in sections if one.count], "counts": counts, "now": now, "today": today, "of": of, "choices": choices,
        "days": postponements(today), "here": request.get_full_path(),
        "list_url": f"{reverse('activities:follow_ups')}?{listed}done=0",
    }  # fmt: skip
    return page_or_fragment(request, "activities/my_day.html", "activities/_day.html", context)


def due_now(user):
    """Return my follow-ups that are overdue or due today, for the count in the navigation."""
    return open_of(user, [user.pk]).filter(due_at__lt=Days.of(timezone.now(), user.zone).tomorrow_at)
