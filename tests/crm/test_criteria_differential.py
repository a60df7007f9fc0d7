"""Random criteria over random records give the ids that a plain reading of the same tree in Python gives (S1–S3, S9).

The reading knows nothing of the engine: it has the rows as objects and goes through them one by one.
"""

import datetime
import random
from collections import defaultdict
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.models import Activity
from crm import criteria, records
from crm.fields import Asking
from crm.models import NEVER
from crm.text import fold
from leads.models import Category, Company, LeadStatus, Person
from sales.models import Sale, SaleStage
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory

NAMES = ["Müller", "MULLER & Söhne", "Straße 7", "100%", "a_b", "Łukasz", "O'Brien", "back\\slash", "ﬁn", "Zoë"]
PLACES = ["Köln", "koln am Rhein", "Bremen", "", "São Paulo"]
PARTS = ["mull", "ö", "%", "_", "\\", "strasse", "fin", "zoe", "o'", "", "köln"]
NOW = timezone.now()
EXAMPLES = 500  # trees for each kind of record and user


@pytest.fixture
def world(anna, jan, max_, mia, ada):
    """Companies, persons, sales and follow-ups of several people, some in the bin, some without anything."""
    rng = random.Random(20_26)
    owners, categories = [anna, jan, max_, None], list(Category.objects.all())
    companies = [
        CompanyFactory(by=ada, name=f"{name} {number}", city=rng.choice(PLACES), category=rng.choice(categories), owner=rng.choice(owners), stop=rng.random() < 0.3)
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    statuses = [None, *LeadStatus.objects.all()]
    for number in range(24):
        person = PersonFactory(by=ada, first_name=rng.choice(["", "Zoë", "Ada"]), last_name=rng.choice(NAMES), owner=rng.choice(owners),
                               company=rng.choice([None, *companies]), former_employee=rng.random() < 0.3)  # fmt: skip
        created = NOW - datetime.timedelta(hours=rng.randint(0, 24 * 70))
        Person.objects.filter(pk=person.pk).update(lead_status=rng.choice(statuses), created_at=created)
        for _number in range(rng.choice([0, 0, 1, 2, 5])):
            due = rng.choice([None, NOW + datetime.timedelta(hours=rng.randint(-900, 900))])
            made = ActivityFactory(by=ada, person=person, kind=rng.choice(["call", "task"]), due_at=due)
            done = rng.choice([None, NOW - datetime.timedelta(hours=rng.randint(0, 1_600))])
            gone = NOW if rng.random() < 0.15 else None
            Activity.objects.filter(pk=made.pk).update(done_at=done, deleted_at=gone)
        if number % 9 == 8:
            Person.objects.filter(pk=person.pk).update(deleted_at=NOW)
    stages, persons = list(SaleStage.objects.all()), list(Person.objects.live().exclude(company=None).order_by("pk"))
    for _number in range(26):
        person = rng.choice([None, *persons])
        sale = SaleFactory(by=ada, company=person.company if person else rng.choice(companies), person=person, owner=rng.choice(owners),
                           stage=rng.choice(stages), amount=Decimal(rng.choice([0, 1, 999, 1000, 25_000])))  # fmt: skip
        closed = NOW.date() - datetime.timedelta(days=rng.randint(0, 400))
        Sale.objects.filter(pk=sale.pk).update(
            **rng.choice([{}, {"status": "won", "closed_on": closed}]), deleted_at=NOW if rng.random() < 0.15 else None
        )
    return {"anna": anna, "mia": mia, "jan": jan}


# --- The plain reading ----------------------------------------------------------------------------------------------------


class Rows:
    """All that a user may see, by who may see what as settled 14 says it."""

    def __init__(self, user):
        self.user, self.zone = user, user.zone
        self.today = NOW.astimezone(self.zone).date()
        mates = {user.pk} if user.role.see == "own" else set(user.colleague_ids)

        def owned(record):
            return record.owner_id in mates or (record.owner_id is None and user.role.see == "team")

        def seen(record):
            if user.role.see == "all" or owned(record):
                return True
            company = getattr(record, "company", None)
            return company is not None and company.owner_id in mates

        live = {"deleted_at": None}
        self.company = {one.pk: one for one in Company.objects.filter(**live) if user.role.see == "all" or owned(one)}
        self.person = {one.pk: one for one in Person.objects.filter(**live).select_related("company") if seen(one)}
        self.sale = {one.pk: one for one in Sale.objects.filter(**live).select_related("company") if seen(one)}
        # Follow-ups go by what they are about, be it in the bin; those of a person or sale not by a company of nobody's.
        persons, sales = ({one.pk for one in model.objects.select_related("company") if seen(one)} for model in (Person, Sale))
        companies = {one.pk: one for one in Company.objects.all() if user.role.see == "all" or owned(one)}
        lends = {pk for pk, company in companies.items() if company.owner_id or user.role.see == "all"}
        self.activity = {
            one.pk: one for one in Activity.objects.filter(**live)
            if one.person_id in persons or one.sale_id in sales or one.company_id in (companies if not (one.person_id or one.sale_id) else lends)
        }  # fmt: skip
        self.followers = defaultdict(list)
        for one in self.activity.values():
            for name in ("person", "company", "sale"):
                self.followers[name, getattr(one, f"{name}_id")].append(one)

    def related(self, kind, record, name):
        if name == "activities":
            return "activity", self.followers[kind, record.pk]
        other = {"sales": "sale", "persons": "person"}[name]
        return other, [one for one in getattr(self, other).values() if getattr(one, f"{kind}_id") == record.pk]

    def holds(self, kind, record, node):
        if "all" in node or "any" in node:
            how, inner = (all, node["all"]) if "all" in node else (any, node["any"])
            active = [one for one in inner if is_on(one)]
            return how(self.holds(kind, record, one) for one in active) if active else True
        if "not" in node:
            return not self.holds(kind, record, node["not"]) if is_on(node["not"]) else True
        first, dot, rest = node["field"].partition(".")
        if dot and first == "company":
            company = self.company.get(record.company_id)
            return company is not None and self.holds("company", company, {**node, "field": rest})
        if first in {"activities", "sales", "persons"}:
            other, found = self.related(kind, record, first)
            found = [one for one in found if self.holds(other, one, node.get("where", {"all": []}))]
            return self.measured(found, rest, node)
        return self.line(record, node)

    def measured(self, found, what, node):
        operator, value = node["operator"], node.get("value")
        if not what:
            return bool(found) == (operator == "some")
        if what == "number":
            return number(len(found), operator, value)
        if what == "sum_base_amount":
            return number(
                sum(one.base_cents for one in found), operator, [v * 100 for v in value] if operator == "between" else value * 100
            )
        word, _line, field = what.partition("_")
        dates = [getattr(one, field) for one in found if getattr(one, field) is not None]
        return self.date((max if word == "last" else min)(dates) if dates else None, operator, value)

    def line(self, record, node):
        name, operator, value = node["field"], node["operator"], node.get("value")
        if name in {"name", "city"}:
            text = fold(f"{record.last_name} {record.first_name}") if isinstance(record, Person) else fold(getattr(record, name))
            return texts(text, operator, value)
        if name in {"category", "lead_status", "stage", "owner"}:
            return self.choice(getattr(record, f"{name}_id"), operator, value)
        if name in {"status", "kind"}:
            return self.choice(getattr(record, name), operator, value)
        if name in {"former_employee", "stop"}:
            return getattr(record, name) == value
        if name == "done":
            return (record.done_at is not None) == value
        if name == "base_amount":
            return number(record.base_cents, operator, [v * 100 for v in value] if operator == "between" else value * 100)
        moment = getattr(record, name)
        return self.date(None if moment == NEVER else moment, operator, value)

    def choice(self, key, operator, value):
        if operator in {"empty", "not_empty"}:
            return (key is None) == (operator == "empty")
        wanted = set()
        for item in value:
            wanted |= {"me": {self.user.pk}, "my_team": set(self.user.colleague_ids)}.get(item, {item})
        return (key in wanted) == (operator == "in")

    def date(self, moment, operator, value):
        if operator in {"empty", "not_empty"}:
            return (moment is None) == (operator == "empty")
        if moment is None:
            # One that is not known lies before and after nothing, save that *next activity* is stored as the end of days.
            return False
        day = moment.astimezone(self.zone).date() if isinstance(moment, datetime.datetime) else moment
        ago = self.today - datetime.timedelta(days=value) if isinstance(value, int) else None
        if operator == "last_days":
            return ago <= day <= self.today
        if operator == "before":
            return day < moved(self.today, value)
        if operator == "after":
            return day > moved(self.today, value)
        if operator == "period":
            return any(first <= day <= last for first, last in (periods(self.today)[item] for item in value))
        raise AssertionError(operator)


def is_on(node):
    if node.get("off"):
        return False
    inner = node.get("all", node.get("any")) if "not" not in node else [node["not"]]
    return True if inner is None else any(map(is_on, inner))


def texts(text, operator, value):
    if operator in {"empty", "not_empty"}:
        return (text == "") == (operator == "empty")
    needle, wanted = fold(value), not operator.startswith("not_") and operator != "is_not"
    test = {
        "contains": lambda: needle in text,
        "starts": lambda: text.startswith(needle),
        "ends": lambda: text.endswith(needle),
        "is": lambda: text == needle,
    }
    return test[operator.removeprefix("not_").removesuffix("_not")]() == wanted  # fmt: skip


def number(found, operator, value):
    if operator == "between":
        return value[0] <= found <= value[1]
    return {"is": found == value, "is_not": found != value, "lt": found < value, "lte": found <= value, "gt": found > value, "gte": found >= value}[operator]  # fmt: skip


def moved(today, text):
    sign = -1 if text[0] == "-" else 1
    return today + sign * datetime.timedelta(days=int(text[1:-1]) * (7 if text[-1] == "w" else 1))


def periods(today):
    monday, one = today - datetime.timedelta(days=today.weekday()), datetime.timedelta(days=1)
    month = today.replace(day=1)
    before = (month - one).replace(day=1)
    return {
        "this_week": (monday, monday + 6 * one),
        "previous_2_weeks": (monday - 14 * one, monday - one),
        "this_month": (month, (month + 32 * one).replace(day=1) - one),
        "previous_month": (before, month - one),
        "this_year": (today.replace(month=1, day=1), today.replace(month=12, day=31)),
    }


# --- Random trees ---------------------------------------------------------------------------------------------------------

DATES = st.one_of(
    st.fixed_dictionaries({"operator": st.just("last_days"), "value": st.sampled_from([0, 1, 7, 30])}),
    st.fixed_dictionaries({"operator": st.sampled_from(["before", "after"]), "value": st.sampled_from(["-30d", "+0d", "-1w", "+5d"])}),
    st.fixed_dictionaries({"operator": st.just("period"), "value": st.lists(st.sampled_from(sorted(periods(NOW.date()))), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"operator": st.sampled_from(["empty", "not_empty"])}),
)  # fmt: skip
TEXTS = st.one_of(
    st.fixed_dictionaries({"operator": st.sampled_from(["contains", "not_contains", "starts", "not_starts", "ends", "not_ends", "is", "is_not"]),
                           "value": st.sampled_from([*PARTS, *NAMES])}),
    st.fixed_dictionaries({"operator": st.sampled_from(["empty", "not_empty"])}),
)  # fmt: skip
WANTED = ["is", "is_not", "lt", "lte", "gt", "gte"]


def numbers(values):
    one = st.fixed_dictionaries({"operator": st.sampled_from(WANTED), "value": st.sampled_from(values)})
    two = st.tuples(st.sampled_from(values), st.sampled_from(values)).map(
        lambda pair: {"operator": "between", "value": sorted(pair)}
    )
    return st.one_of(one, two)


def keys(values):
    chosen = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return st.one_of(
        st.fixed_dictionaries({"operator": st.sampled_from(["in", "not_in"]), "value": chosen}),
        st.fixed_dictionaries({"operator": st.sampled_from(["empty", "not_empty"])}),
    )


YES_NO = st.fixed_dictionaries({"operator": st.just("is"), "value": st.booleans()})


def lines_of(kind, depth=1):
    """Return a strategy of lines about records of a kind; `depth` says how far it may go to others."""
    owners = keys(
        ["me", "my_team", *Person.objects.exclude(owner=None).order_by("owner").values_list("owner", flat=True).distinct()]
    )
    own = {
        "person": {"name": TEXTS, "lead_status": keys(list(LeadStatus.objects.values_list("pk", flat=True))), "category": keys(list(Category.objects.values_list("pk", flat=True))),
                   "owner": owners, "former_employee": YES_NO, "created_at": DATES},
        "company": {"name": TEXTS, "city": TEXTS, "category": keys(list(Category.objects.values_list("pk", flat=True))), "owner": owners, "stop": YES_NO},
        "sale": {"name": TEXTS, "status": keys(["open", "won"]), "stage": keys(list(SaleStage.objects.values_list("pk", flat=True))), "owner": owners,
                 "base_amount": numbers([0, 1, 999, 1000]), "closed_on": DATES},
        "activity": {"kind": keys(["call", "task"]), "done": YES_NO, "done_at": DATES, "due_at": DATES, "owner": owners},
    }[kind]  # fmt: skip
    made = [rest.map(lambda line, name=name: {"field": name, **line}) for name, rest in own.items()]
    if depth:
        if kind in {"person", "sale"}:
            made.append(lines_of("company", 0).map(lambda line: {**line, "field": f"company.{line['field']}"}))
            made.append(counters("company", 0).map(lambda line: {**line, "field": f"company.{line['field']}"}))
        if kind != "activity":
            made += [counters(kind, depth - 1)] * 3
    return st.one_of(made)


def counters(kind, depth):
    others = {"person": ["activities", "sales"], "company": ["activities", "sales", "persons"], "sale": ["activities"]}[kind]
    made = []
    for name in others:
        other = {"activities": "activity", "sales": "sale", "persons": "person"}[name]
        measures = {"": st.fixed_dictionaries({"operator": st.sampled_from(["some", "none"])}), ".number": numbers([0, 1, 2, 3])}
        if name == "sales":
            measures |= {".sum_base_amount": numbers([0, 1, 1000, 26_000]), ".last_closed_on": DATES}
        if name == "activities":
            measures |= {".last_done_at": DATES, ".first_due_at": DATES}
        where = sets(lines_of(other, depth), 1)
        for measure, rest in measures.items():
            made.append(st.tuples(rest, st.none() | where).map(
                lambda pair, field=name + measure: {"field": field, **pair[0], **({"where": pair[1]} if pair[1] else {})}))  # fmt: skip
    return st.one_of(made)


def sets(line, deep=2):
    node = st.tuples(line, st.sampled_from([False] * 5 + [True])).map(
        lambda pair: {**pair[0], "off": True} if pair[1] else pair[0]
    )
    for _level in range(deep):
        inner = node
        node = st.one_of(
            inner, st.lists(inner, max_size=3).map(lambda nodes: {"all": nodes}), st.lists(inner, max_size=3).map(lambda nodes: {"any": nodes}),
            inner.map(lambda one: {"not": one}),
        )  # fmt: skip
    return st.lists(node, max_size=3).flatmap(lambda nodes: st.sampled_from([{"all": nodes}, {"any": nodes}]))


@pytest.mark.parametrize("kind", ["person", "company", "sale"])
@pytest.mark.parametrize("name", ["anna", "mia"])
def test_s1_s3_s9_criteria_find_what_a_plain_reading_finds(world, name, kind):
    user, record = world[name], records.get(kind)
    rows, visible = Rows(user), record.model.objects.visible_to(user)
    assert set(getattr(rows, kind)) == set(visible.values_list("pk", flat=True)) and len(getattr(rows, kind)) > 3
    told = {"some": 0, "none": 0, "all": 0}

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(tree=sets(lines_of(kind)))
    def agrees(tree):
        asking = Asking(user, now=NOW)
        read = criteria.parse(record, tree, asking)
        found = set(visible.filter(criteria.to_q(read, asking)).values_list("pk", flat=True))
        expected = {pk for pk, one in getattr(rows, kind).items() if rows.holds(kind, one, tree)}
        assert found == expected, tree
        told["none" if not found else "all" if len(found) == len(getattr(rows, kind)) else "some"] += 1

    agrees()
    # Trees that keep everything or nothing prove little.
    assert told["some"] > EXAMPLES / 5
