"""Whatever happens in whatever order: copies are right, versions rise, every change is attributed, and undo brings back what was."""

import datetime
import random

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from activities import actions as activity_actions
from activities import lifecycle as activity_lifecycle
from activities.models import Activity
from crm.history.changes import Conflict
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from leads import actions, lifecycle
from leads.models import Category, Company, DisqualifyReason, LeadStatus, Person
from tests.factories import CompanyFactory, PersonFactory

REPEATS = ["", "daily", "weekly", "monthly"]


class World:
    """Does one random thing after the other, as three users."""

    def __init__(self, seed, users):
        self.random = random.Random(seed)
        self.users = users
        self.categories = list(Category.objects.all())
        self.statuses = list(LeadStatus.objects.all())

    def some(self, model, at_most=4):
        ids = list(model.objects.order_by("pk").values_list("pk", flat=True))
        return model.objects.filter(pk__in=self.random.sample(ids, min(len(ids), self.random.randint(1, at_most))))

    def one(self, model):
        return self.random.choice(list(model.objects.order_by("pk")))

    def step(self):
        by = self.random.choice(self.users)
        name = self.random.choice([name for name in dir(self) if name.startswith("do_")])
        try:
            return getattr(self, name)(by)
        except (ValidationError, PermissionDenied, Conflict):
            return None  # refused, as it should be; nothing may have been written by half
        except IndexError:
            return None  # there is none of these yet

    def do_create_company(self, by):
        actions.create_company(
            {"name": f"C{self.random.random()}", "category": self.random.choice(self.categories)}, by=by, via="card"
        )

    def do_create_person(self, by):
        company = self.one(Company) if self.random.random() < 0.7 else None
        actions.create_person({"last_name": f"P{self.random.random()}", "company": company}, by=by, via="card")

    def do_category(self, by):
        return actions.set_category(self.some(Company), self.random.choice(self.categories), by=by, via="bulk")

    def do_status(self, by):
        return actions.set_lead_status(self.some(Person), self.random.choice(self.statuses), by=by, via="bulk")

    def do_disqualify(self, by):
        status = next(one for one in self.statuses if one.kind == "disqualified")
        return actions.set_lead_status(self.some(Person), status, by=by, via="bulk", reason=self.one(DisqualifyReason))

    def do_renurture(self, by):
        status = next(one for one in self.statuses if one.kind == "nurture")
        return actions.set_lead_status(self.some(Person), status, by=by, via="bulk", again_on=self.day())

    def day(self):
        return timezone.localdate() + datetime.timedelta(days=self.random.randint(-9, 90))

    def do_owner(self, by):
        return actions.set_owner(self.some(Person), self.random.choice([*self.users, None]), by=by, via="bulk")

    def do_move(self, by):
        company = self.one(Company) if self.random.random() < 0.6 else None
        return actions.edit_person(self.one(Person), {"company": company}, by=by, via="card")

    def do_own_category(self, by):
        return actions.edit_person(self.one(Person), {"category": self.random.choice(self.categories)}, by=by, via="card")

    def do_rename(self, by):
        return actions.edit_company(self.one(Company), {"name": f"N{self.random.random()}", "country": "DE"}, by=by, via="card")

    def do_follow_up(self, by):
        due = timezone.now() + datetime.timedelta(days=self.random.randint(-9, 9))
        activity_actions.create_activity({"subject": "Call", "person": self.one(Person), "due_at": due}, by=by, via="card")

    def do_series(self, by):
        values = {"subject": "Again", "company": self.one(Company), "due_at": self.day(), "repeat": self.random.choice(REPEATS)}
        activity_actions.create_activity(values, by=by, via="card")

    def do_postpone(self, by):
        return activity_actions.postpone(self.some(Activity), self.day(), by=by, via="bulk")

    def do_give_away(self, by):
        return activity_actions.set_owner(self.some(Activity), self.random.choice([*self.users, None]), by=by, via="bulk")

    def do_plan_anew(self, by):
        values = {"due_at": self.random.choice([self.day(), timezone.now()]), "repeat": self.random.choice(REPEATS)}
        return activity_actions.edit_activity(self.one(Activity), values, by=by, via="api")

    def do_place(self, by):
        link, model = self.random.choice([("person", Person), ("company", Company)])
        record = self.one(model) if self.random.random() < 0.6 else None
        return activity_actions.edit_activity(self.one(Activity), {link: record}, by=by, via="card")

    def do_delete_follow_up(self, by):
        return activity_actions.delete(self.some(Activity, 2), by=by, via="bulk")

    def do_tick(self, by):
        return activity_actions.set_done(self.some(Activity), self.random.random() < 0.6, by=by, via="card")

    def do_delete_person(self, by):
        return actions.delete(self.some(Person, 2), by=by, via="bulk")

    def do_delete_company(self, by):
        return actions.delete(self.some(Company, 2), by=by, via="bulk", keep_persons=self.random.random() < 0.5)

    def do_restore(self, by):
        model = self.random.choice([Company, Person])
        return actions.restore(model.objects.exclude(deleted_at=None), by=by, via="list")

    def do_undo(self, by):
        return undo(self.one(ChangeSet), by=by, via="card")


