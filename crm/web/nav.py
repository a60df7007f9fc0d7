"""The navigation at the left. Apps add their entries in `urls.py` by `nav.add`, upper floors below lower ones."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True)
class Entry:
    """One entry: `key` is the letter of the `g` keys, `count` a function(user) that gives a short text or None."""

    key: str
    label: Any
    icon: str
    url_name: str
    match: tuple[str, ...]
    group: str = "main"
    order: int = 50
    allowed: Any = None
    count: Any = None


_entries: dict[str, Entry] = {}


def add(entry):
    """Add an entry; it is asked anew for each page."""
    _entries[entry.url_name] = entry


def build(request):
    """Return the entries this user may use, those of the page one is on marked active."""
    groups = {"main": [], "lower": []}
    name = request.resolver_match.view_name if request.resolver_match else ""
    for entry in sorted(_entries.values(), key=lambda entry: entry.order):
        if entry.allowed and not entry.allowed(request.user):
            continue
        groups[entry.group].append(
            {
                "key": entry.key,
                "label": entry.label,
                "icon": entry.icon,
                "url": reverse(entry.url_name),
                "count": entry.count(request.user) if entry.count else None,
                "active": name in entry.match,
            }
        )
    return groups
