"""The funnel: how many persons of a time became a lead, were contacted, qualified, had a sale, and won one; and how long each step took.

A step counts who got that far or further, whatever came of it later: the history of lead statuses says so, and the sales that name the
person. Its criteria are the question of the list that opens.
"""

from decimal import Decimal
from itertools import pairwise

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from crm import records
from crm.database import median
from crm.tables.order import compiled_or_none
from crm.web import formats
from dashboards.statuses import GIVEN, ids_of
from dashboards.tiles import colours
from dashboards.tiles.measures import TENTH, Measure, rounded, shortest
from dashboards.tiles.question import Part
from dashboards.tiles.result import Cell, Step
from leads.models import LeadStatus

Kind = LeadStatus.Kind
ONE = Decimal(1)
SALE = {"field": "sales", "operator": "some"}
WON = SALE | {"where": {"all": [{"field": "status", "operator": "in", "value": ["won"]}]}}


def had(*kinds):
    return {"field": "status_had", "operator": "in", "value": [str(kind) for kind in kinds]}


#: Key, criteria beside those of the steps above.
STEPS = {
    "lead": had(*Kind),
    "contacted": {"any": [had(Kind.WORKING, Kind.QUALIFIED), SALE]},
    "qualified": {"any": [had(Kind.QUALIFIED), SALE]},
    "sale": SALE,
    "won": WON,
}


def labels():
    """Return the words of the steps: those of the installation's own statuses where one stands for a step."""
    named = {status.kind: status.name for status in LeadStatus.objects.filter(deleted_at=None).order_by("-rank")}
    return {"lead": named.get(Kind.OPEN, _("Lead")), "contacted": named.get(Kind.WORKING, _("Contacted")),
            "qualified": named.get(Kind.QUALIFIED, _("Qualified")), "sale": _("Opportunity"), "won": _("Won")}  # fmt: skip


def tree_of(question, step) -> dict:
    """Return the criteria of those who got so far."""
    return question.tree(question.days, STEPS["lead"], STEPS[step] if step != "lead" else None)


def fill(result, question, theme):
    tile = question.tile
    counts, days = counted(question)
    share, first, before = Measure("conversion"), counts["lead"], counts["lead"]
    for step, label in labels().items():
        number = counts[step]
        cell = Cell(float(number), formats.number(number), number, Part(step))
        of_before = "" if step == "lead" else share.amount({"m_n": before, "m_m": number}).text
        of_all = "" if step == "lead" else share.amount({"m_n": first, "m_m": number}).text
        result.steps.append(Step(label, cell, of_before, of_all, _in_words(days.get(step))))
        before = number
    result.total = result.steps[0].cell
    result.colour = colours.of(theme, 0, tile.raw.get("colour", ""))


def _in_words(days):
    if days is None:
        return ""
    days = max(0.0, float(days))
    return formats.number(shortest(rounded(days, TENTH if days < 10 else ONE)))


def counted(question) -> tuple[dict[str, int], dict[str, float | None]]:
    """Return (how many got to each step, the days that half of those who made it took from the step before), by one statement.

    It says of all persons at once what STEPS says of one. Who got further has been at the steps before by then at the latest. Of a won sale
    only the day is known: its noon stands for it, in UTC, the same for whoever looks.
    """
    asking = question.tile.asking
    cohort = question.records(question.tree(question.days)).order_by().values_list("pk")
    _compiler, persons, of_persons = compiled_or_none(cohort)
    if not persons:
        return dict.fromkeys(STEPS, 0), {}
    sales = records.get("person").relations["sales"].rows(asking, Q()).order_by()
    _compiler, offers, of_offers = compiled_or_none(sales.values_list("person_id", "status", "created_at", "closed_on"))
    got_to, of_kinds = [], []
    for step, kinds in (("contacted", {Kind.WORKING, Kind.QUALIFIED}), ("qualified", {Kind.QUALIFIED})):
        ids = ids_of(kinds, asking) or ["-"]  # SQL knows no empty list
        got_to.append(f"MIN(CASE WHEN entry.status IN ({', '.join(['%s'] * len(ids))}) THEN entry.at END) AS {step}")
        of_kinds += ids
    noon, days = _DAYS[connection.vendor]
    steps = list(STEPS)
    asked = [*(f"COUNT({step})" for step in steps), *(median(days.format(*pair)) for pair in pairwise(steps))]
    statement = f"""
      WITH cohort(person) AS MATERIALIZED ({persons}),
      had AS (
        SELECT entry.person, MIN(entry.at) AS lead, {", ".join(got_to)}
        FROM cohort CROSS JOIN ({GIVEN}) entry WHERE entry.person = cohort.person GROUP BY entry.person),
      sold AS (
        SELECT sale.person_id AS person, MIN(sale.created_at) AS sale,
          MIN(CASE WHEN sale.status <> 'won' THEN NULL WHEN {noon} < sale.created_at THEN sale.created_at ELSE {noon} END) AS won
        FROM cohort CROSS JOIN ({offers}) sale WHERE sale.person_id = cohort.person GROUP BY sale.person_id),
      step AS (
        SELECT lead, {_first("contacted", _first("qualified", "sale"))} AS contacted, {_first("qualified", "sale")} AS qualified, sale, won
        FROM had LEFT JOIN sold ON sold.person = had.person)
      SELECT {", ".join(asked)} FROM step"""  # noqa: S608 (compiled by the ORM)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*of_persons, *of_kinds, *of_offers])
        row = cursor.fetchone()
    return dict(zip(steps, row, strict=False)), dict(zip(steps[1:], row[len(steps) :], strict=True))


#: The noon of a day, and the days from one moment to another.
_DAYS = {
    "postgresql": ("sale.closed_on + time with time zone '12:00+00'", "EXTRACT(EPOCH FROM {1} - {0}) / 86400"),
    "sqlite": ("sale.closed_on || ' 12:00:00'", "julianday({1}) - julianday({0})"),
}


def _first(one, other):
    """Return the SQL of the earlier of two moments, of which either may be missing."""
    return f"CASE WHEN {one} IS NULL OR {other} < {one} THEN {other} ELSE {one} END"
