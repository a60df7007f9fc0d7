import datetime
import random

import pytest
from django.utils import timezone

from activities.models import Activity
from capture.actions import create_form
from capture.models import PersonOrigin
from crm.fields import Asking
from crm.history.models import ChangeSet
from dashboards import actions
from dashboards.filters import Filters
from dashboards.tiles import spec
from dashboards.tiles.count import count
from dashboards.tiles.question import Question
from leads import actions as leads
from leads.models import Category, DisqualifyReason, LeadStatus, Person, Source
from sales import actions as sales
from sales.models import Sale, SaleReason
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

COUNTRIES = ["DE", "AT", "PL", ""]
SPOKEN = ["linkedin", "google", "messe, halle 3", "50%/50%", ""]  # as strangers put it into addresses


@pytest.fixture
def shown():
    """Count a tile as this user sees it."""

    def show(user, raw, filters=None, **more):
        return count(spec.read({"id": 1, **raw, **more}, Asking(user)), filters or Filters())

    return show


@pytest.fixture
def behind():
    """Return the question of a tile, to ask for the list behind a number."""
    return lambda user, raw, filters=None: Question(spec.read({"id": 1, **raw}, Asking(user)), filters or Filters())


@pytest.fixture
def board(anna):
    """Make a dashboard of Anna's."""

    def make(*tiles, by=anna, **values):
        given = [{"id": number, **tile} for number, tile in enumerate(tiles, 1)]
        return actions.create_dashboard({"name": "Mine", "tiles": given, **values}, by=by, via="form")

    return make


def moments(rng):
    """Return moments around what is easily counted wrong: ends of months and years, weeks, changes of the clocks, midnight."""
    days = [datetime.date(2026, 3, 29), datetime.date(2026, 10, 25), datetime.date(2026, 1, 31), datetime.date(2025, 12, 31),
            datetime.date(2026, 2, 28), datetime.date(2026, 11, 1), timezone.localdate(), timezone.localdate() - datetime.timedelta(days=6)]  # fmt: skip
    hours = [0, 1, 2, 3, 4, 12, 21, 22, 23]
    while True:
        at = datetime.datetime.combine(rng.choice(days), datetime.time(rng.choice(hours), rng.choice([0, 30, 59])), datetime.UTC)
        yield min(at, timezone.now())


@pytest.fixture
def world(anna, jan, max_, mia, rita, ada):
    """Random records of several owners, with a history of lead statuses and sales, made by the product's own actions."""
    rng = random.Random(7)
    when = moments(rng)
    statuses, reasons = list(LeadStatus.objects.all()), list(DisqualifyReason.objects.all())
    categories, sources = list(Category.objects.all()), [*Source.objects.all()[:4], None]
    owners = [anna, jan, max_, mia, None]
    companies = [
        CompanyFactory(by=ada, owner=rng.choice(owners), category=rng.choice(categories[:5] * 2 + categories), country=rng.choice(COUNTRIES))
        for _ in range(14)
    ]  # fmt: skip
    persons = [
        PersonFactory(
            by=ada, owner=rng.choice(owners), company=rng.choice([*companies, *companies, None]), source=rng.choice(sources)
        )
        for _ in range(60)
    ]
    for person in persons:
        for _step in range(rng.choice([0, 1, 1, 2, 3])):
            status = rng.choice(statuses)
            fresh = Person.objects.get(pk=person.pk)
            if fresh.is_lead:
                reason = rng.choice(reasons) if status.kind == "disqualified" else None
                leads.set_lead_status(fresh, status, by=ada, via="card", **({"reason": reason} if reason else {}))
    forms = [create_form({"name": name}, by=mia, via="form") for name in ("Website", "Fair")]
    for person in rng.sample(persons, 40):
        values = {name: rng.choice(SPOKEN) for name in ("first_source", "first_campaign", "lead_source", "lead_campaign")}
        PersonOrigin.objects.create(person=person, form=rng.choice([*forms, None]), **values)
    for _ in range(45):
        person = rng.choice([*persons, None])
        company = (person.company if person and person.company_id else None) or rng.choice(companies)
        sale = SaleFactory(by=ada, owner=rng.choice(owners), company=company, person=person if person and person.company_id else None,
                           amount=rng.randrange(100, 90_000), source=rng.choice(sources))  # fmt: skip
        _fate(rng, when, sale, ada)
    for _ in range(40):
        owner, person = rng.choice(owners[:4]), rng.choice(persons)
        planned = ActivityFactory(by=ada, person=person, due_at=next(when))
        # Given away when the record had another owner; nobody gives one today to who does not see what it is about.
        arrange(Activity.objects.filter(pk=planned.pk), owner=owner)
    for record in [*companies, *persons]:
        arrange(type(record).objects.filter(pk=record.pk), created_at=next(when))
    for pk in ChangeSet.objects.values_list("pk", flat=True):
        ChangeSet.objects.filter(pk=pk).update(at=next(when))
    for person in rng.sample(persons, 5):
        leads.delete(Person.objects.get(pk=person.pk), by=ada, via="card")
    return [anna, max_, mia, rita, ada]


def _fate(rng, when, sale, by):
    what = rng.choice(["open", "won", "won", "lost", "stalled"])
    day = rng.choice([datetime.date(2026, 1, 31), datetime.date(2026, 2, 28), timezone.localdate(), datetime.date(2025, 12, 31)])
    if what == "won":
        sales.win(sale, by=by, via="card")
    elif what == "lost":
        sales.lose(sale, reason=SaleReason.objects.filter(outcome="lost").first(), by=by, via="card")
    if what in {"won", "lost"}:
        arrange(Sale.objects.filter(pk=sale.pk), closed_on=day, created_at=next(when))
