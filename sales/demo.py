"""Sales for the demo, made by the product's own actions: won and lost over the last months, and what is under way."""

import datetime
from collections import defaultdict
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone, translation

from activities import demo
from activities.actions import create_activities
from activities.models import Activity
from crm.history.models import Change, ChangeSet
from leads import automation
from leads.models import AutomationRule, Person
from sales import actions, rates
from sales.models import Sale, SaleReason, SaleStage, SaleType

SALES = 150
WHAT = ["Flottensteuerung", "Rahmenvertrag", "Wartung", "Pilotprojekt", "Schulung", "Ausbaustufe 2", "Lizenzen", "Einführung", "Umrüstung",
        "Jahresvertrag", "Messestand", "Ersatzteile", "Beratung", "Anbindung ERP"]  # fmt: skip
AMOUNTS = [
    1_200,
    2_400,
    3_900,
    4_800,
    7_500,
    9_900,
    12_000,
    14_500,
    18_000,
    22_700,
    27_000,
    34_000,
    48_000,
    64_000,
    95_000,
    140_000,
]
#: currency, the countries it is used in, what a unit is worth in euros, before and since this year.
CURRENCIES = [("CHF", {"CH"}, "1.02", "1.07"), ("NOK", {"NO"}, "0.086", "0.085"), ("PLN", {"PL"}, "0.231", "0.235"),
              ("USD", set(), "0.93", "0.91")]  # fmt: skip


@translation.override("de")
def load():
    """Make the whole demo; return [(user name, password)]. Expects the predefined lists and no records.

    What the actions themselves write, as the subject of a follow-up, is in the language of the names.
    """
    world = demo.Demo()
    signins = world.load()
    Sales(world).load()
    switch_rules_on(world.admin)
    return signins


def switch_rules_on(admin):
    """Let the rules of sales run from now on: won at once, the others ask first (R13)."""
    for rule in AutomationRule.objects.all():
        values = {"enabled": True, "ask_first": rule.event != AutomationRule.Event.SALE_WON}
        automation.edit_rule(rule, values, by=admin, via="demo")


class Sales:
    def __init__(self, world):
        self.world, self.random = world, world.random
        self.stages = list(SaleStage.objects.selectable())
        self.types = list(SaleType.objects.selectable())
        self.reasons = {outcome: list(SaleReason.objects.filter(outcome=outcome)) for outcome in ("won", "lost")}

    def load(self):
        self.rates()
        self.under_way = self.sales()
        self.stories()
        self.follow_ups()

    def rates(self):
        year = timezone.localdate().year
        for currency, _countries, before, since in CURRENCIES:
            for start, rate in ((year - 1, before), (year, since)):
                values = {"currency": currency, "valid_from": datetime.date(start, 1, 1), "rate": Decimal(rate)}
                rates.create_rate(values, by=self.world.admin, via="demo")

    def sales(self):
        """Make the sales, each some weeks old; return [(sale, days since it began)]."""
        likely = Q(company__category__name_en__in=["Customer", "Opportunity", "Lost opportunity", "Former customer"])
        likely |= Q(lead_status__kind="qualified")
        persons = list(
            Person.objects.filter(likely, former_employee=False).select_related("company", "owner", "source").order_by("pk")
        )
        by_day = defaultdict(list)
        for person in self.random.sample(persons, min(SALES, len(persons))):
            country = str(person.company.country)
            currency = next((code for code, used_in, *_rates in CURRENCIES if country in used_in), "EUR")
            if currency == "EUR" and self.random.random() < 0.06:
                currency = "USD"
            age = self.random.randint(1, 22) * 7
            amount = Decimal(self.random.choice(AMOUNTS)) + (Decimal("0.50") if self.random.random() < 0.1 else 0)
            by_day[age].append({
                "name": f"{person.company.name.split()[0]} {self.random.choice(WHAT)}", "company": person.company, "person": person,
                "type": self.random.choices(self.types, [50, 25, 15, 10])[0], "amount": amount, "currency": currency,
                "expected_on": timezone.localdate() + datetime.timedelta(days=self.random.randint(30, 120) - age),
                "owner": person.owner or self.world.mia, "source": person.source,
            })  # fmt: skip
        made = []
        for age, many in sorted(by_day.items(), reverse=True):
            at = self.world.ago(age)
            batch = actions.create_sales(many, by=self.world.admin, via="demo")
            self.world.created(batch, Sale, at)
            made += [(sale, age) for sale in batch]
        return made

    def stories(self):
        """Let each sale go from stage to stage, worked by its owner, and most of the older ones to an end."""
        for sale, age in self.under_way:
            by, days = sale.owner, age
            for stage in self.stages[1 : self.random.randint(1, len(self.stages))]:
                days = int(days * self.random.uniform(0.4, 0.85))
                self.at(days, sale, actions.set_stage(sale, stage, by=by, via="demo"))
            if self.random.random() < min(0.75, age / 120):
                days = int(days * self.random.uniform(0.3, 0.9))
                on = timezone.localdate(self.world.ago(days))
                if on < timezone.localdate(Sale.objects.get(pk=sale.pk).created_at):
                    continue
                outcome = self.random.choices(["won", "lost"], [58, 42])[0]
                reason = self.random.choice(self.reasons[outcome])
                action = actions.win if outcome == "won" else actions.lose
                self.at(days, sale, action(sale, closed_on=on, reason=reason, by=by, via="demo"))
            elif self.random.random() < 0.12:
                day = timezone.localdate() + datetime.timedelta(days=self.random.randint(10, 60))
                self.at(days, sale, actions.stall(sale, reopen_on=day, by=by, via="demo"))

    def follow_ups(self):
        """Let most open sales have something planned, and a note of what was said."""
        values = []
        for sale in Sale.objects.filter(status="open").select_related("owner").order_by("pk"):
            base = {"sale": sale, "owner": sale.owner}
            if self.random.random() < 0.7:
                kind = self.random.choice(list(demo.DUE))
                due = self.world.now + datetime.timedelta(days=self.world.pick(demo.DAYS))
                due = due.replace(hour=self.random.randint(7, 16), minute=self.random.choice([0, 30]), second=0, microsecond=0)
                values.append({**base, "kind": kind, "subject": self.random.choice(demo.DUE[kind]), "due_at": due})
            if self.random.random() < 0.5:
                text, at = self.random.choice(demo.NOTES), self.world.ago(self.random.randint(0, 7))
                values.append(
                    {**base, "kind": "note", "subject": text.split(",")[0].rstrip("."), "text": text, "due_at": at, "done_at": at}
                )
        made = create_activities(values, by=self.world.admin, via="demo")
        for activity in made:
            activity.created_at = activity.updated_at = activity.done_at or self.world.ago(self.random.randint(1, 6))
        Activity.objects.bulk_update(made, ["created_at", "updated_at"], batch_size=500)

    def at(self, days, sale, outcome):
        """Let what was done have been done so many days ago."""
        if outcome.change_set is None:
            return
        at = self.world.ago(days)
        sets = [outcome.change_set.pk, *ChangeSet.objects.filter(parent=outcome.change_set).values_list("pk", flat=True)]
        ChangeSet.objects.filter(pk__in=sets).update(at=at)
        Sale.objects.filter(pk=sale.pk).update(updated_at=at)
        made = Change.objects.filter(change_set__in=sets, record_type="activity", op="i").values("record_id")
        Activity.objects.filter(pk__in=made).update(created_at=at, updated_at=at)
