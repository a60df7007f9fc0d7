"""Selections for the demo, made by the product's own actions."""

from django.utils import translation

from crm.criteria.written import line, whole
from crm.models import User
from leads.models import LeadStatus, Person
from selections import actions
from selections.models import SelectionCategory
from selections.typical import LEAD


@translation.override("de")
def load():
    """Make a handful of selections of the demo's first sales representative and marketer."""
    users = User.objects.filter(is_active=True).order_by("pk")
    marketer = users.filter(role__code="marketer").first() or users.first()
    rep = users.filter(role__code="sales_rep").first() or users.first()
    category = {item.name_en: item for item in SelectionCategory.objects.all()}
    open_ids = list(LeadStatus.objects.filter(kind__in=["open", "working"]).values_list("pk", flat=True))

    def make(name, by, kind="dynamic", lines=None, records=None, record_type="person", **values):
        given = {"name": name, "record_type": record_type, "kind": kind, **values}
        if lines is not None:
            given["criteria"] = whole(*lines)
        return actions.create_selection(given, by=by, via="demo", records=records)

    cold = make(
        "Offene Leads ohne Folgeaktivität", marketer,
        lines=[LEAD, line("lead_status", "in", open_ids), line("next_activity_at", "empty")], category=category.get("Calls"),
        description="Um sie kümmert sich gerade niemand.",
    )  # fmt: skip
    guests = make(
        "Sommerfest: Gäste", marketer, kind="static", records=Person.objects.visible_to(marketer).filter(pk__in=_some(marketer)),
        category=category.get("Event"), description="Wer eingeladen ist; von Hand gepflegt.",
    )  # fmt: skip
    make("Nachfassen nach dem Sommerfest", marketer, kind="combined", operation="common", part_ids=[guests.pk, cold.pk],
         category=category.get("Calls"))  # fmt: skip
    make("Potentielle Kunden in Deutschland", marketer, record_type="company", category=category.get("Mailing"),
         lines=[line("category_group", "in", ["potential"]), line("country", "in", ["DE"]), line("no_mailings", "is", False)])  # fmt: skip
    make("Offene Verkäufe ab 20.000 €", rep, record_type="sale", category=category.get("Analysis"), visibility="team",
         lines=[line("status", "in", ["open"]), line("base_amount", "gte", 20_000)])  # fmt: skip
    fair = make(
        "Messe Hannover", rep, kind="static", records=Person.objects.visible_to(rep).filter(pk__in=_some(rep)),
        category=category.get("Event"), description="Wen wir an den Stand einladen.",
    )  # fmt: skip
    make(
        "Messe Hannover, ohne Folgeaktivität",
        rep,
        kind="combined",
        operation="common",
        part_ids=[fair.pk, cold.pk],
        category=category.get("Calls"),
    )
    actions.set_favourite(fair, by=rep, on=True)
    actions.set_favourite(cold, by=marketer, on=True)
    actions.set_favourite(guests, by=rep, on=True)


def _some(user):
    return list(Person.objects.visible_to(user).order_by("pk").values_list("pk", flat=True)[:120:4])
