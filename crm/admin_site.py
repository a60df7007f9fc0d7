"""The admin site (A2): Django's, in the product's own pages, and changing nothing but by the product's actions (settled 21).

`crm/admin/` and each upper app's `admin.py` register what administrators look after. A page is declared by a subclass of
`PageAdmin`: Django finds, filters, sorts and pages the lists; forms and saving are ours, because an action may refuse a value,
find that somebody was quicker (R17), or hand the work to a job.
"""

from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.history.changes import Conflict
from crm.web import formats, nav
from crm.web.htmx import say

SECTIONS = {"lists": gettext_lazy("Lists"), "users": gettext_lazy("Users and access"), "log": gettext_lazy("Log")}

nav.add(
    nav.Entry(
        key="a",
        label=gettext_lazy("Administration"),
        icon="settings",
        url_name="admin:index",
        match=("admin:",),
        group="lower",
        order=90,
        allowed=lambda user: user.role.administers,
    )
)


class LotseAdminSite(admin.AdminSite):
    """Only administrators enter; everybody signs in at the product's own page."""

    def register(self, model_or_iterable, admin_class=None, **options):
        """Take our own pages only: those that packages bring would write past the actions."""
        if admin_class is not None and issubclass(admin_class, PageAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request):
        return request.user.is_active and request.user.role.administers

    def admin_view(self, view, cacheable=False):
        def allowed(request, *args, **kwargs):
            if not self.has_permission(request):
                raise PermissionDenied(_("Only administrators may open this page."))
            return view(request, *args, **kwargs)

        return allowed

    def get_urls(self):
        urls = [path("", self.admin_view(self.index), name="index")]
        for model, model_admin in self._registry.items():
            urls += [path(f"{model._meta.app_label}/{model._meta.model_name}/{part}", view, name=name)
                     for part, view, name in model_admin.pages()]  # fmt: skip
        return urls

    def each_context(self, request):
        return {"sections": self.sections(request)}

    def sections(self, request):
        """Return (title, [(address, words, icon, whether one is there, the page's admin)]) of all there is to look after."""
        found: dict[str, list] = {name: [] for name in SECTIONS}
        for page in sorted(self._registry.values(), key=lambda page: page.order):
            url = reverse(f"admin:{page.name('changelist')}")
            found[page.section].append(
                (url, capfirst(page.opts.verbose_name_plural), page.icon, request.path.startswith(url), page)
            )
        return [(title, found[name]) for name, title in SECTIONS.items() if found[name]]

    def index(self, request, extra_context=None):
        sections = [
            (title, [(url, words, icon, page.summary(request), page.about) for url, words, icon, _here, page in entries])
            for title, entries in self.sections(request)
        ]
        return render(request, "admin/index.html", {**self.each_context(request), "overview": sections})


class InUseFilter(admin.SimpleListFilter):
    """The items that are in use, or those that no longer are; a subclass says which are and what both are called."""

    title = gettext_lazy("State")
    words: tuple[Any, Any]  # of those in use, of the others

    def lookups(self, request, model_admin):
        return [("1", self.words[1])]

    def queryset(self, request, queryset):
        return self.in_use(queryset, self.value() != "1")

    def in_use(self, queryset, wanted):
        """Return the items that are in use, or that are not."""
        raise NotImplementedError

    def choices(self, changelist):
        name = self.parameter_name
        for value, words in zip((None, "1"), self.words, strict=True):
            change = {"new_params": {name: value}} if value else {"remove": [name]}
            yield {"selected": self.value() == value, "query_string": changelist.get_query_string(**change), "display": words}


#: Columns of these stand to the right, also where there is none.
NUMBERS = (models.IntegerField, models.DecimalField, models.FloatField)


@dataclass
class Saved:
    """What came of saving a form: the sentence for the user, the change set to undo it by, where to go on."""

    text: str
    change_set: Any = None
    url: str = ""
    shown: dict = field(default_factory=dict)


