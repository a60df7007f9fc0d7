"""The pages of boards: ready ones for leads, persons, companies and sales, and one for each selection (B1)."""

import datetime
import functools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.template.loader import get_template
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crm import access, records
from crm.history import live
from crm.models import TableSetting
from crm.tables import pages
from crm.tables.pages import ListPage
from crm.web import formats
from crm.web.htmx import toast, trigger, wants_fragment
from leads.models import LeadStatus
from leads.views.cards import CARDS, add_errors, asking
from selections import board_cards, board_live, board_moves
from selections.board import MOST_LIMIT, NOTHING, Board
from selections.board_figures import of_columns
from selections.board_moves import Asks, Refused
from selections.lists import selection_of
from selections.members import members
from selections.tasks import KINDS

MOST_SHOWN = 2_000
#: The fields of the small form that adds a card, by record type.
QUICK = {
    "person": ("first_name", "last_name", "company", "email"),
    "company": ("name", "city", "website"),
    "sale": ("name", "company", "amount", "currency", "expected_on"),
}


@dataclass
class BoardPage(ListPage):
    """A board: like a list, but for what it shows. `by` is what stands in columns until its user chooses, `like` the list of the same records."""

    by: str = ""
    like: str = ""

    # --- The board ------------------------------------------------------------------------------------------------------

    def table(self, request, query=None, **kwargs) -> Board:
        """Return the board this request asks for."""
        query = request.GET if query is None else query
        own = {"key": self.name} | (self.begin(request.user, **kwargs) if self.begin else {})
        return Board(records.get(self.record), self.queryset(request.user, **kwargs), request.user, query, url=self.url(**kwargs),
                     preset=self.preset, by=self.by, key=own["key"], of_leads=bool(self.scope))  # fmt: skip

    def urls(self):
        name, base = self.name, self.path
        made = [
            path(base, self.view(self.show), name=name),
            path(f"{base}filter/", self.view(self.filter), name=f"{name}_filter"),
            path(f"{base}view/", self.view(self.choose), name=f"{name}_view"),
            path(f"{base}settings/", self.view(self.settings, write=True), name=f"{name}_settings"),
            path(f"{base}act/<slug:action>/", self.view(self.act, write=True), name=f"{name}_act"),
            path(f"{base}cards/", self.view(self.cards), name=f"{name}_cards"),
            path(f"{base}figures/", self.view(self.figures), name=f"{name}_figures"),
            path(f"{base}live/", self.view(self.live), name=f"{name}_live"),
            path(f"{base}menu/", self.view(self.menu), name=f"{name}_menu"),
        ]
        for part, method in (("move", self.move), ("add", self.add)):
            made.append(path(f"{base}{part}/", self.both(method), name=f"{name}_{part}"))
        return made

    @staticmethod
    def both(method):
        """Return a method as a view that asks (GET) and does (POST)."""

        def answer(request, **kwargs):
            return method(request, **kwargs)

        return require_http_methods(["GET", "POST"])(answer)

    # --- Showing --------------------------------------------------------------------------------------------------------

    def context(self, request, table, **kwargs) -> dict:
        query = table.query()
        return {
            **super().context(request, table, **kwargs),
            "board": table,
            "title": self.title_of(table),
            "query": f"?{query}" if query else "",
            "list_url": self.list_url(table, **kwargs),
            "days": formats.day_count,
            "yesterday": table.asking.today - datetime.timedelta(days=1),
            "what_to_do": _("what can be done"),
            "new_in": {column.key for column in table.every_column if board_moves.takes_new(table, column)}
            if table.may_move
            else set(),
        }

    def title_of(self, board) -> str:
        """Return the title; without the filter it tells of (*My leads*) it is that of the list."""
        return self.title if set(QueryDict(self.preset).items()) <= set(board.filters) else pages.page(self.like).title

    def list_url(self, board, **kwargs) -> str:
        """Return where the same records stand in a list."""
        listed = pages.page(self.like)
        address = reverse(f"{listed.namespace}:{listed.name}", kwargs=kwargs)
        filters = [(name, value) for name, value in board.filters if name not in {"rows", "by"}]
        state = {name: board.state[name] for name in ("criteria", "all") if name in board.state}
        query = urlencode([*filters, *state.items()], safe=",/")
        return f"{address}?{query}" if query else address

    def show(self, request, **kwargs):
        # Where the history is now is read before what is shown: nothing falls between (B6).
        position = live.position()
        board = self.table(request, **kwargs)
        cells = board_cards.cells(board)
        context = self.context(request, board, **kwargs)
        context |= {
            "position": position,
            "cells": cells,
            "columns": of_columns(board.figures) if board.figures is not None else None,
            "total": sum(figure.count for figure in board.figures.values()) if board.figures is not None else None,
            "without": board.without_status if board.figures is not None else "",
            "directions": board_cards.directions(board),
        }
        status = (422 if request.htmx else 400) if board.errors else 200
        template = "boards/_board.html" if wants_fragment(request) else "boards/page.html"
        response = render(request, template, context, status=status)
        response.headers["Vary"] = "HX-Request"
        return response

    def cards(self, request, **kwargs):
        """Answer more cards of one cell."""
        query = request.GET.copy()
        column, row, after = (query.pop(name, [""])[0] for name in ("column", "row", "after"))
        board = self.table(request, query, **kwargs)
        found = board.column(column), board.row(row)
        if None in found:
            raise Http404
        try:
            cell = board_cards.more(board, *found, after)
        except ValidationError as error:
            return HttpResponse(" ".join(error.messages), status=400)
        return render(request, "boards/_cards.html", {**self.context(request, board, **kwargs), "cell": cell})

    def figures(self, request, **kwargs):
        """Answer what the columns hold, exactly."""
        board = self.table(request, **kwargs)
        if board.errors:
            return JsonResponse({}, status=400)
        return JsonResponse({**told_figures(board, board_live.figures_now(board)), "without": board.without_status})

    def live(self, request, **kwargs):
        """Answer what is new since a position; with nothing new a 204 that costs next to nothing."""
        query = request.GET.copy()
        position = query.pop("since", [""])[0]
        selection = _selection(request.user, kwargs["pk"], self.record) if self.of else None
        shown = {
            int(pk) for pk in request.headers.get("Lotse-Shown", "").split(",")[:MOST_SHOWN] if pk.isdecimal() and len(pk) < 19
        }
        table = functools.cache(lambda: self.table(request, query, **kwargs))
        news = board_live.since(position, table, shown, selection)
        if news is None:
            return HttpResponse(status=204)
        answer: dict[str, Any] = {"position": news.position, "everything": news.everything, "gone": news.gone, "cards": []}
        if news.cards or news.gone:
            board = table()
            context = self.context(request, board, **kwargs)
            template = get_template("boards/_card.html")
            for card in news.cards:
                html = template.render({**context, "card": card}, request)
                answer["cards"].append({"id": card.pk, "column": card.column, "row": card.row, "html": html})
            if board.figures is not None:
                answer["figures"] = told_figures(board, board.figures)
        return JsonResponse(answer)

    def menu(self, request, **kwargs):
        """What can be done with one card."""
        query = request.GET.copy()
        text = query.pop("id", [""])[0]
        board = self.table(request, query, **kwargs)
        record = get_object_or_404(board.queryset, pk=text if text.isdecimal() and len(text) < 19 else None)
        card = next(iter(board_cards.some(board, {record.pk})), None)
        kind = KINDS[self.record]
        offers = [(offer.label, offer.icon, offer.address(record)) for offer in CARDS[kind].offers]
        editable = access.editable(board.queryset.filter(pk=record.pk), request.user).exists()
        disqualify = LeadStatus.objects.selectable().filter(kind=LeadStatus.Kind.DISQUALIFIED).first()
        context = {
            **self.context(request, board, **kwargs), "record": record, "card": card, "kind": kind, "offers": offers,
            "editable": editable, "disqualify": disqualify if self.record == "person" and record.is_lead else None,
        }  # fmt: skip
        return render(request, "boards/_menu.html", context)

    # --- Choosing -------------------------------------------------------------------------------------------------------

    def choose(self, request, **kwargs):
        """The dialog of what a board shows (B5)."""
        board = self.table(request, **kwargs)
        others = [
            described
            for described in board.record.fields.values()
            if described not in board.shown
            and described.name not in {board.record.default_sort, board.face.below, "owner", "next_activity_at"}
        ]
        context = {"others": others, "hidden": board.hidden, "limits": board.limits, "wrong": {}}
        return render(request, "boards/view.html", {**self.context(request, board, **kwargs), **context})

    def settings(self, request, **kwargs):
        """Keep what a board shows: for all boards of its record type, or for this one alone; `reset` forgets its own."""
        board = self.table(request, **kwargs)
        data = request.POST
        limits = _limits(data)
        wrong = {key: _("A whole number, please.") for key, text in limits.items() if text and not text.isdecimal()}
        if wrong and "reset" not in data:
            context = {"board": board, "hidden": data.getlist("hidden"), "limits": limits, "wrong": wrong}
            return render(request, "boards/_limits.html", context, status=422)
        with transaction.atomic():
            if "reset" in data:
                TableSetting.objects.filter(user=request.user, table__in=[board.key, board.general]).delete()
            else:
                try:
                    values = _chosen(board, data)
                except ValueError:
                    return HttpResponse(_("These settings cannot be kept."), status=400)
                own = data.get("own") == "1" if "own" in data else board.is_own
                if "own" in data and not own:
                    TableSetting.objects.filter(user=request.user, table=board.key).delete()
                _keep(request.user, board.key if own else board.general, board.saved, values)
        if "go" not in data:
            return HttpResponse(status=204)
        gone: dict[str, Any] = dict.fromkeys(["by", "rows", "sort", "sum", "show", "hide"])
        return trigger(self.go(board, board.address(**gone)), "closeDialog")

    # --- Changing -------------------------------------------------------------------------------------------------------

    def move(self, request, **kwargs):
        """Move cards, or ask what has to be answered first (GET: the question)."""
        asked = request.GET.get("ask") == "1"
        # Only the dialog's own answer closes it: another move's may come while its question is open.
        answers = request.POST.get("asked") == "1"
        data = request.GET if request.method == "GET" else request.POST
        if request.method == "GET" and not asked:
            raise Http404
        query = request.GET.copy()
        for name in ("ask", "cards", "column", "row"):
            query.pop(name, None)
        board = self.table(request, query, **kwargs)
        if request.user.role.edit == "none":
            raise PermissionDenied(_("Your role may not change records."))
        column, row = data.get("column", ""), data.get("row", "")
        try:
            cards = board_moves.seen_in(data.get("cards", ""))
            if request.method == "GET":
                board_moves.ask(board, cards, column, row, data)
                raise Refused(_("Nothing has to be asked."))
            outcome, text = board_moves.move(board, cards, column, row, by=request.user, data=request.POST)
        except Asks as question:
            return self._ask(request, board, question, {"cards": data.get("cards", ""), "column": column, "row": row}, **kwargs)
        except Refused as refused:
            response = toast(HttpResponse(status=409 if refused.taken else 422), refused.text, level="error")
            return trigger(response, "closeDialog") if answers else response
        undo_url = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
        response = toast(HttpResponse(status=204), text, undo_url=undo_url, level="error" if outcome.left else "ok")
        asking(response, outcome)
        return trigger(trigger(response, "moved"), "closeDialog") if answers else response

    def _ask(self, request, board, question, sent, **kwargs):
        query = board.query()
        address = self.url("move", **kwargs) + (f"?{query}" if query else "")
        context = {
            "question": question.question,
            "errors": question.errors,
            "title": question.title,
            "sent": sent,
            "address": address,
        }
        if request.method == "GET" or request.POST.get("asked") == "1":
            return render(request, question.template, context, status=422 if question.errors else 200)
        asks = f"{address}{'&' if query else '?'}ask=1&{urlencode(sent)}"
        return trigger(HttpResponse(status=202), "openDialog", {"url": asks, "title": question.title, "small": True})

    def add(self, request, **kwargs):
        """The small form that adds a card to a column, and adding it."""
        if request.user.role.edit == "none":
            raise PermissionDenied(_("Your role may not create records."))
        query = request.GET.copy()
        names = {name: query.pop(name, [""])[0] for name in ("column", "row")}
        board = self.table(request, query, **kwargs)
        try:
            column, row = board_moves.targets(board, names["column"], names["row"])
        except Refused as refused:
            return toast(HttpResponse(status=422), refused.text, level="error")
        card = CARDS[KINDS[self.record]]
        form = card.form(QUICK[self.record])(request.POST or None, user=request.user)
        address = f"{self.url('add', **kwargs)}?{request.GET.urlencode()}"
        context = {"form": form, "card": card, "address": address, "column": column, "row": row, "kind": KINDS[self.record]}
        if not form.is_valid():
            return render(request, "boards/_add.html", context, status=422 if form.is_bound else 200)
        try:
            made, change_set, outcome = board_moves.add(board, form.values(), column, row, by=request.user)
        except ValidationError as error:
            add_errors(form, error)
            return render(request, "boards/_add.html", context, status=422)
        except Refused as refused:
            return toast(HttpResponse(status=422), refused.text, level="error")
        text = _("%(name)s was created.") % {"name": made}
        if not self.table(request, query, **kwargs).on_board.filter(pk=made.pk).exists():
            text += " " + _("This board does not show it: its filters or its category leave it out.")
        response = toast(HttpResponse(status=204), text, undo_url=reverse("crm:undo", args=[change_set.pk]),
                         link=made.get_absolute_url())  # fmt: skip
        return trigger(trigger(asking(response, outcome), "changed"), "closeDialog")


