"""Records to measure with: the demo's shapes in any number, written by batches as an import writes them."""

import csv
import datetime
import random
from decimal import Decimal

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from activities import lifecycle as follow_ups
from activities.demo import COUNTRIES, STEMS, TITLES, TRADES
from activities.models import Activity
from capture.models import PersonOrigin
from crm.history.changes import change
from crm.models import Role, Team, User
from leads import bulk
from leads.models import Category, Company, Industry, LeadStatus, Person, Source
from sales import rates
from sales.lifecycle import fill as fill_sale
from sales.models import Sale, SaleReason, SaleStage
from sales.money import Rates

OWNERS, TEAMS = 50, 10
LONG_PAST = 2_000
BATCH = 5_000
COPIED_FROM = 100_000
UTM_SOURCES = ["linkedin", "google", "facebook", "newsletter", "trade-fair"]
NAMES = {"name", "last_name", "name_key", "company_key", "email", "email_key"}  # what each copy has of its own


def fill(persons):
    """Fill the empty database with so many persons and return the administrator.

    Beyond COPIED_FROM they are copies of the first, made in the database (PostgreSQL only), without search texts, and of their history with
    their lead statuses alone.
    """
    admin = staff()
    add(min(persons, COPIED_FROM), admin)
    _long_past(admin)
    if persons > COPIED_FROM:
        _copy(persons // COPIED_FROM - 1)
    return admin


def _copy(times):
    """Copy companies, persons, follow-ups and sales so many times, each copy with its own names and with its own relations."""
    quote = connection.ops.quote_name
    models = (Company, Person, Activity, Sale)
    highest = {model: model.objects.aggregate(last=Max("pk"))["last"] for model in models}
    with connection.cursor() as cursor:
        # Neither triggers nor foreign keys: these rows are right because the first are.
        cursor.execute("SET session_replication_role = replica")
        for turn in range(1, times + 1):
            for model in models:
                columns, values = [], []
                for field in model._meta.local_concrete_fields:
                    column, target = quote(field.column), model if field.primary_key else field.related_model
                    columns.append(column)
                    if target in highest:
                        values.append(f"{column} + {turn * highest[target]}")
                    elif field.name in NAMES:
                        values.append(f"CASE WHEN {column} = '' THEN '' ELSE '{turn}' || {column} END" if "email" in field.name
                                      else f"{column} || ' {turn}'")  # fmt: skip
                    else:
                        values.append(column)
                cursor.execute(
                    f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)})"
                    f" SELECT {', '.join(values)} FROM {quote(model._meta.db_table)} WHERE id <= {highest[model]}"
                )
            cursor.execute(
                "INSERT INTO crm_change (change_set_id, record_type, record_id, op, field, old, new)"
                " SELECT change_set_id, record_type, record_id + %s, op, field, old, new FROM crm_change"
                " WHERE record_type = 'person' AND field = 'lead_status' AND record_id <= %s",
                [turn * highest[Person], highest[Person]],
            )
        cursor.execute("SET session_replication_role = DEFAULT")
        for model in models:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{model._meta.db_table}', 'id'), max(id)) FROM {quote(model._meta.db_table)}"
            )


def staff():
    """Make an administrator and return them, and the owners in their teams: `rep0` and so on."""
    roles = {role.code: role for role in Role.objects.all()}
    admin = User.objects.create_user("bench", "bench@example.com", None, role=roles["administrator"])
    teams = [Team.objects.create(name=f"Team {number}") for number in range(TEAMS)]
    for number in range(OWNERS):
        owner = User.objects.create_user(
            f"rep{number}", f"rep{number}@example.com", None, first_name="Rep", last_name=f"{number:02}", role=roles["sales_rep"]
        )
        owner.teams.add(teams[number % TEAMS])
    rates.create_rate(
        {"currency": "USD", "valid_from": datetime.date(2020, 1, 1), "rate": Decimal("0.9")}, by=admin, via="system"
    )
    return admin