class PageAdmin(admin.ModelAdmin):
    """One kind of thing that administrators look after: its list, its form, its page before deleting."""

    section, icon, order = "lists", "list", 50
    about: Any = ""
    form_fields: list = []  # names, or tuples of names that stand beside each other
    widgets: dict[str, Any] = {}
    #: Columns that are numbers, beside those that a number of the model or a count is.
    numbers: tuple[str, ...] = ()
    read_only = False
    actions = None
    list_per_page = 50

    def name(self, page):
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def url(self, page, *args):
        return reverse(f"admin:{self.name(page)}", args=args)

    def pages(self):
        """Return (path, view, name) of all pages below this one's address."""
        views = [
            ("", self.changelist_view, "changelist"),
            ("add/", self.add_view, "add"),
            ("<int:object_id>/change/", self.change_view, "change"),
        ]
        return [(part, self.admin_site.admin_view(view), self.name(name)) for part, view, name in [*self.own_pages(), *views]]

    def own_pages(self):
        """Return (path, view, page) of what this page has beyond a list and a form."""
        return []

    def item_or_404(self, request, object_id):
        item = self.get_queryset(request).filter(pk=object_id).first()
        if item is None:
            raise Http404
        return item

    def has_add_permission(self, request):
        return not self.read_only

    def has_delete_permission(self, request, obj=None):
        return False

    def summary(self, request):
        """Return one line for the overview, in words."""
        count = self.get_queryset(request).count()
        return ngettext("%(count)s item", "%(count)s items", count) % {"count": formats.number(count)}

    # --- The list -----------------------------------------------------------------------------------------------------

    def lookup_allowed(self, lookup, value, request):
        """Allow what the page's own filters ask for and nothing else."""
        offered = {getattr(each, "parameter_name", each) for each in self.list_filter}
        return lookup in offered or lookup.removesuffix("__exact") in offered

    def changelist_view(self, request, extra_context=None):
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "cl": changelist,
            "title": capfirst(self.opts.verbose_name_plural),
            "headers": [{"sorted": False, **header, "text": capfirst(header["text"])} for header in result_headers(changelist)],
            "filters": [(spec.title, list(spec.choices(changelist))) for spec in changelist.filter_specs],
            "rows": [self.row(request, changelist, item) for item in changelist.result_list],
            "add_url": self.url("add") if self.has_add_permission(request) else "",
            "pages": self.page_links(changelist),
            "reorder_url": "",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/list.html", context)

    def page_links(self, changelist):
        """Return the addresses of the previous and the next page, or None, and where one is."""
        page, last = changelist.page_num, changelist.paginator.num_pages
        first = (page - 1) * changelist.list_per_page + 1
        return {
            "previous": changelist.get_query_string({"p": page - 1}) if page > 1 else None,
            "next": changelist.get_query_string({"p": page + 1}) if page < last else None,
            "first": first,
            "last": min(first + changelist.list_per_page - 1, changelist.result_count),
            "total": changelist.result_count,
        }

    def row(self, request, changelist, item):
        """Return what the template shows of one item."""
        return {"item": item, "label": str(item), "url": self.url("change", item.pk), "cells": list(self.cells(changelist, item)),
                "actions": self.row_actions(request, item)}  # fmt: skip

    def row_actions(self, request, item):
        """Return the entries of the row's menu: (address, words, icon, whether it is sent by POST, css)."""
        return [(self.url("change", item.pk), _("Edit"), "pencil", False, "")]

    def cells(self, changelist, item):
        """Yield (label, content, css) of each column."""
        for name in changelist.list_display:
            model_field, _column, value = lookup_field(name, item, self)
            if model_field is not None and model_field.choices:
                value = getattr(item, f"get_{name}_display")()
            column = getattr(name, "__name__", name)
            counts = isinstance(model_field, NUMBERS) and not model_field.choices
            number = counts or column in self.numbers or column.endswith("_count")
            yield capfirst(label_for_field(name, self.model, self)), show(value), "number" if number else ""

    # --- The form -----------------------------------------------------------------------------------------------------

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise Http404
        return self.changeform_view(request, None)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return self.changeform_view(request, object_id)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        item = self.item_or_404(request, object_id) if object_id is not None else None
        if self.read_only:
            return self.page(request, item, None)
        form = self.make_form(request, item)
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    saved = self.save(request, item, form)
                except ValidationError as error:
                    add_errors(form, error)
                except Conflict as conflict:
                    form.show_conflict(conflict)
                    status = 409
                else:
                    if saved.shown:
                        return self.page(request, item, None, **saved.shown)
                    say(request, saved.text, saved.change_set)
                    return HttpResponseRedirect(saved.url or self.url("changelist"))
            else:
                # Whoever mends one field is not to learn of the next one only then.
                add_errors(form, ValidationError(self.also_wrong(item, form)), beside=True)
        return self.page(request, item, form, status)

    def page(self, request, item, form, status=200, *, fields=None, **more):
        given = self.get_form_fields(request, item) if fields is None else fields
        rows = [(name,) if isinstance(name, str) else name for name in given]
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "item": item,
            "form": form,
            "rows": [[form[name] for name in names] for names in rows] if form else [],
            "title": str(item) if item else self.add_title(),
            "list_url": self.url("changelist"),
            "list_title": capfirst(self.opts.verbose_name_plural),
            "actions": [action for action in self.row_actions(request, item) if action[0] != self.url("change", item.pk)] if item else [],
            **self.beside,
            **self.page_context(request, item),
            **more,
        }  # fmt: skip
        return TemplateResponse(request, self.form_template, context, status=status)

    form_template = "admin/form.html"
    #: facts: one line under the title; notes: sentences above the fields; locked: nothing can be changed; colour: a dot before
    #: the title; log: (when, who, what) of the last changes; new_token: shown this once.
    beside = {"facts": "", "notes": [], "locked": False, "colour": "", "log": [], "new_token": ""}

    def add_title(self):
        return _("New %(what)s") % {"what": self.opts.verbose_name}

    def page_context(self, request, item):
        """Return what this page's form shows beside its fields: some of `beside`."""
        return {}

    def get_form_fields(self, request, item):
        return self.form_fields

    def extra_fields(self, request, item) -> dict[str, forms.Field]:
        """Return form fields that are no columns of the model."""
        return {}

    def initial(self, request, item):
        """Return the values of the extra fields."""
        return {}

    def make_form(self, request, item):
        names = [name for row in self.get_form_fields(request, item) for name in ((row,) if isinstance(row, str) else row)]
        extra = self.extra_fields(request, item)
        columns = [name for name in names if name not in extra]
        made = forms.fields_for_model(self.model, fields=columns, widgets=self.widgets)
        initial = forms.model_to_dict(item, columns) if item else {}
        return ActionForm(
            request.POST if request.method == "POST" else None,
            fields={name: extra.get(name) or made[name] for name in names},
            initial=initial | self.initial(request, item),
            version=getattr(item, "version", None),
            new=item is None,
        )

    def also_wrong(self, item, form) -> dict:
        """Return by field what the action would refuse of the values of a form in which something is wrong already."""
        return {}

    def tried(self, item, form):
        """Return the item as it would be by what of the form could be read."""
        tried = copy(item) if item else self.model()
        columns = {field.name for field in self.opts.fields}
        for name in columns & form.cleaned_data.keys() - {"version"}:
            setattr(tried, name, form.cleaned_data[name])
        return tried

    def save(self, request, item, form) -> Saved:
        """Let the action write the form's values; raise what it raises."""
        raise NotImplementedError


