"""The navigation at the left. Apps add their entries in `urls.py` by `nav.add`, upper floors below lower ones."""

from dataclasses import dataclass
from typing import Any

from django.shortcuts import redirect
from django.urls import reverse

COUNT_UP_TO = 999


@dataclass(frozen=True)
class Entry:
    """One entry: `key` is the letter of the `g` keys, `count` a function(user) that gives the queryset of what it counts; `match` names the pages it is active on (*admin:* stands for all of that namespace)."""

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
    """Something the palette offers beside records: its words, and where it leads."""

    label: Any
    icon: str
    url_name: str
    allowed: Any = None


_entries: dict[str, Entry] = {}
_commands: dict[str, Command] = {}


def add(entry):
    """Add an entry; it is asked anew for each page."""
    _entries[entry.url_name] = entry


def add_command(command):
    """Add a command of the palette; the navigation's own entries need none."""
    _commands[command.url_name] = command


def commands(user):
    """Return the (label, icon, address) of all commands this user may use, those that make something new first."""
    offered = [*_commands.values(), *sorted(_entries.values(), key=lambda entry: entry.order)]
    return [(one.label, one.icon, reverse(one.url_name)) for one in offered if not one.allowed or one.allowed(user)]


def build(request):
    """Return the entries this user may use, those of the page one is on marked active."""
    groups = {"main": [], "lower": []}
    name = request.resolver_match.view_name if request.resolver_match else ""
    # A card belongs to the list one came from.
    came_from = f"{name.partition(':')[0]}:{request.GET.get('list', '')}"
    if any(came_from in entry.match for entry in _entries.values()):
        name = came_from
    used = [
        one for one in sorted(_entries.values(), key=lambda entry: entry.order) if not one.allowed or one.allowed(request.user)
    ]
    counts = _counts([entry for entry in used if entry.count], request.user)
    for entry in used:
        groups[entry.group].append(
            {
                "key": entry.key,
                "label": entry.label,
                "icon": entry.icon,
                "url": reverse(entry.url_name),
                "count": counts.get(entry.url_name),
                "active": name in entry.match or name.startswith(tuple(part for part in entry.match if part.endswith(":"))),
            }
        )
    return groups


def _counts(entries, user):
    """Return the counts of these entries in words, by their addresses; one statement for every page, and never a long one."""
    from crm.tables.table import capped, count_each

    limited = [entry.count(user).order_by().values("pk")[: COUNT_UP_TO + 1] for entry in entries]
    counts = count_each(limited) if limited else []
    return {one.url_name: capped(count, COUNT_UP_TO) for one, count in zip(entries, counts, strict=True) if count}


def home(request):
    """Lead to the first page of the navigation that this user may use."""
    entries = sorted(_entries.values(), key=lambda entry: entry.order)
    return redirect(next((one.url_name for one in entries if not one.allowed or one.allowed(request.user)), "crm:settings"))