def add(persons, admin):
    """Add so many persons, a quarter as many companies, half as many follow-ups and as many sales.

    Every batch is a change set, so the history is as long as in real life.
    """
    rng = random.Random(persons)
    owners = list(User.objects.filter(username__startswith="rep").order_by("pk"))
    for action, model, make, count in (("company", Company, _companies, persons // 4), ("person", Person, _persons, persons)):
        for numbers in _batches(model.objects.count(), count):
            with change(f"{action}.create", by=admin, via="system", params={"count": len(numbers)}):
                make(rng, numbers, owners)
    _activities(rng, persons // 2, admin)
    _sales(rng, persons, admin)


def _batches(first, count):
    for start in range(first, first + count, BATCH):
        yield range(start, min(start + BATCH, first + count))


def _companies(rng, numbers, owners):
    # As in a real installation: not quite half of all are potential customers.
    names = ["Lead", "Marketing qualified lead (MQL)", "Customer", "Former customer", "Partner", "Other"]
    categories = [Category.objects.get(name_en=name) for name in names]
    industries = list(Industry.objects.all())
    made = []
    for number in numbers:
        country, _share, forms, cities, _firsts, _lasts = rng.choice(COUNTRIES)
        city, postal_code, _dialling = rng.choice(cities)
        made.append(Company(
            name=f"{rng.choice(STEMS)} {rng.choice(TRADES)[0]} {number} {rng.choice(forms)}", country=country, city=city,
            postal_code=postal_code, category=rng.choices(categories, [30, 15, 30, 10, 10, 5])[0], email=f"info@company{number}.example",
            industry=rng.choice(industries), owner=rng.choice(owners),
        ))  # fmt: skip
    bulk.create_companies(made)


def _persons(rng, numbers, owners):
    sources, statuses = list(Source.objects.all()), list(LeadStatus.objects.all())
    ids = list(Company.objects.values_list("pk", flat=True))
    companies = Company.objects.select_related("category", "owner").in_bulk(rng.sample(ids, min(len(ids), len(numbers) // 2)))
    at_hand = list(companies.values())
    # Nobody gets five thousand persons in the same moment: what is ordered by time has something to order.
    since = timezone.now() - datetime.timedelta(days=rng.randint(1, 400))
    made = []
    for place, number in enumerate(numbers):
        company, moment = rng.choice(at_hand), since + datetime.timedelta(seconds=place)
        _country, _share, _forms, _cities, firsts, lasts = rng.choice(COUNTRIES)
        made.append(Person(
            first_name=rng.choice(firsts), last_name=rng.choice(lasts), title=rng.choice(TITLES), company=company,
            email=f"person{number}@example.com", phone=f"+49 421 {number:07}", source=rng.choice(sources),
            owner=company.owner if rng.random() < 0.8 else rng.choice(owners), former_employee=rng.random() < 0.05,
            lead_status=rng.choice(statuses) if company.category.lead_status_enabled else None, created_at=moment, updated_at=moment,
        ))  # fmt: skip
    bulk.create_persons(made, by=owners[0], via="system")
    # One in five came by a link.
    some = rng.sample(made, len(made) // 5)
    PersonOrigin.objects.bulk_create([
        PersonOrigin(
            person=person, first_source=rng.choice(UTM_SOURCES), first_campaign=f"campaign-{rng.randint(1, 60)}", first_at=person.created_at,
            lead_source=rng.choice(UTM_SOURCES), lead_campaign=f"campaign-{rng.randint(1, 60)}", lead_at=person.created_at,
        ) for person in some
    ], batch_size=1_000)  # fmt: skip


def _activities(rng, count, admin):
    now = timezone.now().replace(second=0, microsecond=0)
    rows = list(Person.objects.values_list("pk", "company_id", "owner_id"))
    for numbers in _batches(0, count):
        made = []
        for person, company, owner in rng.sample(rows, len(numbers)):
            due = now + datetime.timedelta(hours=rng.randint(-400, 800))
            done = due if due < now and rng.random() < 0.8 else None
            made.append(Activity(
                kind="call", subject="Rückruf", person_id=person, company_id=company, owner_id=owner, due_at=due, done_at=done
            ))  # fmt: skip
        with change("activity.create", by=admin, via="system", params={"count": len(made)}):
            Activity.objects.bulk_create(made, batch_size=1_000)
    every = Activity.objects.filter(done_at=None).values_list("person_id", "company_id")
    with change("arrange", by=admin, via="system"):
        follow_ups.refresh_next(
            {"person": {person for person, _company in every}, "company": {company for _person, company in every}}
        )


def _sales(rng, count, admin):
    now, known = timezone.now(), Rates()
    stages, lost = list(SaleStage.objects.all()), SaleReason.objects.filter(outcome=Sale.Status.LOST).first()
    people = list(Person.objects.exclude(company=None).values_list("pk", "company_id", "owner_id"))
    for numbers in _batches(0, count):
        made = []
        for number in numbers:
            person, company, owner = rng.choice(people)
            status = rng.choices(["open", "stalled", "won", "lost"], [50, 5, 25, 20])[0]
            day = now.date() + datetime.timedelta(days=rng.randint(-700, 200))
            closed = {"closed_on": min(day, now.date())} if status in Sale.CLOSED else {}
            sale = Sale(
                name=f"Flotte {number}", company_id=company, person_id=person, owner_id=owner, stage=rng.choice(stages), status=status,
                amount=Decimal(rng.randint(1, 90_000)), currency=rng.choice(["EUR", "EUR", "USD"]), expected_on=day,
                reason=lost if status == Sale.Status.LOST else None, **closed,
            )  # fmt: skip
            fill_sale(sale, known, sale.stage.probability)
            made.append(sale)
        with change("sale.create", by=admin, via="system", params={"count": len(made)}):
            Sale.objects.bulk_create(made, batch_size=1_000)


def _long_past(admin):
    """Give the sixth lead 2,000 follow-ups that are done."""
    person, now = Person.objects.filter(is_lead=True).order_by("pk")[5], timezone.now()
    with change("activity.create", by=admin, via="system", params={"count": LONG_PAST}):
        Activity.objects.bulk_create([
            Activity(kind="call", subject=f"Anruf {number}", person=person, company_id=person.company_id, owner=admin,
                     done_at=now - datetime.timedelta(hours=number)) for number in range(LONG_PAST)
        ], batch_size=1_000)  # fmt: skip


def write_file(path, rows):
    """Write a CSV file of so many leads to import: new persons, four at a company, in the columns other programs export."""
    rng = random.Random(rows)
    head = ["First Name", "Last Name", "Company", "Title", "Email", "Phone", "City", "Country", "Lead Status", "Lead Source"]
    with path.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(head)
        for number in range(rows):
            country, _share, forms, cities, firsts, lasts = COUNTRIES[number // 4 % len(COUNTRIES)]
            company = f"{STEMS[number // 4 % len(STEMS)]} Import {rows} {number // 4} {forms[0]}"
            out.writerow([
                rng.choice(firsts), rng.choice(lasts), company, rng.choice(TITLES), f"lead{number}.{rows}@example.net",
                f"+49 40 {number:07}", cities[0][0], country, rng.choice(["Open", "Contacting", "Qualified"]), "",
            ])  # fmt: skip
