"""Records to measure with: the demo's shapes in any number, made by the product's own actions."""

import datetime
import random

from django.utils import timezone

from activities.actions import create_activities
from activities.demo import COUNTRIES, STEMS, TITLES, TRADES
from crm.models import Role, Team, User
from leads import actions
from leads.models import Category, Company, Industry, LeadStatus, Person, Source

OWNERS, TEAMS = 50, 10
BATCH = 5_000


def fill(persons):
    """Fill the empty database with so many persons, a quarter as many companies and half as many follow-ups."""
    rng = random.Random(persons)
    roles = {role.code: role for role in Role.objects.all()}
    admin = User.objects.create_user("bench", "bench@example.com", None, role=roles["administrator"])
    teams = [Team.objects.create(name=f"Team {number}") for number in range(TEAMS)]
    owners = []
    for number in range(OWNERS):
        owner = User.objects.create_user(
            f"rep{number}", f"rep{number}@example.com", None, first_name="Rep", last_name=f"{number:02}", role=roles["sales_rep"]
        )
        owner.teams.add(teams[number % TEAMS])
        owners.append(owner)
    _companies(rng, persons // 4, admin, owners)
    _persons(rng, persons, admin, owners)
    _activities(rng, persons // 2, admin)
    return admin


def _batches(count):
    for start in range(0, count, BATCH):
        yield range(start, min(start + BATCH, count))


def _companies(rng, count, admin, owners):
    # As in a real installation: not quite half of all are potential customers.
    names = ["Lead", "Marketing qualified lead (MQL)", "Customer", "Former customer", "Partner", "Other"]
    categories = [Category.objects.get(name_en=name) for name in names]
    industries = list(Industry.objects.all())
    for numbers in _batches(count):
        values = []
        for number in numbers:
            country, _share, forms, cities, _firsts, _lasts = rng.choice(COUNTRIES)
            city, postal_code, _dialling = rng.choice(cities)
            values.append({
                "name": f"{rng.choice(STEMS)} {rng.choice(TRADES)[0]} {number} {rng.choice(forms)}", "country": country, "city": city,
                "postal_code": postal_code, "category": rng.choices(categories, [30, 15, 30, 10, 10, 5])[0],
                "industry": rng.choice(industries), "owner": rng.choice(owners),
            })  # fmt: skip
        actions.create_companies(values, by=admin, via="system")


def _persons(rng, count, admin, owners):
    sources, statuses = list(Source.objects.all()), list(LeadStatus.objects.all())
    companies = list(Company.objects.select_related("category", "owner"))
    for numbers in _batches(count):
        values = []
        for number in numbers:
            company = rng.choice(companies)
            _country, _share, _forms, _cities, firsts, lasts = rng.choice(COUNTRIES)
            first, last = rng.choice(firsts), rng.choice(lasts)
            lead = {"lead_status": rng.choice(statuses)} if company.category.lead_status_enabled else {}
            values.append({
                "first_name": first, "last_name": last, "title": rng.choice(TITLES), "company": company,
                "email": f"person{number}@example.com", "phone": f"+49 421 {number:07}", "source": rng.choice(sources),
                "owner": company.owner if rng.random() < 0.8 else rng.choice(owners), **lead,
            })  # fmt: skip
        actions.create_persons(values, by=admin, via="system")


def _activities(rng, count, admin):
    now = timezone.now().replace(second=0, microsecond=0)
    ids = list(Person.objects.values_list("pk", flat=True))
    for numbers in _batches(count):
        persons = Person.objects.select_related("company", "owner").in_bulk(rng.sample(ids, len(numbers)))
        values = []
        for person in persons.values():
            due = now + datetime.timedelta(hours=rng.randint(-400, 800))
            done = due if due < now and rng.random() < 0.8 else None
            values.append(
                {"kind": "call", "subject": "Rückruf", "person": person, "owner": person.owner, "due_at": due, "done_at": done}
            )
        create_activities(values, by=admin, via="system")
