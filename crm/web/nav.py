"""The navigation at the left. Apps add their entries in `urls.py` by `nav.add`, upper floors below lower ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from crm import access
from crm.history import underway
from crm.web.addresses import url
from crm.web.htmx import trigger

COUNT_UP_TO = 999
MOST_FAVOURITES = 12
MOST_STATEMENTS = 1_000  # kept by each server process


@dataclass(frozen=True)
class Entry:
    """One entry: `key` is the letter of the `g` keys, `count` a function(user) that gives the queryset of what it counts, the same while the user sees the same and the day lasts; `match` names the pages it is active on (*admin:* stands for all of that namespace)."""

    key: str
    label: Any
    icon: str
    url_name: str
    match: tuple[str, ...]
    group: str = "main"
    order: int = 50
    allowed: Any = None
    count: Any = None


@dataclass(frozen=True)
class Command:
    """Something the palette offers beside records: its words, and where it leads. Its order is that of the navigation's entries;
    what makes something new comes before all of them."""

    label: Any
    icon: str
    url_name: str
    allowed: Any = None
    order: int = 70


@dataclass(frozen=True)
class Favourites:
    """Records of a kind that users mark to have them at hand: `of(user)` gives the queryset, `title` the column of their name."""

    url_name: str
    title: str
    of: Callable[[Any], Any]


_entries: dict[str, Entry] = {}
_commands: dict[str, Command] = {}
_favourites: list[Favourites] = []
_statements: dict[tuple, tuple[str, list]] = {}


def add(entry):
    """Add an entry; it is asked anew for each page."""
    _entries[entry.url_name] = entry


def add_command(command):
    """Add a command of the palette; the navigation's own entries need none."""
    _commands[command.url_name] = command


def add_favourites(favourites):
    """Let the navigation show what a user has marked."""
    _favourites.append(favourites)


def commands(user):
    """Return the (label, icon, address) of all commands this user may use, in their order of use."""
    offered = sorted([*_commands.values(), *_entries.values()], key=lambda one: one.order)
    return [(one.label, one.icon, url(one.url_name)) for one in offered if not one.allowed or one.allowed(user)]


def build(request):
    """Return the entries this user may use, those of the page one is on marked active."""
    groups: dict[str, Any] = {"main": [], "lower": []}
    name = request.resolver_match.view_name if request.resolver_match else ""
    # A card belongs to the list one came from.
    came_from = f"{name.partition(':')[0]}:{request.GET.get('list', '')}"
    if any(came_from in entry.match for entry in _entries.values()):
        name = came_from
    used = [
        one for one in sorted(_entries.values(), key=lambda entry: entry.order) if not one.allowed or one.allowed(request.user)
    ]
    counts, groups["favourites"], groups["underway"] = _ask([entry for entry in used if entry.count], request)
    for entry in used:
        groups[entry.group].append(
            {
                "key": entry.key,
                "label": entry.label,
                "icon": entry.icon,
                "url": url(entry.url_name),
                "counts": entry.count is not None,
                "count": counts.get(entry.url_name),
                "active": name in entry.match or name.startswith(tuple(part for part in entry.match if part.endswith(":"))),
            }
        )
    return groups


def _ask(entries, request):
    """Return (the counts of these entries in words, by their addresses; the user's favourites; the record types that long work is
    changing): one statement for every page, and never a long one."""
    from crm.tables.counts import capped

    user = request.user
    day = user.time_zone, timezone.localdate(timezone=user.zone)
    # For the ORM to put it together takes longer than for the database to answer, and every page has it.
    known = user.pk, access.scope_key(user), day, *(entry.url_name for entry in entries)
    if (asked := _statements.get(known)) is None:
        if len(_statements) >= MOST_STATEMENTS:
            _statements.clear()
        asked = _statements[known] = _statement(entries, user)
    with connection.cursor() as cursor:
        cursor.execute(*asked)
        *found, running = cursor.fetchone()
    counts = {one.url_name: capped(count, COUNT_UP_TO) for one, count in zip(entries, found, strict=False) if count}
    shown = []
    for kind, text in zip(_favourites, found[len(entries) :], strict=True):
        for pk, title in json.loads(text or "[]"):
            address = reverse(kind.url_name, args=[pk])
            shown.append({"label": title, "url": address, "active": request.path == address})
    return counts, shown, underway.read(running)


def _statement(entries, user):
    """Return the statement that asks all this for a user, and its parameters: the same while they see the same, and the day lasts."""
    from crm.tables.order import compiled_or_none

    gather = "json_agg(json_build_array(q.key, q.title))::text"
    if connection.vendor == "sqlite":
        gather = "json_group_array(json_array(q.key, q.title))"
    parts, params = [], []
    for entry in entries:
        _query, sql, given = compiled_or_none(entry.count(user).order_by().values("pk")[: COUNT_UP_TO + 1])
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) q)" if sql else "0")  # noqa: S608 (statements of our own)
        params += given
    for kind in _favourites:
        marked = kind.of(user).order_by(kind.title, "pk").values(key=F("pk"), title=F(kind.title))[:MOST_FAVOURITES]
        _query, sql, given = compiled_or_none(marked)
        parts.append(f"(SELECT {gather} FROM ({sql}) q)" if sql else "NULL")  # noqa: S608
        params += given
    return f"SELECT {', '.join([*parts, f'({underway.statement()})'])}", params


@require_GET
def numbers(request):
    """What the entries count now, for the page that is open: each number finds its own place."""
    return render(request, "_numbers.html")


@require_GET
def still_underway(request, record_type):
    """Answer the line that says that a list may show half-done work: nothing while it is so; then it goes, and the list comes anew."""
    if record_type in underway.record_types():
        return HttpResponse(status=204)
    return trigger(HttpResponse(), "changed")


def home(request):
    """Lead to the first page of the navigation that this user may use."""
    entries = sorted(_entries.values(), key=lambda entry: entry.order)
    return redirect(next((one.url_name for one in entries if not one.allowed or one.allowed(request.user)), "crm:settings"))
