"""What happened: changes, and work in the background."""

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.admin_site import PageAdmin
from crm.history import words
from crm.history.models import ChangeSet, Via
from crm.jobs import find
from crm.jobs.models import Job
from crm.text import fold
from crm.web import formats


class ChoiceFilter(admin.SimpleListFilter):
    """One of a column's choices; anything else in the address is none of them."""

    offered: list

    def lookups(self, request, model_admin):
        return self.offered

    def queryset(self, request, queryset):
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class ViaFilter(ChoiceFilter):
    title, parameter_name, offered = gettext_lazy("How"), "via", Via.choices


class StateFilter(ChoiceFilter):
    title, parameter_name, offered = (
        gettext_lazy("State"),
        "state",
        [(value, capfirst(label)) for value, label in Job.State.choices],
    )


class LogAdmin(PageAdmin):
    """Something one can only read."""

    section = "log"
    read_only = True
    show_full_result_count = False
    sortable_by = ()
    ordering = ["-pk"]

    def pages(self):
        return [("", self.admin_site.admin_view(self.changelist_view), self.name("changelist"))]

    def row(self, request, changelist, item):
        return {
            "item": item,
            "label": str(item),
            "url": "",
            "cells": list(self.cells(changelist, item)),
            "actions": self.row_actions(request, item),
        }

    def row_actions(self, request, item):
        return []


@admin.register(ChangeSet)
class ChangeSetAdmin(LogAdmin):
    icon, order = "history", 210
    about = gettext_lazy("Every change to records and lists: who changed what, when and how.")
    list_display = ["what", "when", "who", "how", "result"]
    list_filter = [ViaFilter]
    list_select_related = ["by"]
    search_fields = ["action"]
    search_help_text = gettext_lazy("Name of a record or user")

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        found = Q(params__name__icontains=search_term.strip()) | Q(by__name_key__contains=fold(search_term))
        return queryset.filter(found | Q(action__icontains=search_term.strip())), False

    def summary(self, request):
        last = ChangeSet.objects.order_by("-pk").first()
        return _("last: %(when)s") % {"when": formats.near(last.at)} if last else ""

    @admin.display(description=gettext_lazy("When"))
    def when(self, change_set):
        return change_set.at

    @admin.display(description=gettext_lazy("What"))
    def what(self, change_set):
        line = format_html('<span class="line">{}</span>', words.what(change_set))
        return format_html('{}<span class="sub">{}</span>', line, about) if (about := self.whom(change_set)) else line

    def whom(self, change_set):
        """Return which record it was about, or how many."""
        params = change_set.params
        if "list" in params or change_set.action.startswith("activity."):
            return ""
        count = params.get("count", 1)
        if count != 1:
            return ngettext("%(count)s record", "%(count)s records", count) % {"count": formats.number(count)}
        return params.get("name", "")

    @admin.display(description=gettext_lazy("Who"))
    def who(self, change_set):
        return change_set.by.label if change_set.by else Via.SYSTEM.label

    @admin.display(description=gettext_lazy("How"))
    def how(self, change_set):
        return change_set.get_via_display()

    @admin.display(description=gettext_lazy("State"))
    def result(self, change_set):
        if change_set.undone and change_set.state == ChangeSet.State.DONE:
            return _("Undone")
        return capfirst(change_set.get_state_display()) if change_set.state != ChangeSet.State.DONE else ""

    def row_actions(self, request, change_set):
        return (
            [(reverse("crm:undo", args=[change_set.pk]), _("Undo"), "arrow-back-up", "htmx", "")] if change_set.undoable else []
        )


@admin.register(Job)
class JobAdmin(LogAdmin):
    icon, order = "clock", 220
    about = gettext_lazy("Work in the background, running or finished.")
    list_display = ["label", "who", "state_now", "progress", "started", "finished"]
    list_filter = [StateFilter]
    list_select_related = ["owner"]
    search_fields = [
        "title",
        *(f"titles__{language}" for language, _name in settings.LANGUAGES),
        "path",
        "owner__username",
        "owner__name_key",
    ]

    def summary(self, request):
        running = Job.objects.unfinished().count()
        return _("%(count)s waiting or running") % {"count": formats.number(running)} if running else _("nothing to do")

    @admin.display(description=gettext_lazy("Started"))
    def started(self, job):
        return job.created_at

    @admin.display(description=gettext_lazy("What"))
    def label(self, job):
        error = job.error.strip().rsplit("\n", 1)[-1][:200] if job.error else ""
        text = job.text or error
        sub = format_html('<span class="sub">{}</span>', text) if text else ""
        return format_html(
            '<span class="line">{}</span>{}', job.label or getattr(find(job.path), "job_label", "") or job.path, sub
        )

    @admin.display(description=gettext_lazy("Who"))
    def who(self, job):
        return job.owner.label if job.owner else Via.SYSTEM.label

    @admin.display(description=gettext_lazy("State"))
    def state_now(self, job):  # not `result`: the model has such a field, and the admin would show that
        return capfirst(job.get_state_display())

    @admin.display(description=gettext_lazy("Progress"))
    def progress(self, job):
        if not job.total:
            return ""
        return format_html(
            '<progress value="{}" max="{}" aria-label="{}"></progress> <span class="muted">{}/{}</span>',
            job.done, job.total, _("Progress"), formats.number(job.done), formats.number(job.total),
        )  # fmt: skip

    @admin.display(description=gettext_lazy("Finished"))
    def finished(self, job):
        return job.finished_at
