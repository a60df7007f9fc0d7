"""What is measured, in one database of one size: a process that answers lines of JSON, so that two sizes can take turns.

`{"case": 3, "rounds": 5}` measures a case, `{"work": "import"}` does long work. The first line it prints lists both.
"""

import html
import json
import os
import random
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from bench import boards, dashboards, forms, work  # noqa: E402
from bench.data import fill  # noqa: E402
from bench.measure import measure  # noqa: E402
from crm import records  # noqa: E402
from crm.models import User  # noqa: E402
from crm.tables import cursor_at  # noqa: E402
from leads.models import Category, Company, LeadStatus, Person  # noqa: E402

AT_ENTRY = 1_000
FRAGMENT = {"HTTP_HX_REQUEST": "true"}
#: A value to filter by, for each kind of field that takes one.
VALUES = {"text": "ber", "number": "3", "date": "30"}
OPERATORS = {"date": "last_days", "link": "contains"}


IN_30_DAYS = {"all": [{"field": "done_at", "operator": "last_days", "value": 30}]}
WON_THIS_YEAR = {
    "all": [
        {"field": "status", "operator": "in", "value": ["won"]},
        {"field": "closed_on", "operator": "period", "value": ["this_year"]},
    ]
}
#: What marketers ask (S1): beside fields of the person those of the company, and what is counted and added up.
QUESTIONS = {
    "potential customers, not disqualified": {
        "all": [
            {"field": "category_group", "operator": "in", "value": ["potential"]},
            {"field": "lead_status_kind", "operator": "not_in", "value": ["disqualified"]},
        ]
    },
    "no activity in 30 days": {
        "all": [{"field": "lead_status_applies", "value": True}, {"field": "activities", "operator": "none", "where": IN_30_DAYS}]
    },
    "won 50,000 this year": {
        "all": [{"field": "sales.sum_base_amount", "operator": "gte", "value": "50000", "where": WON_THIS_YEAR}]
    },
    "companies of a country without sales": {
        "all": [
            {"field": "company.country", "operator": "in", "value": ["AT"]},
            {"field": "company.sales.number", "operator": "is", "value": 0},
        ]
    },
    "either of three": {
        "any": [
            {"field": "title", "operator": "contains", "value": "einkauf"},
            {"field": "next_activity_at", "operator": "overdue"},
            {"not": {"field": "activities", "operator": "some"}},
        ]
    },
}


@dataclass
class Case:
    """One request; `replay` says whether its statements may be run again."""

    section: str
    name: str
    request: Any
    replay: bool = True


