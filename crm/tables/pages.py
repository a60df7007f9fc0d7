"""A list of the product and the views it consists of; an app declares one and includes its `urls()`.

PERSONS = ListPage(name="persons", record="person", path="persons/", queryset=lambda user: Person.objects.visible_to(user), …)
urlpatterns = [*PERSONS.urls()]
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm import access, records
from crm.history.changes import AT_ONCE
from crm.models import TableSetting
from crm.tables import export
from crm.tables.bulk import Action, BulkForm, Chosen
from crm.tables.filters import FilterForm
from crm.tables.table import Table
from crm.web.addresses import url
from crm.web.htmx import toast, trigger, wants_fragment

MAX_SETTING = 100  # columns a user can keep widths of


@dataclass(frozen=True)
class Toggle:
    """A parameter of a list's own that shows what is otherwise left out; `number(user, **kwargs)` is how many that is, `kwargs` of the path."""

    param: str
    label: Any
    number: Callable[..., int] | None = None


@dataclass
class ListPage:
    """One list: what it shows, where it lies, and what can be done with its rows.

    `order` is how it is sorted until somebody sorts it otherwise (by name, if nothing is said). `queryset(user, **kwargs)` is what
    this user may see of it (`kwargs` come from the path; raise Http404 for one that may not
    be seen); `shown(queryset, toggles)` leaves out what the toggles that are off hide. `preset` are filters that are on until
    others are chosen and `preset_title` is what it is called with them, `shows` the columns until others are, `facts(table)` is the line beneath the title, `head(request, **kwargs)`
    what else the page's template shows; `new` is the label of a button beside the title that makes one.
    """

    name: str
    record: str
    path: str
    title: Any
    queryset: Callable[..., Any]
    namespace: str = "leads"
    template: str = "tables/page.html"
    preset: str = ""
    preset_title: Any = ""
    order: str = ""
    actions: tuple[Action, ...] = ()
    toggles: tuple[Toggle, ...] = ()
    shown: Callable[[Any, set[str]], Any] | None = None
    facts: Callable[[Table], str] | None = None
    empty: Any = ""
    new: Any = ""
    shows: tuple[str, ...] = ()
    head: Callable[..., dict] | None = None
    scope: tuple[dict, ...] = ()  # the lines of criteria that say what `queryset` leaves out for everybody
    begin: Callable[..., dict] | None = None  # begin(user, **kwargs): columns, order, group and key of a list of one of many
    of: str = field(default="", kw_only=True)  # the name of the path's parameter, if it has one
    params: tuple[str, ...] = field(default=(), kw_only=True)  # further parameters of its address, which stay in it
    edits: bool = field(default=False, kw_only=True)  # whether the page shows an editor of its criteria: then no chip does

    def __post_init__(self):
        _pages[self.name] = self

    # --- The table --------------------------------------------------------------------------------------------------------

    def table(self, request, query=None, **kwargs) -> Table:
        """Return the table this request asks for."""
        query = request.GET if query is None else query
        toggles = [*(toggle.param for toggle in self.toggles), *self.params]
        queryset = self.queryset(request.user, **kwargs)
        if self.shown:
            queryset = self.shown(queryset, {param for param in toggles if query.get(param) == "1"})
        own = {"key": self.name, "order": self.order, "columns": self.shows}
        own |= self.begin(request.user, **kwargs) if self.begin else {}
        table = Table(records.get(self.record), queryset, request.user, query, url=self.url(**kwargs),
                      preset=self.preset, toggles=toggles, **own)  # fmt: skip
        given = {"list": self.name} | ({"of": kwargs[self.of]} if self.of else {})
        keep = {name: value for name, value in table.state.items() if name in {"criteria", "sort", "group", "all", *toggles}}
        table.card_query = urlencode([*given.items(), *table.filters, *keep.items()], safe=",")
        return table

    def url(self, part="", **kwargs):
        return url(f"{self.namespace}:{self.name}{'_' + part if part else ''}", **kwargs)

    def urls(self):
        name, base = self.name, self.path
        return [
            path(base, self.view(self.show), name=name),
            path(f"{base}totals/", self.view(self.totals), name=f"{name}_totals"),
            path(f"{base}count/", self.view(self.count), name=f"{name}_count"),
            path(f"{base}sums/", self.view(self.sums), name=f"{name}_sums"),
            path(f"{base}filter/", self.view(self.filter), name=f"{name}_filter"),
            path(f"{base}columns/", self.view(self.columns), name=f"{name}_columns"),
            path(f"{base}settings/", self.view(self.settings, write=True), name=f"{name}_settings"),
            path(f"{base}export.<slug:file_type>", self.view(self.export), name=f"{name}_export"),
            path(f"{base}act/<slug:action>/", self.view(self.act, write=True), name=f"{name}_act"),
        ]

    @staticmethod
    def view(method, write=False):
        """Return a method as a view of its own."""

        def answer(request, **kwargs):
            return method(request, **kwargs)

        return (require_POST if write else require_GET)(answer)

    # --- Showing ----------------------------------------------------------------------------------------------------------

    def context(self, request, table, **kwargs) -> dict:
        """Return what the list's templates show; also for a page of another's that includes `tables/_list.html`."""
        role = request.user.role
        return {
            "page": self,
            "table": table,
            "part": lambda part, **more: self.url(part, **kwargs, **more),
            "actions": [action for action in self.actions if action.allowed(request.user)] if role.edit != "none" else [],
            "toggles": [(toggle, table.address(**{toggle.param: None if toggle.param in table.state else "1"}),
                         toggle.param in table.state, partial(toggle.number, request.user, **kwargs) if toggle.number else None)
                        for toggle in self.toggles],
            "oob": wants_fragment(request),
            "late": False,
            "facts": "",
            "new_url": reverse(f"{table.record.card_url}_new") if table.record.by_hand else "",
            "kept_at": self.kept_at(table, request.user),
            "board_at": _board_of(self, table) if _board_of and not table.errors else "",
            **(self.head(request, **kwargs) if self.head else {}),
        }  # fmt: skip

    def title_of(self, table):
        """Return the title; with its own filters on it may have one of its own (*My leads*)."""
        as_preset = set(QueryDict(self.preset).items()) <= set(table.filters)
        return self.preset_title if self.preset_title and as_preset else self.title

    def kept_at(self, table, user) -> str:
        """Return where what the list asks can be kept, if it asks anything: an upper floor's page (`questions_kept_by`)."""
        if _keeper is None or self.of or table.errors or not (table.lines or table.tree):
            return ""
        return _keeper(self.record, table.question(self.scope), user)

    def show(self, request, **kwargs):
        table = self.table(request, **kwargs)
        table.count_as_page()
        # Read now: what is wrong with the address decides how the page is answered.
        table.groups if table.shows_groups else table.page  # noqa: B018
        status = (422 if request.htmx else 400) if table.errors else 200
        if "in" in table.state and wants_fragment(request):
            return render(request, "tables/_inside.html", self.context(request, table, **kwargs), status=status)
        template = "tables/_fragment.html" if wants_fragment(request) else self.template
        context = {**self.context(request, table, **kwargs), "facts": self._facts(table)}
        response = render(request, template, context, status=status)
        response.headers["Vary"] = "HX-Request"
        return response

    def _facts(self, table) -> str:
        """Return the line beneath the title, if there is one; nothing while too few are counted to know it."""
        text = self.facts(table) if self.facts and not table.errors else ""
        return "" if text and table.is_unfinished else text

    def totals(self, request, **kwargs):
        """Answer what a list of more records than its page counted has in all, and what else is told of them all."""
        table = self.table(request, **kwargs)
        context = {**self.context(request, table, **kwargs), "facts": self._facts(table), "oob": True, "late": True}
        return render(request, "tables/_totals.html", context, status=400 if table.errors else 200)

    def count(self, request, **kwargs):
        """Answer how many there are exactly, where the footer only said *more than*, and what else is told of them all."""
        table = self.table(request, **kwargs)
        table.count = table.cap = table.exact_count()
        context = {**self.context(request, table, **kwargs), "facts": self._facts(table), "oob": True, "late": True}
        return render(request, "tables/_count.html", context, status=400 if table.errors else 200)

    def sums(self, request, **kwargs):
        """Answer what a long list adds up to, which its page did not wait for."""
        table = self.table(request, **kwargs)
        return render(request, "tables/_sums.html", {"sums": table.exact_sums()}, status=400 if table.errors else 200)

    # --- Choosing ---------------------------------------------------------------------------------------------------------

    def filter(self, request, **kwargs):
        """The dialog that asks for a filter; without `field` it offers the fields."""
        query = request.GET.copy()
        name, param, sent = query.pop("field", [""])[0], query.pop("param", [""])[0], "operator" in query
        data = QueryDict(mutable=True)
        for key in ("operator", "value"):
            data.setlist(key, query.pop(key, []))
        table = self.table(request, query, **kwargs)
        described = table.record.fields.get(name)
        context = self.context(request, table, **kwargs)
        if described is None or not described.filter:
            if name:
                raise Http404
            return render(request, "tables/filter_fields.html", context)
        form = FilterForm(table, described, data if sent else None, param)
        if not sent:
            return render(request, "tables/filter.html", {**context, "form": form, "param": param})
        try:
            address = form.address()
        except ValidationError:
            return render(request, "tables/filter.html", {**context, "form": form, "param": param}, status=422)
        return trigger(self.go(table, address), "closeDialog")

    def go(self, table, address):
        """Let the list go to this address; the browser's own address follows."""
        response = HttpResponse(status=204)
        response.headers["HX-Location"] = json.dumps({"path": address, "target": f"#list-{self.name}", "swap": "outerHTML"})
        return response

    def columns(self, request, **kwargs):
        """The dialog that chooses and orders columns."""
        table = self.table(request, **kwargs)
        others = [described for described in table.record.fields.values() if described not in table.columns]
        context = self.context(request, table, **kwargs)
        return render(request, "tables/columns.html", {**context, "fields": [*table.columns, *others]})

    def settings(self, request, **kwargs):
        """Keep columns, widths, sorting and grouping for this user; `reset` forgets them all."""
        table = self.table(request, request.GET, **kwargs)
        fields = table.record.fields
        try:
            values = self._read_settings(request.POST, fields)
        except (ValueError, TypeError, OverflowError, RecursionError):  # all that JSON can bring
            return HttpResponse(_("These settings cannot be kept."), status=400)
        with transaction.atomic():
            mine = TableSetting.objects.select_for_update().filter(user=request.user, table=table.key)
            if "reset" in request.POST:
                mine.delete()
            elif values:
                setting, _new = mine.get_or_create(user=request.user, table=table.key)
                state = setting.state if isinstance(setting.state, dict) else {}
                if "widths" in values:
                    values["widths"] = {**(state.get("widths") or {}), **values["widths"]}
                setting.state = {**state, **values}
                setting.save()
        if "go" not in request.POST:
            return HttpResponse(status=204)
        gone: dict[str, Any] = dict.fromkeys(["cols", *(["sort", "group", "per"] if "reset" in request.POST else [])])
        return trigger(self.go(table, table.address(**gone)), "closeDialog")

    @staticmethod
    def _read_settings(data, fields):
        """Return what is to be kept; raise ValueError for what nobody could have meant."""
        values: dict[str, Any] = {}
        if "columns" in data:
            given = data.getlist("columns")
            names = json.loads(given[0]) if len(given) == 1 and given[0].startswith("[") else given
            if not isinstance(names, list) or not all(isinstance(name, str) and name in fields for name in names):
                raise ValueError
            values["columns"] = list(dict.fromkeys(names))
        if "widths" in data:
            widths = json.loads(data["widths"])
            if not isinstance(widths, dict) or len(widths) > MAX_SETTING or not widths.keys() <= fields.keys():
                raise ValueError
            values["widths"] = {name: min(1_200, max(40, int(width))) for name, width in widths.items()}
        for param in ("sort", "group"):
            if param in data:
                names = [name for name in data[param].split(",") if name]
                if not all(name.removeprefix("-") in fields for name in names) or len(names) > len(fields):
                    raise ValueError
                values[param] = names
        return values

    def export(self, request, file_type, **kwargs):
        """The list as a file."""
        access.require(request.user, "may_export")
        if file_type not in export.TYPES:
            raise Http404
        table = self.table(request, **kwargs)
        # A file holds the whole list, from whichever page it is asked; of an address that is broken it is none.
        table.cursor  # noqa: B018
        # Headings are no part of a file: what is shown in groups is sorted by them.
        if table.errors:
            return self.show(request, **kwargs)
        return export.response(table, file_type, str(self.title))

    # --- Acting on ticked rows ----------------------------------------------------------------------------------------------

    def act(self, request, action, **kwargs):
        """The dialog of an action on ticked rows, or on all that match, and the action itself."""
        chosen_action = next((one for one in self.actions if one.name == action), None)
        if chosen_action is None:
            raise Http404
        if request.user.role.edit == "none" or not chosen_action.allowed(request.user):
            raise PermissionDenied
        table = self.table(request, **kwargs)
        chosen = Chosen(table, request.POST)
        if chosen.count > 1:
            access.require(request.user, "may_bulk")
        form = BulkForm(self, chosen_action, chosen, request.user, request.POST)
        context = {**self.context(request, table, **kwargs), "form": form, "action": chosen_action, "chosen": chosen,
                   "address": f"{self.url('act', action=action, **kwargs)}?{request.GET.urlencode()}"}  # fmt: skip
        if "go" not in request.POST or not form.is_valid():
            status = 422 if "go" in request.POST else 200
            return render(request, chosen_action.template, context, status=status)
        if form.asks:
            return render(request, "tables/act_sure.html", context)
        if chosen.count > AT_ONCE:
            form.enqueue()
            response = trigger(HttpResponse(status=204), "jobs")
            toast(response, _("This continues in the background; the bell shows its progress."))
            return trigger(response, "closeDialog")
        try:
            outcome = form.run()
        except ValidationError as error:
            form.errors = error.messages
            return render(request, chosen_action.template, context, status=422)
        return self.told(request, form, outcome)

    @staticmethod
    def told(request, form, outcome):
        """Answer what was done, with *Undo* and, where some were left, a link that says why."""
        link = None
        if outcome.left:
            request.session["left"] = form.left(outcome)
            link = {"url": reverse("crm:left"), "text": _("Why?")}
        undo_url = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
        level = "ok" if outcome.changed else "error"
        response = toast(HttpResponse(status=204), form.said(outcome), undo_url=undo_url, level=level, link=link)
        if outcome.proposals:
            trigger(response, "jobs")  # the bell opens what is asked
        return trigger(trigger(response, "closeDialog"), "changed")