# --- Settings -----------------------------------------------------------------------------------------------------------


def _chosen(board, data) -> dict[str, Any]:
    """Return what was chosen; raise ValueError for what nobody could have meant."""
    groupable, fields = {described.name for described in board.groupable}, board.record.fields
    values: dict[str, Any] = {}
    for name, known in (("by", groupable), ("rows", groupable | {""}), ("sum", {*board.face.sums, NOTHING, ""})):
        if name in data:
            if data[name] not in known:
                raise ValueError
            values[name] = data[name]
    if "sort" in data:
        if data["sort"].removeprefix("-") not in {described.name for described in board.sortable}:
            raise ValueError
        values["sort"] = [
            data["sort"].removeprefix("-") if data.get("descending") != "1" else f"-{data['sort'].removeprefix('-')}"
        ]
    if "fields" in data:
        values["show"] = [name for name in dict.fromkeys(data.getlist("show")) if name in fields][:8]
    by = values.get("by", board.by.name)
    columns = {column.key for column in board.every_column}
    if by == board.by.name:
        for name in ("hidden", "folded"):
            if name in data:
                values[name] = {by: [key for key in data.getlist(name) if key in columns]}
        if limits := _limits(data):
            if not all(key in columns and int(value[:9] or 0) <= MOST_LIMIT for key, value in limits.items()):
                raise ValueError
            values["limits"] = {by: {key: int(value) for key, value in limits.items() if value}}
    return values


