"""The funnel: how many persons of a time became a lead, were contacted, qualified, had a sale, and won one; and how long each step took.

A step counts who got that far or further, whatever came of it later: the history of lead statuses says so, and the sales that name the
person. Its criteria are the question of the list that opens.
"""

import datetime
from decimal import Decimal
from itertools import pairwise
from statistics import median

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _

from crm import criteria, records
from crm.web import formats
from dashboards.statuses import status_changes
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
    tile, asking = question.tile, question.tile.asking
    record = tile.record
    conditions = {step: criteria.condition(record, {"all": [asked]}, asking) for step, asked in STEPS.items()}
    cohort = question.records(tree_of(question, "lead")).order_by()
    counts = cohort.aggregate(
        **{step: Count("pk", filter=q) if step != "lead" else Count("pk") for step, q in conditions.items()}
    )
    days = medians(cohort, asking)
    share, first, before = Measure("conversion"), counts["lead"], counts["lead"]
    for step, label in labels().items():
        number = counts[step]
        cell = Cell(float(number), formats.number(number), number, Part(step))
        of_before = "" if step == "lead" else share.amount({"m_n": before, "m_m": number}).text
        of_all = "" if step == "lead" else share.amount({"m_n": first, "m_m": number}).text
        result.steps.append(Step(label, cell, of_before, of_all, days.get(step, "")))
        before = number
    result.total = result.steps[0].cell
    result.colour = colours.of(theme, 0, tile.raw.get("colour", ""))


def medians(cohort, asking) -> dict[str, str]:
    """Return for each step the days that half of those who made it took from the step before, in words."""
    times = reached(cohort, asking)
    told, steps = {}, list(STEPS)
    for before, step in pairwise(steps):
        took = [times[step][pk] - times[before][pk] for pk in times[step] if pk in times[before]]
        if took:
            days = max(0.0, median(took) / 86_400)
            told[step] = formats.number(shortest(rounded(days, TENTH if days < 10 else ONE)))
    return told


def reached(cohort, asking) -> dict[str, dict[int, float]]:
    """Return step -> person -> the second they first got so far, or further."""
    ids = cohort.values("pk")
    times: dict[str, dict[int, float]] = {step: {} for step in STEPS}
    further: dict[str, list[str]] = {"contacted": [Kind.WORKING, Kind.QUALIFIED], "qualified": [Kind.QUALIFIED]}
    statuses = asking.items("leads.LeadStatus").values()
    of_kind = {step: [str(status.pk) for status in statuses if status.kind in kinds] for step, kinds in further.items()}
    rows = status_changes(Kind.values, asking).filter(record_id__in=ids).order_by().values("record_id")
    asked = {step: Min("change_set__at", filter=Q(new__in=known)) for step, known in of_kind.items()}
    for pk, *found in rows.annotate(lead=Min("change_set__at"), **asked).values_list(
        "record_id", "lead", "contacted", "qualified"
    ):
        for step, moment in zip(("lead", "contacted", "qualified"), found, strict=True):
            if moment is not None:
                times[step][pk] = moment.timestamp()
    sales = records.get("person").relations["sales"].rows(asking, Q(person__in=ids)).order_by().values("person")
    firsts = sales.annotate(made=Min("created_at"), won=Min("closed_on", filter=Q(status="won")))
    for pk, made, won in firsts.values_list("person", "made", "won"):
        times["sale"][pk] = made.timestamp()
        if won is not None:
            times["won"][pk] = max(made, asking.start_of(won) + datetime.timedelta(hours=12)).timestamp()
    # Who got further got here by then at the latest.
    for step, later in (("sale", "won"), ("qualified", "sale"), ("contacted", "qualified")):
        for pk, moment in times[later].items():
            times[step][pk] = min(moment, times[step].get(pk, moment))
    return times
