"""More than two thousand records: chunks under one change set, taken back as one, on failure and by undo (settled 11)."""

import pytest

from crm.history.changes import AT_ONCE, TakenBack, long_change, writing
from crm.history.models import Change, ChangeSet
from crm.history.undo import is_large, take_back, undo
from crm.history.writing_back import write_plans
from leads import actions
from leads.models import Category, Person
from tests.factories import CompanyFactory
from tests.meanwhile import meanwhile, only_postgresql

MANY = AT_ONCE + 100

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def many(ada):
    company = CompanyFactory(by=ada)
    return actions.create_persons(
        [{"last_name": f"P{number}", "company": company} for number in range(MANY)], by=ada, via="import"
    )


def qualified(status):
    return Person.objects.filter(lead_status=status("Qualified"), deleted_at=None).count()


def test_many_are_changed_and_undone_under_one_change_set_each(many, ada, status):
    seen = []
    everyone = Person.objects.all()
    outcome = actions.set_lead_status(everyone, status("Qualified"), by=ada, via="bulk", progress=lambda *done: seen.append(done))
    assert outcome.changed == MANY == qualified(status)
    assert seen == [(AT_ONCE, MANY), (MANY, MANY)]
    assert outcome.change_set.state == ChangeSet.State.DONE and is_large(outcome.change_set)
    later = many[7]
    actions.set_lead_status(later, status("Contacting"), by=ada, via="card")
    taken_back = undo(outcome.change_set, by=ada, via="list")
    assert taken_back.changed == MANY - 1 and [pk for pk, _reason in taken_back.left] == [later.pk]
    assert qualified(status) == 0 and Person.objects.get(pk=later.pk).lead_status == status("Contacting")
    undo(taken_back.change_set, by=ada, via="list")
    assert qualified(status) == MANY - 1


def test_a_failure_on_the_way_takes_the_finished_chunks_back(many, ada, status):
    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk", progress=fail)
    assert qualified(status) == 0
    assert ChangeSet.objects.get(action="person.set_lead_status").state == ChangeSet.State.FAILED


def test_a_failed_undo_leaves_all_as_it_was(many, ada, status):
    outcome = actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk")

    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        undo(outcome.change_set, by=ada, via="list", progress=fail)
    outcome.change_set.refresh_from_db()
    assert qualified(status) == MANY and outcome.change_set.undoable
    assert undo(outcome.change_set, by=ada, via="list").changed == MANY


def test_undoing_the_creation_of_many_puts_them_into_the_bin(many, ada):
    created = Change.objects.filter(record_type="person", op="i").first().change_set
    assert undo(created, by=ada, via="list").changed == MANY
    assert not Person.objects.filter(deleted_at=None).exists()


# --- Taken over by another worker, while the first was only thought to be dead ----------------------------------------


def take_over(change_set):
    """Take it back as the worker does that takes the job over."""
    take_back(ChangeSet.objects.get(pk=change_set.pk))


@pytest.mark.parametrize("at", [AT_ONCE, MANY], ids=["in the middle", "at its end"])
def test_who_was_taken_over_writes_no_more_and_is_not_done(many, ada, status, at):
    def progress(done, total):
        if done == at:
            take_over(ChangeSet.objects.get(action="person.set_lead_status"))

    with pytest.raises(TakenBack):
        actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk", progress=progress)
    change_set = ChangeSet.objects.get(action="person.set_lead_status")
    assert (change_set.state, change_set.undone) == (ChangeSet.State.FAILED, True) and not qualified(status)


@pytest.mark.parametrize("at", [AT_ONCE, MANY], ids=["in the middle", "at its end"])
def test_an_undo_that_was_taken_over_leaves_what_the_other_does(many, ada, status, at):
    outcome = actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk")

    def progress(done, total):
        if done == at:
            take_over(ChangeSet.objects.get(action="undo"))

    with pytest.raises(TakenBack):
        undo(outcome.change_set, by=ada, via="list", progress=progress)
    # It was claimed, and still is: for the other, who goes on with the undo.
    assert ChangeSet.objects.get(pk=outcome.change_set.pk).undone and qualified(status) == MANY
    assert ChangeSet.objects.get(action="undo").state == ChangeSet.State.FAILED


def test_who_takes_back_what_another_has_taken_back_meanwhile_is_done_with_it(many, ada, status, monkeypatch):
    def fail(done, total):
        if done == MANY:
            raise KeyboardInterrupt

    def write_and_lose(*args, **options):
        write_plans(*args, **options)
        ChangeSet.objects.filter(action="person.set_lead_status").update(state=ChangeSet.State.FAILED)

    monkeypatch.setattr("crm.history.undo.write_plans", write_and_lose)
    with pytest.raises(KeyboardInterrupt):
        actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk", progress=fail)


@only_postgresql
def test_who_takes_over_waits_for_what_is_being_written(transactional_db, ada):
    with pytest.raises(TakenBack), long_change("person.edit", by=ada, via="bulk") as change_set:

        def write():
            with writing(change_set):
                Person.objects.create(last_name="Late", category=Category.objects.first())

        meanwhile(write, lambda: take_over(change_set))
        assert ChangeSet.objects.get(pk=change_set.pk).state == ChangeSet.State.FAILED and not Person.objects.exists()
        write()
