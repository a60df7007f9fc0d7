"""Boards: the first page, what its columns hold, more cards, a move, and what a board that is open asks every two seconds."""

import datetime
import random
import re
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from crm.history import live
from leads.models import LeadStatus, Person
from selections.actions import create_selection

FRAGMENT = {"HTTP_HX_REQUEST": "true"}


def requests(client, rep, admin):
    """Yield (name, request, whether its statements may be run again)."""
    contacting = LeadStatus.objects.get(name_en="Contacting").pk
    lines = [{"field": "country", "operator": "in", "value": ["DE"]}, {"field": "lead_status_applies", "value": True}]
    selection = create_selection(
        {"name": "Boards", "kind": "dynamic", "record_type": "person", "criteria": {"all": lines}}, by=admin, via="form"
    )
    of = reverse("selections:board_of_person", args=[selection.pk])
    past = timezone.localdate() - datetime.timedelta(days=10)
    addresses = {
        "all leads": "/board/?all=1",
        "all leads, filtered by source": "/board/?all=1&source__not_empty=1",
        "all leads, in rows of sources": "/board/?all=1&rows=source",
        "a selection": of,
        "companies by category": "/board/companies/",
        "sales by status": "/board/sales/?all=1&by=status",
        "all leads: exact figures": "/board/figures/?all=1",
        "a selection: exact figures": f"{of}figures/",
        "all leads, ten days ago": f"/board/?all=1&day={past}",
    }
    for name, address in addresses.items():
        yield name, _get(client, address), True
    for name, address in {"my leads, a rep": "/board/", "leads of the team, a rep": "/board/?all=1"}.items():
        yield name, _get(rep, address), True
    more = re.search(r'data-more="([^"]+)"', client.get("/board/?all=1").content.decode())
    if more:
        yield "more cards", _get(client, f"/board/cards/?{urlencode({'all': 1, 'column': contacting, 'after': more[1]})}"), True
    yield "what is new: nothing", lambda: client.get(f"/board/live/?all=1&since={live.position()}", **FRAGMENT), True
    yield "a move", _moves(client), False
    yield "a move, and what is new", _moves(client, told=True), False


def _get(client, address):
    return lambda: client.get(address, **FRAGMENT)


def _moves(client, told=False):
    """Return a function that moves one lead after the other."""
    leads = list(Person.objects.filter(is_lead=True, deleted_at=None).order_by("?").values_list("pk", flat=True)[:300])
    statuses = list(LeadStatus.objects.exclude(kind__in=["disqualified", "nurture"]).values_list("pk", flat=True))
    rng = random.Random(2)

    def move():
        pk = leads.pop()
        was = Person.objects.values_list("lead_status", flat=True).get(pk=pk)
        to, position = rng.choice([one for one in statuses if one != was]), live.position()
        answer = client.post("/board/move/?all=1", {"cards": f"{pk}:{was}:", "column": to, "row": ""}, **FRAGMENT)
        return client.get(f"/board/live/?all=1&since={position}", **FRAGMENT) if told else answer

    return move