_pages: dict[str, ListPage] = {}
_keeper: Callable[[str, dict, Any], str] | None = None


def questions_kept_by(function):
    """Register function(record type, criteria, user) -> the address where somebody keeps a question, or nothing if they may not."""
    global _keeper
    _keeper = function
    return function


_board_of: Callable[[ListPage, Table], str] | None = None


def shown_as_board_by(function):
    """Register function(list, table) -> the address of the board of the same records, or nothing."""
    global _board_of
    _board_of = function
    return function


def page(name) -> ListPage:
    """Return a list by its name, or raise KeyError."""
    return _pages[name]


def of_record(record) -> ListPage:
    """Return the list of all records of a type, whose address the catalogue names."""
    return page(record.list_url.partition(":")[2])


def offer(record_types, make):
    """Let every list of these record types, as far as it is known by now, offer the actions make(record type), before its last
    one: that deletes."""
    for listed in _pages.values():
        if listed.record in record_types:
            listed.actions = (*listed.actions[:-1], *make(listed.record), *listed.actions[-1:])


@dataclass(frozen=True)
class Neighbours:
    """Where a record stands in the list one came from (*3 of 156*); `at` is None if that is not known or it has left the list."""

    at: int | None
    count_text: str
    previous_url: str
    next_url: str
    list_url: str


