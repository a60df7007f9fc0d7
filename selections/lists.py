"""The list of selections, the lists of their members, and what selections add to every other list (S4, S5)."""

import json
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import records
from crm.history.changes import Outcome
from crm.tables import pages
from crm.tables.bulk import Action, Choice
from crm.tables.pages import ListPage
from leads.views.cards import created_in
from leads.views.lists import counted, may_delete, one_of, owner_of, owners
from selections import actions, tasks
from selections.members import members
from selections.models import RecordKind, Selection

MOST_OFFERED = 500
#: The columns of members until a selection or its user has others: what fits beside the card's facts.
SHOWN = {
    "person": ("name", "company", "lead_status", "next_activity_at"),
    "company": ("name", "category", "city", "next_activity_at"),
    "sale": ("name", "company", "stage", "amount", "expected_on"),
    "activity": ("subject", "kind", "person", "due_at"),
}


# --- What can be done with the rows of every list -----------------------------------------------------------------------


def statics(record_type):
    """Return the function that offers the static selections of this record type that the user may change."""

    def choices(user):
        found = Selection.objects.editable_by(user).filter(kind=Selection.Kind.STATIC, record_type=record_type, completed=False)
        return [Choice(str(one.pk), one.name, title=one.description) for one in found.order_by("name_key", "pk")[:MOST_OFFERED]]

    return choices


def static_of(key):
    selection = one_of(Selection)(key)
    if selection.kind != Selection.Kind.STATIC or selection.deleted_at:
        raise ValidationError(_("Choose one of these."))
    return selection


def add(records, selection, *, by, via, as_of=None, progress=None):
    return actions.add_members(selection, records, by=by, via=via)


def remove(records, selection, *, by, via, as_of=None, progress=None):
    return actions.remove_members(selection, records, by=by, via=via)


def add_to(record_type):
    return Action(
        name="select", label=gettext_lazy("Add to selection"), icon="filter", choices=statics(record_type), value=static_of, run=add,
        said=counted("%(count)s record is now in “%(value)s”", "%(count)s records are now in “%(value)s”"), template="selections/act_add.html",
        context=lambda user, ids: {"record_type": record_type},
    )  # fmt: skip


REMOVE = Action(
    name="unselect", label=gettext_lazy("Remove from selection"), icon="filter-off", value=static_of, run=remove,
    said=counted("%(count)s record was removed from “%(value)s”", "%(count)s records were removed from “%(value)s”"),
    template="selections/act_remove.html",
)  # fmt: skip


# --- What can be done with selections -----------------------------------------------------------------------------------


def combine(records, operation, *, by, via, name="", first="", as_of=None, progress=None):
    """Make a combined selection of the ticked ones."""
    ids = list(records.order_by("name_key", "pk").values_list("pk", flat=True))
    if first.isdecimal() and int(first) in ids:
        ids = [int(first), *(pk for pk in ids if pk != int(first))]
    record_type = records.values_list("record_type", flat=True).first()
    values = {"name": name.strip(), "kind": "combined", "record_type": record_type, "operation": operation, "part_ids": ids}
    made = actions.create_selection(values, by=by, via=via)
    return Outcome(created_in(made), 1)


def operation_of(key):
    if key not in Selection.Operation.values:
        raise ValidationError(_("Say how they are combined."))
    return key


def delete(records, value, *, as_of=None, **how):
    return actions.delete(records, **how)


COMBINE = Action(
    name="combine", label=gettext_lazy("Combine"), icon="arrow-merge", run=combine, value=operation_of, options=("name", "first"),
    choices=lambda user: [Choice(value, str(label)) for value, label in Selection.Operation.choices], template="selections/act_combine.html",
    said=lambda count, value: _("The combined selection was created"),
    context=lambda user, ids: {"chosen_ones": Selection.objects.filter(pk__in=ids[:50]).order_by("name_key", "pk")},
)  # fmt: skip
OWN = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=lambda user: owners(user)[:-1], value=owner_of, run=actions.set_owner,
    said=counted("%(count)s selection now belongs to %(value)s", "%(count)s selections now belong to %(value)s"), sets=True,
)  # fmt: skip
DELETE = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    template="activities/act_yes.html", said=counted("%(count)s selection is in the bin", "%(count)s selections are in the bin"),
)  # fmt: skip
SELECTIONS = ListPage(
    name="selections", record="selection", path="selections/", title=gettext_lazy("Selections"), namespace="selections",
    new=gettext_lazy("New selection"),
    queryset=lambda user: Selection.objects.visible_to(user), actions=(COMBINE, OWN, DELETE),
    empty=gettext_lazy("A selection is a set of records: by criteria, by hand, or combined of others."),
)  # fmt: skip


# --- Members ------------------------------------------------------------------------------------------------------------


def selection_of(user, pk, record_type):
    return get_object_or_404(Selection.objects.visible_to(user), pk=pk, record_type=record_type)


def _members_page(record_type, like):
    """Return the list of members of selections of this record type, with all that is done on the list `like`."""

    def begin(user, pk):
        """A selection's own columns, order and grouping; what a user chose for it wins (S6)."""
        kept = selection_of(user, pk, record_type).table
        own = {name: kept.get(name) or [] for name in ("columns", "sort", "group")}
        return {
            "key": f"selection-{pk}",
            "columns": own["columns"] or SHOWN[record_type],
            "order": ",".join(own["sort"]),
            "group": ",".join(own["group"]),
        }

    def head(request, pk):
        selection = selection_of(request.user, pk, record_type)
        return {"selection": selection, "of": selection}

    return ListPage(
        name=f"selection_{record_type}", record=record_type, path=f"selections/<int:pk>/{record_type}/", title=like.title,
        namespace="selections", of="pk", head=head, begin=begin, template="selections/members.html", actions=(*like.actions, REMOVE),
        queryset=lambda user, pk: members(selection_of(user, pk, record_type), user),
        empty=gettext_lazy("Nobody is in this selection, or nobody whom you may see."),
    )  # fmt: skip


@pages.questions_kept_by
def save_as_selection(record_type, question, user):
    """Return where what a list asks is saved as a selection (S4)."""
    if record_type not in RecordKind.values or user.role.edit == "none":
        return ""
    return f"{reverse('selections:selection_new')}?{urlencode({'record_type': record_type, 'criteria': json.dumps(question)})}"


pages.offer(tasks.KINDS, tasks.actions_of)
pages.offer(RecordKind.values, lambda record_type: (add_to(record_type),))
MEMBERS = [_members_page(name, pages.of_record(records.get(name))) for name in RecordKind.values]
PAGES = (SELECTIONS, *MEMBERS)