def main(size):
    call_command("migrate", verbosity=0)
    call_command("setup_lists")
    started = time.perf_counter()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET statement_timeout = 0")  # to fill is no page
        admin = fill(size)
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET statement_timeout TO DEFAULT")
    print(f"  {size:,} persons filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    listed = list(cases(admin))
    answer({"cases": [(case.section, case.name) for case in listed], "work": list(work.EVERY)})
    for line in sys.stdin:
        asked = json.loads(line)
        if "work" in asked:
            answer(work.EVERY[asked["work"]](admin))
        else:
            case = listed[asked["case"]]
            answer(measure(case.request, asked["rounds"], case.replay))


def answer(data):
    print(json.dumps(data), flush=True)


def cases(admin):
    """Yield every case; addresses come from the lists themselves, so that new fields are measured, too."""
    client, rep = (Client(SERVER_NAME="localhost") for _ in range(2))
    client.force_login(admin)
    rep.force_login(User.objects.get(username="rep7"))
    person = Person.objects.filter(is_lead=True).order_by("pk")[5]
    company = Company.objects.order_by("pk")[5]
    status = LeadStatus.objects.get(name_en="Contacting").pk
    customer = Category.objects.get(name_en="Customer").pk

    def get(url, who=client, **headers):
        return lambda: who.get(url, **headers)

    def rows(url, who=client):
        return get(url, who, **FRAGMENT)

    filtered = f"/persons/?lead_status={status}&country=DE&sort=-next_activity_at"
    pages = {
        "persons, first page": get("/persons/"),
        "persons, only the rows": rows("/persons/"),
        "persons, first page, a rep of a team": get("/persons/", rep),
        "my leads, a rep": get("/leads/", rep),
        "all leads": get("/leads/?all=1"),
        "persons, filtered and sorted": get(filtered),
        # By one value: of both there is no full page for a team among 10,000 persons, and rows cost, too.
        "persons, filtered and sorted, a rep": get(filtered.replace("&country=DE", ""), rep),
        "persons, a deep page": get(deep(admin)),
        "persons, a deep page, a rep": get(deep(User.objects.get(username="rep7")), rep),
        "persons, grouped by lead status": get("/persons/?group=lead_status"),
        "persons, grouped by lead status, a rep": get("/persons/?group=lead_status", rep),
        "persons, inside a group": rows(f"/persons/?group=lead_status&in={status}"),
        "persons, 200 rows": get("/persons/?per=200"),
        "persons, what follows the page": rows("/persons/totals/"),
        "persons, what follows the page, a rep": rows("/persons/totals/", rep),
        "persons, counted exactly": rows("/persons/count/"),
        "persons, counted exactly, a rep": rows("/persons/count/", rep),
        "companies, first page": get("/companies/"),
        "companies, first page, a rep": get("/companies/", rep),
        "companies of a category": get(f"/companies/?category={customer}"),
        "bin": get("/bin/"),
        "my day, a rep": get("/my-day/", rep),
        "follow-ups, a rep": get("/follow-ups/", rep),
        "sales, first page with sums": get("/sales/?all=1"),
        "sales, first page with sums, a rep": get("/sales/?all=1", rep),
        "sales, exact sums": rows("/sales/sums/?all=1"),
        "sales, grouped by stage with sums": get("/sales/?group=stage&all=1"),
        "campaigns of this year": get("/campaigns/?period=this_year"),
        "campaigns of this year, a rep": get("/campaigns/?period=this_year", rep),
    }
    for name, request in pages.items():
        yield Case("Lists", name, request)
    cards = {
        "person card": f"/persons/{person.pk}/",
        "person card, reached from the list of all": f"/persons/{person.pk}/?list=persons&at=7",
        "person card: timeline": reverse("activities:timeline", args=["persons", person.pk]),
        "person card: timeline, at its 1,000th entry": later(client, person),
        "person card: history": reverse("leads:history", args=["persons", person.pk]),
        "company card": f"/companies/{company.pk}/",
        "company card: persons": f"/companies/{company.pk}/persons/",
        "company card: timeline": reverse("activities:timeline", args=["companies", company.pk]),
        "company card: history": reverse("leads:history", args=["companies", company.pk]),
    }
    for name, url in cards.items():
        yield Case("Cards", name, rows(url) if "timeline" in name or "history" in name else get(url))
    for name, tree in QUESTIONS.items():
        query = urlencode({"criteria": json.dumps(tree)})
        yield Case("Criteria", f"{name}: first page", rows(f"/persons/?{query}"))
        yield Case("Criteria", f"{name}: exact count", rows(f"/persons/count/?{query}"))
        yield Case("Criteria", f"{name}: first page, a rep", rows(f"/persons/?{query}", rep))
        yield Case("Criteria", f"{name}: live counts", counts(client, tree), replay=False)
    yield from (Case("Boards", name, request, replay) for name, request, replay in boards.requests(client, rep, admin))
    yield from (Case("Dashboards", name, request) for name, request in dashboards.requests(client, rep))
    terms = {"a name": "petersen", "a fragment": "nordw", "two words": "petersen nord", "two letters": "pe", "a typo": "peterzen",
             "nothing alike": "xqzvw", "a phone number": "421 0000042"}  # fmt: skip
    for name, term in terms.items():
        yield Case("Search", name, rows(f"/search/?q={term}"))
        if name in {"a name", "a typo"}:
            yield Case("Search", f"{name}, a rep", rows(f"/search/?q={term}", rep))
    for name, kind, given in (
        ("a company being typed", "companies", "name=Orion+Logsitik+100+AG"),
        ("a person being typed", "persons", "first_name=Regula&last_name=Frei&email=nobody@example.com"),
    ):
        yield Case("Search", name, rows(f"/{kind}/similar/?{given}"))
        yield Case("Search", f"{name}, a rep", rows(f"/{kind}/similar/?{given}", rep))
    for name, url in {
        "persons, first page": "/api/v1/persons/", "persons, filtered and sorted": f"/api/v1/persons/?lead_status={status}&ordering=-updated_at",
        "persons, the 1,000th page": f"/api/v1/persons/?page={min(1000, Person.objects.count() // 50)}", "persons, search": "/api/v1/persons/?search=petersen",
        "companies, first page": "/api/v1/companies/",
    }.items():  # fmt: skip
        yield Case("API", name, get(url))
    yield Case("API", "persons, first page, a rep", get("/api/v1/persons/", rep))
    yield Case("Changes", "lead status, on the card", moves(client, by_card=True), replay=False)
    yield Case("Changes", "lead status, by the API", moves(client, by_card=False), replay=False)
    yield Case("Changes", "lead status, on the card, a rep", moves(rep, by_card=True, owner="rep7"), replay=False)
    yield Case("Changes", "a form is sent by somebody new", forms.sends(), replay=False)
    yield from every_field(rows)


def every_field(rows):
    """Yield a case for each column to sort by, each to filter by, each to group by."""
    for kind, path in (("person", "/persons/"), ("company", "/companies/")):
        for field in records.get(kind).fields.values():
            if field.sort:
                yield Case(f"Sorted, {path[1:-1]}", field.name, rows(f"{path}?sort={field.name}"))
                yield Case(f"Sorted, {path[1:-1]}", f"-{field.name}", rows(f"{path}?sort=-{field.name}"))
        for field in records.get(kind).fields.values():
            if field.filter and (asked := filter_of(field)):
                yield Case(f"Filtered, {path[1:-1]}", asked, rows(f"{path}?{asked}"))
        for field in records.get(kind).fields.values():
            if field.group:
                yield Case(f"Grouped, {path[1:-1]}", field.name, rows(f"{path}?group={field.name}"))


def filter_of(field):
    """Return a filter by this field that some records pass, as the query string has it."""
    from crm.fields import Asking

    if field.kind in {"choice", "user"}:
        options = field.options(Asking(User.objects.get(username="bench")))
        named = [one for one in options if str(one.pk) == "DE"] or options
        return f"{field.param}={named[min(1, len(named) - 1)].pk}" if named else ""
    if field.kind == "yesno":
        return f"{field.param}=1"
    operator = OPERATORS.get(field.kind, field.default_operator)
    name = field.param if operator == field.default_operator else f"{field.param}__{operator}"
    return f"{name}={VALUES.get(field.kind, VALUES['text'])}"


def later(client, person):
    """Return the address by which the timeline goes on after so many entries."""
    url = reverse("activities:timeline", args=["persons", person.pk])
    for _part in range(1_000):
        text = client.get(url, **FRAGMENT).content.decode()
        found = re.search(r'hx-get="([^"]*timeline[^"]*before=[^"]*)"', text)
        if not found:
            raise RuntimeError("The timeline has no further part.")
        url = html.unescape(found[1])
        if text.count("<li") * (_part + 1) >= AT_ENTRY:
            return url
    raise RuntimeError("The timeline does not end.")


def deep(user):
    """Return the address of a page nine tenths of the way into the list."""
    visible = Person.objects.visible_to(user)
    row = visible.order_by("name_key", "id").values_list("name_key", "id")[int(visible.count() * 0.9)]
    return f"/persons/?after={cursor_at(row)}"


def counts(client, tree):
    """Return a function that asks for the counts of the editor: in all, and of each line."""
    return lambda: client.post("/criteria/person/counts/", {"c-tree": json.dumps(tree)}, **FRAGMENT)


def moves(client, by_card, owner=None):
    """Return a function that gives one lead after the other another status."""
    mine = {"owner__username": owner} if owner else {}
    leads = list(Person.objects.filter(is_lead=True, **mine).order_by("?").values_list("pk", flat=True)[:500])
    # Those that ask nothing further.
    statuses = list(LeadStatus.objects.exclude(kind__in=["disqualified", "nurture"]).values_list("pk", flat=True))
    rng = random.Random(1)

    def move():
        pk = leads.pop()
        status, version = Person.objects.values_list("lead_status", "version").get(pk=pk)
        new = rng.choice([one for one in statuses if one != status])
        if by_card:
            return client.post(reverse("leads:set_status", args=[pk]), {"status": new}, **FRAGMENT)
        return client.patch(f"/api/v1/persons/{pk}/", {"lead_status": new, "version": version}, content_type="application/json")

    return move


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(int(sys.argv[1]))
