"""Lists stay as quick when records become many: what the database does for a page, counted and not timed."""

import itertools
import json
from itertools import zip_longest

import pytest
from django.db import connection

from bench.data import add, fill
from crm import records
from crm.models import User
from crm.tables import cursor_at
from leads.models import LeadStatus, Person

SMALL, LARGE = 3_000, 12_000
#: How many more steps SQLite's machine may take for a page when it holds four times as much; an index may be a level higher.
GROWTH, SLACK = 1.3, 2_000
STRIDE = 20  # steps between two looks
#: How many rows PostgreSQL may read one by one, or sort, for a page.
MUCH = 2_000


def steps(statement, params):
    """Return how many steps SQLite's machine takes for a statement."""
    taken = itertools.count(step=STRIDE)
    with connection.cursor() as cursor:
        connection.connection.set_progress_handler(lambda: next(taken) < 0, STRIDE)
        try:
            cursor.execute(statement, params)
            cursor.fetchall()
        finally:
            connection.connection.set_progress_handler(None, STRIDE)
    return next(taken)


def excesses(statement, params):
    """Yield what in PostgreSQL's plan reads a table from end to end, or sorts more than a page of it."""
    with connection.cursor() as cursor:
        # That an index serves is the question; a table as small as this is often read whole all the same.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", params)
        plan = cursor.fetchone()[0]
        cursor.execute("SET LOCAL enable_seqscan = on")
    nodes = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        below = node.get("Plans", [])
        read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        if node["Node Type"] == "Seq Scan" and read > MUCH:
            yield f"reads {node['Relation Name']}: {read} rows"
        if node["Node Type"] == "Sort" and below[0]["Actual Rows"] > MUCH:
            yield f"sorts {below[0]['Actual Rows']} rows"
        nodes += below


def asked(client, addresses):
    """Return address -> the (statement, parameters) that read, of a page."""
    found = {}
    for address in addresses:
        statements = found[address] = []

        def note(execute, sql, params, many, context, statements=statements):
            if sql.startswith(("SELECT", "WITH")):
                statements.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            assert client.get(address).status_code == 200, address
    return found


def addresses(user):
    """Yield a list's first and a late page, the card, the search; for who sees all also groups, a filter, and every order."""
    persons = Person.objects.visible_to(user)
    keys = list(persons.order_by("name_key", "id").values_list("name_key", "id"))
    status = LeadStatus.objects.get(is_default=True).pk
    card = persons.order_by("pk").first().pk
    yield from ("/persons/", "/companies/", "/leads/?all=1", f"/persons/?after={cursor_at(keys[len(keys) * 9 // 10])}",
                f"/persons/{card}/?list=persons&at=7", "/search/?q=xqzvw")  # fmt: skip
    if user.role.see != "all":
        return
    yield from ("/persons/?group=lead_status", f"/persons/?group=lead_status&in={status}",
                f"/persons/?lead_status={status}", "/search/?q=petersen", "/search/?q=pe", "/search/?q=peterzen")  # fmt: skip
    for kind, path in (("person", "/persons/"), ("company", "/companies/")):
        for field in records.get(kind).fields.values():
            if field.sort:
                yield from (f"{path}?sort={field.name}", f"{path}?sort=-{field.name}")


@pytest.mark.parametrize("name", ["bench", "rep7"])
def test_what_a_page_asks_of_the_database_does_not_grow_with_the_records(name, client, lists, monkeypatch):
    # A cap that the smaller database is beyond, too.
    monkeypatch.setattr("crm.tables.counts.COUNT_UP_TO", 200)
    monkeypatch.setattr("crm.tables.counts.FEW", 200)
    monkeypatch.setattr("crm.tables.counts.COUNT_GROUPS_UP_TO", 50)
    admin, user = fill(SMALL), User.objects.get(username=name)
    client.force_login(user)
    before = {}
    if connection.vendor == "sqlite":
        analyze()
        before = {address: sum(steps(*one) for one in found) for address, found in asked(client, addresses(user)).items()}
    add(LARGE - SMALL, admin)
    analyze()
    wrong = []
    # The cursor in the address of the late page is another one now.
    for few, (address, found) in zip_longest(before.values(), asked(client, addresses(user)).items()):
        if connection.vendor == "postgresql":
            wrong += [f"{address} {excess}: {sql}" for sql, params in found for excess in excesses(sql, params)]
        # A few sources hold all who came by a link: the records of one are put in order, as many as they are.
        elif (many := sum(steps(*one) for one in found)) > (LARGE / SMALL if "_source" in address else GROWTH) * few + SLACK:
            wrong.append(f"{address}: {few} -> {many}")
    assert not wrong, "\n".join(wrong)


def analyze():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
