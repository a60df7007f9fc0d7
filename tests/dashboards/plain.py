"""A plain recount of tiles: record by record in Python, knowing nothing of how the product counts."""

import datetime
from decimal import ROUND_HALF_UP, Decimal

from capture.models import PersonOrigin
from crm.history.models import Change
from crm.models import NEVER
from dashboards.tiles.spec import whole
from leads.models import LeadStatus
from tests.crm.test_criteria_differential import Rows

KINDS_OF_FUNNEL = {"lead": None, "contacted": {"working", "qualified"}, "qualified": {"qualified"}}


class Plain(Rows):
    """What a user may see, asked as tiles ask."""

    def __init__(self, user, now):
        super().__init__(user)
        self.now, self.today = now, now.astimezone(self.zone).date()
        self.kinds = dict(LeadStatus.objects.values_list("pk", "kind"))
        self.origins = PersonOrigin.objects.in_bulk()
        self.had: dict[int, set[str]] = {}
        self.reached: dict[tuple[int, str], datetime.datetime] = {}
        entries = Change.objects.filter(record_type="person", field="lead_status").select_related("change_set__parent")
        taken_back = {(one.record_id, one.change_set.undoes_id) for one in entries if not one.change_set.undone}
        for one in sorted(entries, key=lambda entry: entry.change_set.at, reverse=True):
            given = one.change_set
            parent = given.parent
            undone = {(one.record_id, pk) for pk in (given.pk, given.parent_id, parent and parent.parent_id) if pk} & taken_back
            if (
                one.new is None
                or (given.undoes_id and one.old is not None)
                or given.state == "failed"
                or (given.undone and undone)
            ):
                continue
            kind = self.kinds[int(one.new)]
            self.had.setdefault(one.record_id, set()).add(kind)
            self.reached[one.record_id, kind] = given.at

    def line(self, record, node):
        name, operator, value = node["field"], node["operator"], node.get("value")
        if name == "lead_status_applies":
            return record.is_lead == value
        if name.startswith(("first_touch_", "lead_creation_")):
            return (self.touch(record, name) != "-") == (operator == "not_empty")
        if name == "lead_status_kind":
            return self.choice(self.kinds.get(record.lead_status_id), operator, value)
        if name == "status_had":
            return bool(self.had.get(record.pk, set()) & set(value)) == (operator == "in")
        if name == "category_group":
            return self.choice(record.category.group_id, operator, value)
        if name in {"source", "disqualify_reason", "reason", "type"}:
            return self.choice(getattr(record, f"{name}_id"), operator, value)
        if name == "country":
            return self.choice(record.country, operator, value)
        if operator == "overdue":
            return record.due_at is not None and record.due_at < self.now
        if operator in {"in", "not_in"}:
            value = [int(item) if str(item).isdecimal() else item for item in value]
        return super().line(record, {**node, "value": value})

    def touch(self, record, name):
        """Return what stands in a person's origin, or in that of the person a sale names."""
        origin = self.origins.get(record.person_id if hasattr(record, "person_id") else record.pk)
        words, _line, value = name.rpartition("_")
        column = "form_id" if value == "form" else {"first_touch": "first_", "lead_creation": "lead_"}[words] + value
        return str(getattr(origin, column, None) or "-").replace("%", "%25").replace(",", "%2C").replace("/", "%2F")

    def day(self, moment):
        if moment is None or moment == NEVER:
            return None
        return moment.astimezone(self.zone).date() if isinstance(moment, datetime.datetime) else moment

    # --- A tile -------------------------------------------------------------------------------------------------------

    def records(self, raw, filters, days, extra=None):
        """Return the records a tile counts, of these days."""
        tile = whole(raw)
        kind = tile["record"]
        found = [one for one in getattr(self, kind).values() if self.holds(kind, one, tile.get("criteria") or {"all": []})]
        if filters.owner:
            wanted = self.user.pk if filters.owner == "me" else int(filters.owner)
            found = [one for one in found if one.owner_id == wanted]
        if filters.country:
            found = [one for one in found if self.country(kind, one, filters.country)]
        if days:
            date = tile.get("date") or (tile["group"] if tile.get("group") in DATES else "created_at")
            found = [one for one in found if (day := self.day(getattr(one, date))) and days[0] <= day <= days[1]]
        return [one for one in found if extra is None or extra(one)]

    def country(self, kind, record, country):
        if kind in {"person", "company"}:
            return record.country == country
        named = [self.company.get(record.company_id)]
        if kind == "activity":
            named.append(self.person.get(record.person_id))
        return any(one is not None and one.country == country for one in named)

    def key(self, record, name, bucket=""):
        """Return the key of the part a record stands in."""
        if name in DATES:
            day = self.day(getattr(record, name))
            return begin(day, bucket).isoformat() if day else "-"
        if name == "lead_status":
            return str(record.lead_status_id) if record.is_lead and record.lead_status_id else "-"
        if name == "category_group":
            return record.category.group_id
        if name.startswith(("first_touch_", "lead_creation_")):
            return self.touch(record, name)
        if name == "done":
            return str(int(record.done_at is not None))
        if name in {"stop", "no_mailings", "former_employee"}:
            return str(int(getattr(record, name)))
        if name == "lead_status_applies":
            return str(int(record.is_lead))
        value = getattr(record, f"{name}_id", None) if hasattr(record, f"{name}_id") else getattr(record, name)
        return str(getattr(value, "code", value)) if value else "-"

    def measured(self, *given):
        return super().measured(*given) if len(given) == 3 and not isinstance(given[1], dict) else self.amount(*given)

    def amount(self, records, raw, prefix=""):
        """Return the number that a tile's measure makes of these records."""
        name = raw.get(f"{prefix}measure", "count")
        if name == "count":
            return len(records)
        if name == "companies":
            if raw["record"] == "company":
                return len(records)
            return len({one.company_id for one in records if one.company_id in self.company})
        if name == "conversion":
            kind, goal = raw["record"], raw[f"{prefix}goal"]
            return percent(sum(self.holds(kind, one, goal) for one in records), len(records))
        column = {"base_amount": "base_cents", "weighted_amount": "weighted_cents"}[raw[f"{prefix}value"]]
        total = Decimal(sum(getattr(one, column) for one in records)) / 100
        if name == "average":
            return (total / len(records)).quantize(Decimal("0.01"), ROUND_HALF_UP) if records else None
        return total

    def step(self, record, step):
        """Tell whether a person got as far as this step of the funnel, or further."""
        sales = [one for one in self.sale.values() if one.person_id == record.pk]
        if step == "won":
            return any(one.status == "won" for one in sales)
        if step == "sale":
            return bool(sales)
        wanted = KINDS_OF_FUNNEL[step]
        had = self.had.get(record.pk, set())
        return bool(had) if wanted is None else bool(had & wanted) or bool(sales)

    def moment(self, record, step):
        """Return when a person first got as far as this step, or further; None if they never did."""
        sales = [one for one in self.sale.values() if one.person_id == record.pk]
        noon = datetime.time(12, tzinfo=datetime.UTC)
        at = {
            "won": [max(one.created_at, datetime.datetime.combine(one.closed_on, noon)) for one in sales if one.status == "won"],
            "sale": [one.created_at for one in sales],
        }
        if step not in at:
            kinds = KINDS_OF_FUNNEL[step] or set(self.kinds.values())
            at[step] = [self.reached[record.pk, kind] for kind in kinds if (record.pk, kind) in self.reached]
            at[step] += at["sale"] if step != "lead" else []
        return min(at[step], default=None)

    def median_days(self, records, before, step):
        """Return the days that half of those who made a step took for it, in words; nothing where nobody did."""
        moments = [(self.moment(one, before), self.moment(one, step)) for one in records]
        took = [(later - earlier).total_seconds() / 86_400 for earlier, later in moments if earlier and later]
        if not took:
            return ""
        days = max(0.0, sorted(took)[(len(took) - 1) // 2])
        return f"{days:.1f}".removesuffix(".0") if days < 10 else f"{days:.0f}"


DATES = {
    "created_at",
    "updated_at",
    "closed_on",
    "expected_on",
    "done_at",
    "due_at",
    "lead_status_since",
    "next_activity_at",
    "reopen_on",
}


def percent(part, of):
    return (Decimal(100 * part) / of).quantize(Decimal("0.1"), ROUND_HALF_UP) if of else None


def begin(day, bucket):
    """Return the first day of the stretch a day lies in, counted off on the fingers."""
    while not {
        "day": True, "week": day.weekday() == 0, "month": day.day == 1, "quarter": day.day == 1 and day.month in {1, 4, 7, 10},
        "year": (day.day, day.month) == (1, 1),
    }[bucket]:  # fmt: skip
        day -= datetime.timedelta(days=1)
    return day
