"""Two who change a selection at the same moment (T46): nothing is lost, counted twice or closed to a circle. And one in two windows."""

import threading
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from crm.models import Change, TableSetting
from leads.models import Person
from selections import actions
from selections.models import Selection, SelectionMember, SelectionPart, SelectionStep
from tests.meanwhile import meanwhile, only_postgresql

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*functions):
    """Run these at the same moment, each with a connection of its own; return the errors of input among what they raised."""
    start, errors = threading.Barrier(len(functions)), []

    def run(function):
        try:
            start.wait()
            function()
        except ValidationError as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_members_added_and_removed_at_once_are_steps_one_after_the_other(anna, persons, select):
    selection = select(records=persons[:2])

    def add():
        actions.add_members(Selection.objects.get(pk=selection.pk), Person.objects.all(), by=anna, via="list")

    def remove():
        some = Person.objects.filter(pk__in=[persons[0].pk])
        actions.remove_members(Selection.objects.get(pk=selection.pk), some, by=anna, via="list")

    assert not at_once(add, add, remove)
    selection.refresh_from_db()
    members = SelectionMember.objects.filter(selection=selection).count()
    assert selection.rows_at == selection.step_id and selection.step.members == members in {3, 4}
    befores = list(SelectionStep.objects.values_list("before_id", flat=True))
    # Who comes second to add finds nobody left to add, unless one was removed in between.
    assert len(befores) == len(set(befores)) and len(befores) in {3, 4}
    assert Change.objects.filter(record_type="selection", field="step").count() == len(befores)


def test_s5_two_who_put_selections_into_each_other_at_once_close_no_circle(anna, persons, select):
    one, two = select("1"), select("2")
    a, b = (select(name, kind="combined", operation="all", part_ids=[one.pk, two.pk]) for name in "AB")

    def put(inner, outer):
        return lambda: actions.edit_selection(
            Selection.objects.get(pk=outer.pk), {"part_ids": [one.pk, inner.pk]}, by=anna, via="form"
        )

    errors = at_once(put(a, b), put(b, a))
    assert len(errors) == 1 and "part of itself" in str(errors[0])
    assert SelectionPart.objects.filter(part__in=[a.pk, b.pk]).count() == 1


@only_postgresql
@pytest.mark.parametrize(
    ("address", "sent"),
    [("/persons/settings/", {"widths": '{"name": 300}'}), ("/board/settings/", {"fields": "1", "show": ["email"], "own": "0"})],
)
def test_w3_what_a_list_looks_like_is_kept_when_two_windows_say_so_first_at_once(anna, address, sent):
    windows = Client(), Client()
    for window in windows:
        window.force_login(anna)

    def keep(window):
        assert window.post(address, sent).status_code == 204

    meanwhile(*(partial(keep, window) for window in windows))
    assert TableSetting.objects.filter(user=anna).count() == 1
