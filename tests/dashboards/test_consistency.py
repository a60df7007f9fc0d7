"""Every number of a tile is that of a plain recount, and that of the list that opens behind it (D4, D6).

Random records around ends of months and changes of the clocks, users of each role in different zones, every ready tile and random ones.
"""

import random
import re
from itertools import pairwise

import pytest
from django.utils import timezone

from crm.criteria.written import every, line
from crm.fields import Asking
from crm.records import get
from dashboards.filters import Filters
from dashboards.tiles import funnel, periods, spec
from dashboards.tiles.count import count
from dashboards.tiles.question import NONE, Question
from dashboards.tiles.ready import CLOSED, EVER_LEAD, HAS_SALE, LEAD, OPEN, READY, WON, WON_SALE
from tests.dashboards.plain import Plain

ZONES = ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "UTC", "Asia/Kathmandu"]
RANDOM = 40  # tiles for each user
POOL = {
    "person": [None, every(LEAD), every(EVER_LEAD), every(line("former_employee", "is", False), line("source", "not_empty"))],
    "company": [None, every(line("category_group", "in", ["potential"])), every(line("sales", "some"))],
    "sale": [None, every(OPEN), every(WON), every(CLOSED)],
    "activity": [None, every(line("done", "is", False)), every(line("owner", "in", ["me"]))],
}
GOALS = {
    "person": [HAS_SALE, WON_SALE],
    "company": [HAS_SALE],
    "sale": [every(WON)],
    "activity": [every(line("done", "is", True))],
}
SERIES = {
    "person": ["lead_status", "category", "owner", "source", "former_employee", "country", "first_touch_source", "lead_creation_form"], "company": ["category", "owner", "country", "stop"],
    "sale": ["status", "stage", "owner", "source", "lead_creation_campaign"], "activity": ["kind", "owner", "done", "priority"],
}  # fmt: skip
DATED = {
    "person": ["created_at", "lead_status_since"],
    "company": ["created_at"],
    "sale": ["created_at", "closed_on"],
    "activity": ["created_at", "due_at"],
}


def some_tile(rng):
    """Return a tile that somebody might make."""
    record = rng.choice(list(POOL))
    raw = {"kind": rng.choice(["column", "bar", "line", "area", "pie", "donut", "table", "number", "combo"]), "record": record,
           "date": rng.choice(DATED[record])}  # fmt: skip
    if tree := rng.choice(POOL[record]):
        raw["criteria"] = tree
    if raw["kind"] != "number":
        raw["group"] = rng.choice(
            [*SERIES[record], *DATED[record], "category_group"]
            if record in {"person", "company"}
            else SERIES[record] + DATED[record]
        )
        if raw["group"] in DATED[record]:
            raw["bucket"] = rng.choice(["week", "month", "quarter", "year"])
        elif rng.random() < 0.4:
            raw |= {"limit": rng.choice([1, 2, 3]), "order": rng.choice(["own", "value"])}
        if rng.random() < 0.4 and raw["kind"] in spec.IN_SERIES:
            raw["series"] = rng.choice([name for name in SERIES[record] if name != raw["group"]])
    if rng.random() < 0.6:
        raw["period"] = rng.choice([*periods.OFFERED, "2025-12-31/2026-03-29", "2026-10-25/2026-10-25"])
        raw["compare"] = rng.choice(["", "before", "year"])
    raw |= rng.choice([{}, {}, {"measure": "companies"}, {"measure": "conversion", "goal": rng.choice(GOALS[record])}])
    if record == "sale" and rng.random() < 0.5:
        raw |= {"measure": rng.choice(["sum", "average"]), "value": rng.choice(["base_amount", "weighted_amount"])}
    return raw


def numbers(result):
    """Yield (cell, prefix of its measure) of all numbers of a tile."""
    for series in result.series:
        yield from ((cell, "line_" if series.line else "") for cell in series.cells if cell)
    yield from ((cell, "") for cell in (result.total, result.earlier) if cell)


def is_among(key, keys):
    return key not in keys[1:].split(",") if keys.startswith(",") else key in keys.split(",")