def counted(count, model) -> str:
    """Return a number of records of a kind in words: *87 persons*."""
    return f"{formats.number(count)} {model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural}"


def show(value):
    """Return a cell's content for a template."""
    if value is True:
        return format_html('<span class="yes">{}</span>', _("Yes"))
    if value is False or value is None or value == "":
        return mark_safe('<span class="muted" aria-hidden="true">–</span>')
    if isinstance(value, int):
        return formats.number(value)
    if hasattr(value, "hour"):
        return format_html('<span title="{}">{}</span>', formats.moment(value), formats.near(value))
    return value


class ActionForm(forms.Form):
    """A form that knows what its user saw: only what they changed is written, and a change by others is noticed (R17)."""

    def __init__(self, data, *, fields, initial, version, new):
        super().__init__(data, initial=initial)
        self.new = new
        self.fields.update(fields)
        for each in self.fields.values():
            # Beside each field stands what it was, hidden.
            each.show_hidden_initial = not isinstance(each.widget, forms.PasswordInput)
        if version is not None:
            self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=version, required=False)
        self.conflict: Conflict | None = None

    @property
    def version(self):
        """The version the user saw; without a readable one it is a stale one."""
        return self.cleaned_data.get("version") or 0

    @property
    def values(self):
        """What the user changed; of a new item everything."""
        names = [name for name in self.fields if name != "version"]
        return {name: self.cleaned_data[name] for name in names if self.new or name in self.changed_data}

    @property
    def was(self):
        """What the user saw of the fields they changed, as far as the browser could say it."""
        seen = {}
        for name in self.values:
            bound = self[name]
            with suppress(ValidationError):
                shown = bound.field.hidden_widget().value_from_datadict(self.data, self.files, bound.html_initial_name)
                seen[name] = bound.field.clean(shown)
        return seen

    def show_conflict(self, conflict):
        """Tell both values at each field that both changed; saving again keeps the user's own."""
        self.conflict = conflict
        for name, (theirs, _mine) in conflict.fields.items():
            self.add_error(
                name, _("Somebody else has changed this to “%(value)s” in the meantime.") % {"value": self._words(name, theirs)}
            )
        self.data = self.data.copy()
        self.data["version"] = str(getattr(conflict.record, "version", ""))

    def _words(self, name, value):
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, models.Model):
            return str(value)
        return dict(getattr(self.fields[name], "choices", ())).get(value, value)


def add_errors(form, error, beside=False):
    """Put an action's errors at the fields of the form; `beside` what is wrong already, only where nothing is."""
    fields = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
    for name, sentences in fields.items():
        for sentence in sentences if not beside or (name in form.fields and name not in form.errors) else ():
            form.add_error(name if name in form.fields else None, sentence)
