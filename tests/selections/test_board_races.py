"""Many who move cards of one board at the same time: none is lost or doubled, and every column counts what it holds.

BOARD_RACE_SECONDS=60 lets them go on for longer.
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict

import pytest
from django.db import connections
from django.test import Client

from crm.history import live
from crm.history.models import Change
from leads import lifecycle
from leads.models import LeadStatus, Person
from tests.factories import CompanyFactory, PersonFactory
from tests.selections.boards import HTMX, cells, counts, move

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS, WORKERS, CARDS = float(os.environ.get("BOARD_RACE_SECONDS", "5")), 8, 200
AT_LEAST = 3  # moves of each, however busy the machine is


class Worker(threading.Thread):
    """Moves cards about as somebody sees them, one or three at a time, and follows what others do as the page does."""

    def __init__(self, user, number, ends):
        super().__init__()
        self.user, self.ends, self.random = user, ends, random.Random(number)
        self.answers, self.moved, self.problems = Counter(), 0, []

    def run(self):
        try:
            self.work()
        except Exception as error:
            self.problems.append(repr(error))
        finally:
            connections.close_all()

    def work(self):
        client = Client()
        client.force_login(self.user)
        seen = dict(Person.objects.values_list("pk", "lead_status_id"))
        position, columns = (
            live.position(),
            sorted(
                {
                    *seen.values(),
                    *LeadStatus.objects.filter(kind__in=["open", "working", "qualified"]).values_list("pk", flat=True),
                }
            ),
        )
        while time.monotonic() < self.ends or self.answers[204] < AT_LEAST:
            to = self.random.choice(columns)
            cards = [pk for pk in self.random.sample(sorted(seen), self.random.choice([1, 1, 3])) if seen[pk] != to]
            if not cards:
                continue
            answer = move(client, [(Person(pk=pk), seen[pk]) for pk in cards], to, address="/board/move/?all=1")
            self.answers[answer.status_code] += 1
            if answer.status_code not in {204, 409}:
                self.problems.append((answer.status_code, answer.headers.get("HX-Trigger")))
            if answer.status_code == 204 and len(cards) == 1:
                seen[cards[0]] = to
            news = client.get(f"/board/live/?all=1&since={position}", **HTMX)
            if news.status_code == 200:
                told = news.json()
                position = told["position"]
                seen |= {card["id"]: int(card["column"]) for card in told["cards"]}
                if told["everything"]:
                    seen = dict(Person.objects.values_list("pk", "lead_status_id"))


def test_b6_eight_workers_move_two_hundred_cards_and_none_is_lost_or_doubled(lists, anna, jan, client, category):
    company = CompanyFactory(by=anna, category=category("Lead"))
    for number in range(CARDS):
        PersonFactory(by=anna, company=company, first_name="", last_name=f"Person {number}")
    before = dict(Person.objects.values_list("pk", "lead_status_id"))
    position, ends = live.position(), time.monotonic() + SECONDS
    workers = [Worker(anna if number % 2 else jan, number, ends) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not [problem for worker in workers for problem in worker.problems]
    answers = sum((worker.answers for worker in workers), Counter())
    assert answers[204] >= WORKERS * AT_LEAST

    # Each card has gone from column to column: what a move took it from is where the one before had put it.
    now, steps = dict(Person.objects.values_list("pk", "lead_status_id")), defaultdict(list)
    for pk, old, new in Change.objects.filter(field="lead_status", op="u").order_by("id").values_list("record_id", "old", "new"):
        steps[pk].append((int(old), int(new)))
    assert now.keys() == before.keys()
    for pk, moves in steps.items():
        assert [before[pk], *(new for _old, new in moves)] == [*(old for old, _new in moves), now[pk]]
    assert not Change.objects.filter(change_set=None).exists() and not lifecycle.drift()

    # The board counts what there is, shows each card once, and tells whoever looked away of all that was moved.
    client.force_login(anna)
    answer = client.get("/board/?all=1")
    recount = Counter(now.values())
    assert {key: count for key, count in counts(answer).items() if count} == {str(key): count for key, count in recount.items()}
    shown = [pk for ids in cells(answer).values() for pk in ids]
    assert len(shown) == len(set(shown))
    told = live.since(position)
    assert told.everything or told.records["person"] >= {pk for pk in now if now[pk] != before[pk]}