def _limits(data) -> dict[str, str]:
    """Return the cards that columns should hold at most, as typed, by column."""
    return {name.removeprefix("limit-"): value.strip() for name, value in data.items() if name.startswith("limit-")}


def _keep(user, table, saved, values):
    mine, _new = TableSetting.objects.select_for_update().get_or_create(user=user, table=table)
    state = dict(saved)
    for name, value in values.items():
        merges = isinstance(value, dict) and isinstance(state.get(name), dict)
        state[name] = {**state[name], **value} if merges else value
    mine.state = state
    mine.save()


def told_figures(board, figures) -> dict:
    """Return figures as the page takes them: in words, by column, and how many cards each cell holds."""
    columns = {key: words(board, figure) for key, figure in of_columns(figures).items()}
    cells = [[column, row, figure.count] for (column, row), figure in figures.items() if row or not board.rows_by]
    total = sum(figure.count for figure in figures.values())
    return {"columns": columns, "cells": cells, "total": formats.number(total), "facts": total_text(board, total)}


def words(board, figure) -> dict:
    return {
        "count": figure.count,
        "text": formats.number(figure.count),
        "sum": board.summed_by.total(figure.sum) if board.summed_by else "",
        "days": formats.day_count(figure.since) if figure.since else "",
    }


def total_text(board, total) -> str:
    return f"{formats.number(total)} {formats.in_sentence(board.record.label if total == 1 else board.record.plural)}"