def neighbours(request, record_type, pk) -> Neighbours | None:
    """Return a card's place in the list named by `?list=…`, or None if it came from none.

    A record that its own change took out of the list (a status other than the filter's) still leads on to the next one.

    A few statements, however long the list: where the record stands, what comes before and after it, and the count.
    """
    query = request.GET.copy()
    listed = _pages.get(query.pop("list", [""])[0])
    of, at = query.pop("of", [""])[0], query.pop("at", [""])[0]
    for own in ("tab", "view"):  # what the card itself keeps in its address
        query.pop(own, None)
    if listed is None or listed.record != record_type or (listed.of and not (of.isdecimal() and len(of) < 19)):
        return None
    kwargs = {listed.of: int(of)} if listed.of else {}
    try:
        table = listed.table(request, query, **kwargs)
    except Http404:
        return None
    if table.errors:
        return None
    here = table.order.place_of(table.matching, pk)
    left = here is None
    if left:
        here = table.order.place_of(table.queryset, pk)
    if here is None:
        return Neighbours(None, table.count_text, "", "", table.address())
    before, after = table.order.around(table.listed, here)
    number = int(at) if at.isdecimal() and len(at) < 9 and 0 < int(at) <= table.count + left else None
    base = reverse(table.record.card_url, args=[0]).removesuffix("0/")

    def address(other, step):
        place = f"&at={number + step}" if number else ""
        return f"{base}{other}/?{table.card_query}{place}" if other else ""

    at = None if left else number
    return Neighbours(at, table.count_text, address(before, -1), address(after, 0 if left else 1), table.address())
