"""*Find*: criteria asked without being saved, with the results below (S1–S4). A page for each record type."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import access, criteria, records
from crm.criteria import CriteriaError
from crm.criteria.editor import Editor
from crm.fields import Asking
from crm.history.changes import Conflict
from crm.tables import pages
from crm.tables.pages import ListPage
from crm.web import criteria as editing
from crm.web.htmx import redirect_to, say, toast, wants_fragment
from selections import actions, why
from selections.models import RecordKind, Selection
from selections.typical import TYPICAL


@dataclass
class FindPage(ListPage):
    """A list beneath an editor of its criteria. With `?selection=7` it begins with what that selection asks, and can be saved there.

    `like` is the list of the same records.
    """

    like: str = ""

    def urls(self):
        name, base = self.name, self.path
        return [
            *super().urls(),
            path(f"{base}edit/", self.view(self.edit, write=True), name=f"{name}_edit"),
            path(f"{base}why/", self.view(self.why), name=f"{name}_why"),
            path(f"{base}choices/", self.view(self.choices), name=f"{name}_choices"),
            path(f"{base}save/<int:pk>/", self.view(self.save, write=True), name=f"{name}_save"),
        ]

    def table(self, request, query=None, **kwargs):
        query = request.GET if query is None else query
        selection = self.selection(request.user, query)
        if selection and "criteria" not in query:
            query = query.copy()
            query["criteria"] = criteria.packed(selection.criteria)
        return super().table(request, query, **kwargs)

    def selection(self, user, query):
        """Return the dynamic selection whose criteria are edited, or None; raise Http404."""
        given = query.get("selection", "")
        if not given:
            return None
        known = Selection.objects.visible_to(user).filter(kind=Selection.Kind.DYNAMIC, record_type=self.record)
        return get_object_or_404(known, pk=int(given) if given.isdecimal() and len(given) < 19 else 0)

    def context(self, request, table, **kwargs):
        context = super().context(request, table, **kwargs)
        if wants_fragment(request):
            return context
        record = records.get(self.record)
        try:
            tree = criteria.loads(table.state["criteria"]) if "criteria" in table.state else None
            editor = Editor.of(record, tree, Asking(request.user))
        except CriteriaError as error:
            editor = Editor.of(record, None, Asking(request.user))
            editor.message = " ".join(error.told)
        return {
            **context,
            **editing.context(editor, self.url("edit")),
            "why_url": self.url("why"),
            **self.around(request.user, table),
        }

    def around(self, user, table):
        """Return what the page shows besides the editor and the list: the other record types, typical searches, the selection."""
        typical = [
            (one.label, f"{self.url()}?{urlencode({'criteria': criteria.packed(one.tree)})}") for one in TYPICAL[self.record]
        ]
        selection = self.selection(user, table.state)
        return {
            "kinds": [(kind.label, reverse(f"selections:find_{kind.value}"), kind.value == self.record) for kind in RecordKind],
            "typical": typical,
            "edited": selection,
            "may_save": bool(selection) and actions.may_change(selection, user),
        }

    def edit(self, request):
        """The editor after a change, with the results beneath it, and the address that asks for them."""
        editor, refused = editing.editor_sent(request, records.get(self.record))
        if refused:
            return refused
        query, before = self._asked_from(request)
        query.pop("criteria", None)
        if editor.question != {"version": criteria.VERSION, "all": []} or "selection" in query:
            query["criteria"] = editor.packed
        table = self.table(request, query)
        table.count_as_page()
        changed = query.get("criteria", "") != before
        context = {
            **self.context(request, table),
            **editing.context(editor, self.url("edit")),
            "whole": "do" in request.POST,
            "changed": changed,
            "why_url": self.url("why"),
        }
        response = render(request, "selections/_find_answer.html", context)
        response.headers["HX-Push-Url"] = table.address() if changed else "false"
        return response

    def _asked_from(self, request):
        """Return (the query of the page one is on, without its place in the list; its criteria)."""
        address = urlsplit(request.htmx.current_url or "")
        query = QueryDict(address.query if address.path == self.url() else "", mutable=True)
        for place in ("after", "before", "in"):
            query.pop(place, None)
        return query, query.get("criteria", "")

    def why(self, request):
        """Why one record is found by the criteria of the address, or is not."""
        record, asking = records.get(self.record), Asking(request.user)
        text = request.GET.get("criteria", "")
        context = {"address": request.path, "record_type": record, "criteria": text, "told": None}
        if (one := why.asked_about(request, record)) is not None:
            try:
                tree = criteria.parse(record, criteria.loads(text), asking)
            except CriteriaError as error:
                return toast(HttpResponse(status=204), " ".join(error.told), level="error")
            context["told"] = why.of_criteria(record, tree, one, asking)
        return render(request, "selections/_why.html", context)

    def choices(self, request):
        """Records whose name begins with, or holds, what was typed, for the searchable choice."""
        return JsonResponse(why.choices(request.user, records.get(self.record), request.GET.get("q", "")), safe=False)

    def save(self, request, pk):
        """Let the selection ask from now on what the editor asks."""
        selection = get_object_or_404(
            Selection.objects.visible_to(request.user), pk=pk, kind=Selection.Kind.DYNAMIC, record_type=self.record
        )
        access.require_edit(selection, request.user)
        editor, refused = editing.editor_sent(request, records.get(self.record))
        if refused:
            return refused
        if editor.lacking:
            return toast(HttpResponse(status=204), _("A condition still has no value."), level="error")
        version = request.POST.get("version", "")
        try:
            outcome = actions.edit_selection(selection, {"criteria": editor.question}, by=request.user, via="card",
                                             version=int(version) if version.isdecimal() and len(version) < 10 else -1)  # fmt: skip
        except Conflict:
            text = _(
                "Somebody else has changed this selection in the meantime. Open it again and compare; your criteria stay here."
            )
            return toast(HttpResponse(status=204), text, level="error")
        except ValidationError as error:
            return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
        say(request, _("The criteria of %(name)s were saved.") % {"name": selection}, outcome.change_set)
        return redirect_to(request, f"{selection.get_absolute_url()}?tab=criteria")


def find_page(record_type):
    """Return the page that finds records of this type; with its rows all is done that is done on their list."""
    record = records.get(record_type)
    like = pages.of_record(record)
    return FindPage(
        name=f"find_{record_type}", record=record_type, path=f"find/{record_type}/", title=record.plural, namespace="selections",
        queryset=lambda user: record.model.objects.visible_to(user), template="selections/find.html", actions=like.actions,
        params=("selection",), edits=True, like=like.name, order=like.order, empty=gettext_lazy("There is nothing here yet."),
    )  # fmt: skip


FIND = [find_page(name) for name in RecordKind.values]
