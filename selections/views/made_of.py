"""What a selection is made of, changed in a dialog: many members of a static one, the parts of a combined one (S4, S5)."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from crm import access
from crm.criteria import CriteriaError, loads
from crm.criteria.editor import Editor
from crm.fields import Asking
from crm.history.changes import Conflict
from crm.web import criteria as editing
from crm.web import formats
from crm.web.htmx import toast, trigger
from leads.views.cards import find
from selections import actions
from selections.members import members, problems, record_of
from selections.models import Selection

MOST_OFFERED = 200


@require_http_methods(["GET", "POST"])
def fill(request, pk):
    """Add to a static selection, or take out of it, all that match criteria or all of another selection."""
    selection = find(request, "selections", pk)
    access.require_edit(selection, request.user)
    errors: dict[str, list] = {}
    if request.method == "POST":
        try:
            outcome = _fill(selection, request.POST, request.user)
        except ValidationError as error:
            errors = error.message_dict if hasattr(error, "error_dict") else {"selection": error.messages}
        else:
            return _filled(request.POST.get("way"), outcome)
    record, given = record_of(selection), request.POST
    others = Selection.objects.visible_to(request.user).filter(record_type=selection.record_type).exclude(pk=pk)
    context = {
        "selection": selection,
        "address": request.path,
        "errors": errors,
        "way": given.get("way") or request.GET.get("way", "add"),
        "by": given.get("by", "criteria"),
        "other": given.get("selection", ""),
        "others": [(str(one.pk), one.name) for one in others.order_by("name_key", "pk")[:MOST_OFFERED]],
        **editing.context(_editor(request, record)),
    }
    return render(request, "selections/_fill.html", context, status=422 if errors else 200)


def _editor(request, record):
    try:
        return Editor.sent(record, request.POST, Asking(request.user))
    except CriteriaError:
        return Editor.of(record, None, Asking(request.user))


def _fill(selection, given, user):
    """Do what the dialog says; raise ValidationError by field."""
    way = given.get("way")
    change = {"add": actions.add_members, "remove": actions.remove_members}.get(way)
    if change is None:
        raise ValidationError({"way": _("This is no valid choice.")})
    if given.get("by") == "selection":
        other = _other(selection, given.get("selection", ""), user)
        if way == "add":
            return actions.add_from(selection, other, by=user, via="card")
        return change(selection, members(other, user), by=user, via="card")
    try:
        tree = loads(given.get("criteria", ""))
    except CriteriaError as error:
        raise ValidationError({"criteria": error.told}) from error
    if not isinstance(tree, dict) or not any(tree.get(kind) for kind in ("all", "any", "not")):
        raise ValidationError({"criteria": _("Add at least one condition.")})
    return change(selection, actions.matching(selection, tree, user), by=user, via="card")


def _other(selection, key, user):
    found = Selection.objects.visible_to(user).filter(record_type=selection.record_type).exclude(pk=selection.pk)
    other = found.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
    if other is None:
        raise ValidationError({"selection": _("Choose one of these.")})
    if wrong := problems(other, Asking(user)):
        raise ValidationError({"selection": CriteriaError(wrong).told})
    return other


def _filled(way, outcome):
    texts = {
        "add": ngettext("%(count)s record was added", "%(count)s records were added", outcome.changed),
        "remove": ngettext("%(count)s record was removed", "%(count)s records were removed", outcome.changed),
    }
    text = texts[way] % {"count": formats.number(outcome.changed)} if outcome.changed else _("Nothing was to be changed")
    undo_url = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
    return trigger(trigger(toast(HttpResponse(status=204), text, undo_url=undo_url), "closeDialog"), "changed")


@require_http_methods(["GET", "POST"])
def parts(request, pk):
    """Change which selections a combined one is made of, in which order, and how they are combined."""
    selection = find(request, "selections", pk)
    access.require_edit(selection, request.user)
    errors: list[str] = []
    chosen, operation, version = list(selection.part_ids), selection.operation, str(selection.version)
    if request.method == "POST":
        given = request.POST
        chosen = [int(key) for key in given.getlist("part_ids") if key.isdecimal() and len(key) < 19]
        operation, version = given.get("operation", ""), given.get("version", "")
        values = {"part_ids": chosen, "operation": operation}
        try:
            outcome = actions.edit_selection(selection, values, by=request.user, via="card",
                                             version=int(version) if version.isdecimal() and len(version) < 10 else -1)  # fmt: skip
        except Conflict:
            errors = [_("Somebody else has changed this selection in the meantime. Close this dialog and open it again.")]
        except ValidationError as error:
            errors = error.messages
        else:
            undo_url = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
            told = toast(
                HttpResponse(status=204), _("%(name)s is made of other parts now.") % {"name": selection}, undo_url=undo_url
            )
            return trigger(trigger(told, "closeDialog"), "changed")
    visible = Selection.objects.visible_to(request.user).filter(record_type=selection.record_type).exclude(pk=pk)
    seen = set(visible.filter(pk__in=chosen).values_list("pk", flat=True))
    # Of those one may not see only what is a part already is named as one: nobody learns by asking what else there is.
    known = {one.pk: one for one in Selection.objects.filter(pk__in=seen.union(selection.part_ids))}
    offered = visible.exclude(pk__in=chosen).order_by("name_key", "pk")[:MOST_OFFERED]
    context = {
        "selection": selection,
        "address": request.path,
        "errors": errors,
        "operation": operation,
        "version": version,
        "operations": Selection.Operation.choices,
        "offered": [
            *(
                (key, known[key].name if key in seen else _("A selection you may not see"), True)
                for key in chosen
                if key in known
            ),
            *((one.pk, one.name, False) for one in offered),
        ],
    }
    return render(request, "selections/_parts.html", context, status=422 if errors else 200)
