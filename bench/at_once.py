"""Boards of many at the same moment: `python -m bench.at_once move|look SECONDS SEED` is one server's process of them.

A mover moves one card after the other, as fast as it may; a looker has fifty open boards, each of which asks every two seconds
whether there is something new. It says *ready*, waits for a line, and prints what it did.
"""

import json
import os
import random
import sys
import time
from collections import deque

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.test import Client  # noqa: E402

from bench.boards import FRAGMENT  # noqa: E402
from bench.measure import busy  # noqa: E402
from crm.history import live  # noqa: E402
from crm.models import User  # noqa: E402
from leads.models import LeadStatus, Person  # noqa: E402

MOVED = 2_000  # leads that all movers share: some want the same one, as in life
BOARDS, EVERY = 50, 2.0  # open boards of a looker, and the seconds after which each asks again


def main(what, seconds, seed):
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    ask = mover(client, random.Random(seed)) if what == "move" else looker(client)
    ask()  # what is read or compiled the first time
    print("ready", flush=True)
    sys.stdin.readline()
    done, had, began = 0, busy(), time.perf_counter()
    while (started := time.perf_counter()) < began + seconds:
        done += ask() < 400
        if what == "look":
            time.sleep(max(0.0, EVERY / BOARDS - (time.perf_counter() - started)))
    print(json.dumps({"rows": done, "busy": busy() - had}), flush=True)


def mover(client, rng):
    """Return a function that moves a card and returns the answer's status; 409 where another was faster."""
    leads = list(Person.objects.filter(is_lead=True, deleted_at=None).order_by("pk").values_list("pk", flat=True)[:MOVED])
    statuses = list(LeadStatus.objects.exclude(kind__in=["disqualified", "nurture"]).values_list("pk", flat=True))

    def move():
        pk = rng.choice(leads)
        was = Person.objects.values_list("lead_status", flat=True).get(pk=pk)
        to = rng.choice([one for one in statuses if one != was])
        return client.post("/board/move/?all=1", {"cards": f"{pk}:{was}:", "column": to, "row": ""}, **FRAGMENT).status_code

    return move


def looker(client):
    """Return a function by which one open board after the other asks what is new."""
    boards = deque([live.position()] * BOARDS)

    def look():
        position = boards.popleft()
        answer = client.get(f"/board/live/?all=1&since={position}", **FRAGMENT)
        boards.append(answer.json()["position"] if answer.status_code == 200 else position)
        return answer.status_code

    return look


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
