"""The card of a selection (S7)."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.fields import Asking
from leads.duplicates import Similar
from leads.views import bin as recycle_bin
from leads.views.cards import CardType, register
from selections import actions
from selections.board import FACES
from selections.forms import EDITED, NewForm, create, form_class
from selections.members import problems
from selections.models import RecordKind, Selection, SelectionFavourite, SelectionSubscription


def context(request, selection):
    """Return what the card shows besides its facts: the tabs, where its members are listed, and what is the user's own."""
    tabs = [("members", _("Members")), ("criteria", _("Criteria")), ("charts", _("Charts")), ("history", _("History")),
            ("details", _("Details"))]  # fmt: skip
    has_board = selection.record_type in FACES
    if has_board:
        tabs.insert(1, ("board", _("Board")))
    mine = {"user": request.user, "selection": selection}
    return {
        "tabs": tabs,
        "tab": request.GET.get("tab") if request.GET.get("tab") in dict(tabs) else "members",
        "board_url": reverse(f"selections:board_of_{selection.record_type}", args=[selection.pk]) if has_board else "",
        "lists": {"members": reverse(f"selections:selection_{selection.record_type}", args=[selection.pk])},
        "problems": problems(selection, Asking(request.user)),
        "favourite": SelectionFavourite.objects.filter(**mine).exists(),
        "subscribed": SelectionSubscription.objects.filter(**mine).exists(),
    }


def initial(request):
    """Return what a new selection begins with: the question one came from."""
    given = request.GET
    kind = given.get("kind", "")
    return {
        "record_type": given.get("record_type") if given.get("record_type") in RecordKind.values else RecordKind.PERSON,
        "kind": kind if kind in ("dynamic", "static") else Selection.Kind.DYNAMIC,
        "criteria": given.get("criteria", ""),
    }


def similar(user, given, but=None):
    """Return the selection that has the name which is being typed: a hint (S6)."""
    found = actions.same_name(given["name"][:200], user, but) if given.get("name", "").strip() else None
    return Similar([(found, "")] if found else [])


SELECTIONS = register(CardType(
    kind="selections", model=Selection, new_title=gettext_lazy("New selection"), create_label=gettext_lazy("Create selection"),
    related=("category", "owner", "step"), facts=("kind", "record_type", "category", "owner", "visibility", "completed", "description"),
    fields=EDITED, form=lambda names: form_class(names), new_form=NewForm, create=create, edit=actions.edit_selection, context=context,
    initial=initial, similar=similar, known_by=("name",), head="selections/_head.html", page="selections/card.html",
    templates=dict.fromkeys(("kind", "record_type", "visibility", "completed"), "selections/_choice.html"),
))  # fmt: skip
recycle_bin.KINDS["selection"] = "description"