# --- The boards ---------------------------------------------------------------------------------------------------------


def _like(name, list_name, title, base, **own):
    """Return the board of the records of a list, with what can be done with its rows."""
    listed = pages.page(list_name)
    own.setdefault("queryset", listed.queryset)
    return BoardPage(name=name, record=listed.record, path=base, title=title, namespace="selections",
                     preset=listed.preset, scope=listed.scope, actions=listed.actions, like=list_name, empty=listed.empty, **own)  # fmt: skip


def _selection(user, pk, record_type):
    """Return the selection of a board, asked for once in a request: its user is made anew for the next."""
    known = vars(user).setdefault("selections_of_boards", {})
    if (pk, record_type) not in known:
        known[pk, record_type] = selection_of(user, pk, record_type)
    return known[pk, record_type]


def _of_selection(record_type, list_name):
    listed = pages.page(list_name)

    def head(request, pk):
        return {"selection": _selection(request.user, pk, record_type)}

    return BoardPage(
        name=f"board_of_{record_type}", record=record_type, path=f"selections/<int:pk>/board/{record_type}/", title=listed.title,
        namespace="selections", of="pk", head=head, like=f"selection_{record_type}", actions=pages.page(f"selection_{record_type}").actions,
        queryset=lambda user, pk: members(_selection(user, pk, record_type), user),
        begin=lambda user, pk: {"key": f"board-of-{pk}"}, empty=gettext_lazy("Nobody is in this selection, or nobody whom you may see."),
    )  # fmt: skip


# Who is a lead the board itself asks: on a day in the past it may have been others.
MY_LEADS = _like("board_leads", "leads", gettext_lazy("My leads"), "board/", queryset=pages.page("persons").queryset)
PERSONS = _like("board_persons", "persons", gettext_lazy("Persons"), "board/persons/")
COMPANIES = _like("board_companies", "companies", gettext_lazy("Companies"), "board/companies/")
SALES = _like("board_sales", "sales", gettext_lazy("Sales"), "board/sales/")
OF_SELECTIONS = [_of_selection(*pair) for pair in (("person", "persons"), ("company", "companies"), ("sale", "sales"))]
PAGES = (MY_LEADS, PERSONS, COMPANIES, SALES, *OF_SELECTIONS)


@pages.shown_as_board_by
def board_of(listed, table) -> str:
    """Return where a list's records stand as a board, with its filters; members have the tab of their selection's card."""
    of = getattr(listed, "like", listed.name)  # *Find* shows what a list shows
    found = next((page for page in PAGES if page.like == of), None)
    if found is None or listed.of:
        return ""
    state = {name: table.state[name] for name in ("criteria", "all") if name in table.state}
    query = urlencode([*table.filters, *state.items()], safe=",/")
    return found.url() + (f"?{query}" if query else "")