def recount(plain, raw, question, cell, prefix):
    """Return (number, records) as they are in plain Python."""
    tile, part = spec.whole(raw), cell.part
    days = question.earlier if part.of == "earlier" else question.days

    def stands(record):
        places = [(tile.get("group"), part.x, tile.get("bucket", "month")), (tile.get("series"), part.s, "")]
        return all(not keys or not name or is_among(plain.key(record, name, bucket), keys) for name, keys, bucket in places)

    found = plain.records(raw, question.filters, days, stands)
    value = plain.amount(found, tile, prefix)
    name = tile.get(f"{prefix}measure", "count")
    if name == "conversion":
        return value, sum(plain.holds(tile["record"], one, tile[f"{prefix}goal"]) for one in found)
    return value, value if name == "companies" else len(found)


@pytest.mark.parametrize("seed", [1])
def test_d4_d6_every_number_is_that_of_a_plain_recount_and_of_the_list_it_opens(world, client, seed):
    rng, seen, wrong, opened = random.Random(seed), 0, [], []
    for user, zone in zip(world, ZONES, strict=True):
        user.time_zone = zone
        user.save(update_fields=["time_zone"])
        user = type(user).objects.get(pk=user.pk)
        timezone.activate(user.zone)
        plain = Plain(user, timezone.now())
        others = [
            Filters(),
            Filters(),
            Filters(owner=str(world[0].pk)),
            Filters(country="DE"),
            Filters(period="this_year"),
            Filters(owner="me", country="AT"),
        ]
        tiles = [(raw, Filters()) for key in READY if (raw := {"ready": key})["ready"] != "funnel"]
        tiles += [(some_tile(rng), rng.choice(others)) for _number in range(RANDOM)]
        for raw, filters in tiles:
            tile = spec.read({"id": 1, **raw}, Asking(user))
            result = count(tile, filters)
            assert not result.problems, (raw, result.problems)
            question = Question(tile, filters)
            for cell, prefix in numbers(result):
                listed = question.records_of(cell.part).order_by().count()
                value, behind = recount(plain, raw, question, cell, prefix)
                seen += 1
                if (
                    listed != cell.records
                    or behind != cell.records
                    or (value is not None and abs(float(value) - (cell.value or 0)) > 0.051)
                ):
                    wrong.append((user.username, raw, filters.given, cell, listed, behind, value))
                elif rng.random() < 0.02:
                    opened.append((user, question.address(cell.part), cell.records))
        assert plain.today == timezone.now().astimezone(user.zone).date(), "The day ended while this was counted; do it again."
    assert not wrong, "\n".join(map(str, wrong[:12]))
    assert seen > 1_200 and len(opened) > 15
    for user, address, number in opened:
        client.force_login(user)
        path, _question, query = address.partition("?")
        answer = client.get(f"{path}count/?{query}").content.decode()
        assert re.sub(r"\D", "", answer.partition("</span>")[0]) == str(number), address


def test_d3_the_funnel_counts_who_got_so_far_or_further(world, behind, shown):
    told = 0
    for user in world:
        plain, raw = Plain(user, timezone.now()), {"ready": "funnel"}
        for filters in (Filters(), Filters(period="previous_year"), Filters(country="DE")):
            result, question = shown(user, raw, filters), behind(user, raw, filters)
            cohort = plain.records(raw, filters, question.days, lambda one, plain=plain: plain.step(one, "lead"))
            for step, name in zip(result.steps, funnel.STEPS, strict=True):
                expected = sum(plain.step(one, name) for one in cohort)
                assert (step.cell.records, question.records_of(step.cell.part).count()) == (expected, expected), (user, name)
            for (before, name), step in zip(pairwise(funnel.STEPS), result.steps[1:], strict=True):
                assert step.days.replace(",", ".") == plain.median_days(cohort, before, name), (user, name)
                told += bool(step.days)
    assert any(step.cell.records for step in shown(world[-1], {"ready": "funnel"}, Filters(period="last_3_years")).steps)
    assert told > 20


def test_the_parts_of_a_whole_make_the_whole(world, shown):
    for user in world:
        for field in get("person").fields.values():
            if field.group:
                result = shown(user, {"kind": "bar", "record": "person", "group": field.name})
                assert sum(cell.records for cell in result.series[0].cells) == result.total.records, field.name
        assert {head.key for head in shown(user, {"kind": "bar", "record": "person", "group": "source"}).heads} >= {NONE}
