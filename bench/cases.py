"""What is measured, in one database of one size. Prints one JSON line."""

import json
import os
import random
import sys
import time
from dataclasses import asdict

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from bench.data import fill  # noqa: E402
from bench.measure import measure  # noqa: E402
from crm.models import User  # noqa: E402
from leads.models import Category, Company, LeadStatus, Person  # noqa: E402


def main(size):
    call_command("migrate", verbosity=0)
    call_command("setup_lists")
    started = time.perf_counter()
    admin = fill(size)
    print(f"{size:,} persons filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    results = {}
    for name, request, replay in cases(admin):
        result = measure(request, replay=replay)
        results[name] = {**asdict(result), "ratio": result.ratio}
        print(f"  {name}: {result.queries} statements, {result.median:.1f} ms", file=sys.stderr)
    print(json.dumps(results))


def cases(admin):
    """Yield (name, function that makes one request, whether its statements may be run again)."""
    client, rep = Client(), Client()
    client.force_login(admin)
    rep.force_login(User.objects.get(username="rep7"))
    fragment = {"HTTP_HX_REQUEST": "true"}
    person = Person.objects.filter(is_lead=True).order_by("pk")[5]
    company = Company.objects.order_by("pk")[5]
    status = LeadStatus.objects.get(name_en="Contacting").pk
    customer = Category.objects.get(name_en="Customer").pk

    def get(url, who=client, **headers):
        return lambda: who.get(url, **headers)

    yield "persons, first page", get("/persons/"), True
    yield "persons, only the rows", get("/persons/", **fragment), True
    yield "persons, first page, as a rep of a team", get("/persons/", who=rep), True
    yield "my leads, as a rep", get("/leads/", who=rep), True
    yield (
        "persons, filtered and sorted",
        get(f"/persons/?lead_status={status}&country=DE&sort=-next_activity_at", **fragment),
        True,
    )
    yield "persons, sorted by company", get("/persons/?sort=company", **fragment), True
    yield "persons, a deep page", get(deep(client, "/persons/"), **fragment), True
    yield "persons, grouped by lead status", get("/persons/?group=lead_status", **fragment), True
    yield "companies, first page", get("/companies/"), True
    yield "companies of a category", get(f"/companies/?category={customer}", **fragment), True
    yield "person card", get(f"/persons/{person.pk}/"), True
    yield "company card", get(f"/companies/{company.pk}/"), True
    yield "search, a name", get("/search/?q=petersen", **fragment), True
    yield "search, a fragment", get("/search/?q=nordw", **fragment), True
    yield "search, two letters", get("/search/?q=pe", **fragment), True
    yield "search, with a typo", get("/search/?q=peterzen", **fragment), True
    yield "change of status (API)", moves(client), False


def deep(client, url):
    """Return the address of a page far into the list: a cursor from nine tenths of the way, by the list's own links."""
    from crm.tables import cursor_at

    count = Person.objects.count()
    row = Person.objects.filter(deleted_at=None).order_by("name_key", "id").values_list("name_key", "id")[int(count * 0.9)]
    return f"{url}?after={cursor_at(row)}"


def moves(client):
    """Return a function that gives one lead after the other another status."""
    leads = list(Person.objects.filter(is_lead=True).order_by("?").values_list("pk", flat=True)[:500])
    statuses = list(LeadStatus.objects.values_list("pk", flat=True))
    rng = random.Random(1)

    def move():
        pk = leads.pop()
        version = Person.objects.values_list("version", flat=True).get(pk=pk)
        body = {"lead_status": rng.choice(statuses), "version": version}
        return client.patch(f"/api/v1/persons/{pk}/", body, content_type="application/json")

    return move


if __name__ == "__main__":
    main(int(sys.argv[1]))