@pytest.mark.parametrize("seed", range(8))
def test_copies_are_right_after_any_history(seed, anna, mia, ada):
    for _number in range(3):
        PersonFactory(by=ada)
    CompanyFactory(by=anna)
    world = World(seed, [anna, mia, ada])
    for _step in range(60):
        world.step()
    assert lifecycle.drift() == []
    assert not any(activity_lifecycle.drift().values())
    assert not Change.objects.filter(change_set=None).exists()
    assert not Person.objects.filter(is_lead=True, lead_status=None).exists()  # R5, R7
    assert not Person.objects.filter(deleted_at=None, company__deleted_at__isnull=False).exists()  # R18
    reasoned = Person.objects.exclude(disqualify_reason=None).exclude(lead_status__kind="disqualified")
    assert not reasoned.exists()
    nexts = Activity.objects.exclude(previous=None).filter(deleted_at=None).values_list("previous", flat=True)
    assert len(nexts) == len(set(nexts))  # a series has one next


@pytest.mark.parametrize("seed", range(5))
def test_undoing_an_action_at_once_brings_back_what_was(seed, ada):
    """R16: and undoing the undo brings back what the action did."""
    for _number in range(4):
        PersonFactory(by=ada)
    world = World(100 + seed, [ada])
    for _step in range(40):
        before = snapshot()
        outcome = world.step()
        if outcome is None or outcome.change_set is None:
            continue
        after = snapshot()
        taken_back = undo(outcome.change_set, by=ada, via="card")
        assert not taken_back.left, (outcome.change_set, taken_back.left)
        assert without_new_ones(snapshot(), before) == before, outcome.change_set
        undo(taken_back.change_set, by=ada, via="card")
        assert snapshot() == after, outcome.change_set


def without_new_ones(now, before):
    """Return the snapshot without records that were made since and went into the bin by the undo."""
    return {
        model: {pk: row for pk, row in rows.items() if pk in before[model] or row["deleted_at"] is None}
        for model, rows in now.items()
    }


def snapshot():
    """Return all business values; versions and stamps of time go on, whatever happens."""
    return {
        model: {
            row["id"]: {key: value for key, value in row.items() if key not in {"version", "updated_at", "lead_status_since"}}
            for row in model.objects.values()
        }
        for model in (Company, Person, Activity)
    }


def test_check_copies_finds_and_mends_drift(ada, capsys):
    person = PersonFactory(by=ada)
    call_command("check_copies")
    Person.objects.filter(pk=person.pk).update(is_lead=False, company_key="wrong")
    with pytest.raises(CommandError, match="wrong"):
        call_command("check_copies")
    call_command("check_copies", "--mend")
    call_command("check_copies")
