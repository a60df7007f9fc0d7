"""The admin site's pages of the ground floor: users, teams, roles, tokens, and what happened."""

from functools import wraps

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm import users
from crm.admin_site import PageAdmin, Saved, add_errors, counted
from crm.history import words
from crm.history.models import ChangeSet, Via
from crm.jobs import find
from crm.jobs.models import Job
from crm.models import ApiToken, Role, Team, User
from crm.text import fold
from crm.web import formats
from crm.web.htmx import say


def confirmed(view):
    """Let a page ask for one's own password first. What was sent before that is not kept: it may hold a password."""
    asking = reauthentication_required(view)

    @wraps(view)
    def asked(request, *args, **kwargs):
        try:
            return asking(request, *args, **kwargs)
        except ReauthenticationRequired:
            if request.method == "POST":
                return HttpResponseRedirect(request.path)
            raise

    return asked


class UserChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, user):
        return user.label


class LoggedAdmin(PageAdmin):
    """What is no record has no history of records; Django's own log tells who changed it and when."""

    section = "users"

    def page_context(self, request, item):
        return {"log": self.log_of(item)} if item else {}

    def log_of(self, item):
        """Return (when, who, what) of the last changes made here."""
        kind = ContentType.objects.get_for_model(self.model)
        entries = LogEntry.objects.filter(content_type=kind, object_id=str(item.pk)).select_related("user")[:10]
        return [
            (entry.action_time, entry.user, entry.get_change_message() or entry.get_action_flag_display()) for entry in entries
        ]

    def logged(self, request, before, item, form, text, **more):
        """Note the change in the log and return what was saved."""
        message = self.construct_change_message(request, form, None, add=before is None)
        if before is None:
            self.log_addition(request, item, message)
        elif form.changed_data:
            self.log_change(request, item, message)
        return Saved(text % {"name": item}, **more)


class Deletable:
    """A page that asks before it deletes for good."""

    def own_pages(self):
        return [*super().own_pages(), ("<int:object_id>/delete/", self.delete_view, "delete")]

    def row_actions(self, request, item):
        return [*super().row_actions(request, item), (self.url("delete", item.pk), _("Delete …"), "trash", False, "danger")]

    def delete_view(self, request, object_id, extra_context=None):
        item = self.item_or_404(request, object_id)
        errors: list[str] = []
        if request.method == "POST":
            name = str(item)
            try:
                self.delete(request, item)
            except ValidationError as error:
                errors = error.messages
            else:
                say(request, _("%(name)s was deleted.") % {"name": name})
                return HttpResponseRedirect(self.url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "item": item,
            "errors": errors,
            "consequence": self.consequence(item),
            "list_url": self.url("changelist"),
            "list_title": self.opts.verbose_name_plural,
        }
        return TemplateResponse(request, "admin/delete.html", context, status=422 if errors else 200)


class ActiveFilter(admin.SimpleListFilter):
    title = gettext_lazy("State")
    parameter_name = "off"

    def lookups(self, request, model_admin):
        return [("1", _("Deactivated"))]

    def queryset(self, request, queryset):
        return queryset.filter(is_active=self.value() != "1")

    def choices(self, changelist):
        for value, label in ((None, _("Active")), ("1", _("Deactivated"))):
            change = {"new_params": {"off": value}} if value else {"remove": ["off"]}
            yield {"selected": self.value() == value, "query_string": changelist.get_query_string(**change), "display": label}


@admin.register(User)
class UserAdmin(LoggedAdmin):
    icon, order = "users", 110
    about = gettext_lazy("The people who use Lotse. Users are deactivated, never deleted, so their changes keep their name.")
    list_display = ["label", "email", "role", "team_names", "language", "last_login"]
    list_filter = [ActiveFilter]
    list_select_related = ["role"]
    search_fields = ["username", "email", "name_key"]
    search_help_text = gettext_lazy("Name or e-mail")
    sortable_by = ["label", "email", "role", "last_login"]
    ordering = ["name_key"]
    form_fields = [
        ("first_name", "last_name"),
        ("username", "email"),
        "role",
        "teams",
        ("language", "time_zone"),
        ("absent_from", "absent_until"),
        "is_active",
    ]
    widgets = {
        "teams": forms.CheckboxSelectMultiple,
        "language": forms.RadioSelect,
        **{name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("absent_from", "absent_until")},
    }

    def own_pages(self):
        return [
            ("<int:object_id>/password/", self.password_view, "password"),
            ("<int:object_id>/second-factor/", require_POST(self.second_factor_view), "second_factor"),
        ]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related(Prefetch("teams", Team.objects.order_by("name")))

    def get_search_results(self, request, queryset, search_term):
        found, distinct = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(name_key__contains=fold(search_term)), distinct

    def summary(self, request):
        active = User.objects.filter(is_active=True).count()
        return ngettext("%(count)s active user", "%(count)s active users", active) % {"count": formats.number(active)}

    @admin.display(description=gettext_lazy("Name"), ordering="name_key")
    def label(self, user):
        return format_html(
            '<span class="line"><span class="avatar av-{}" aria-hidden="true">{}</span>'
            '<span class="named"><a class="name" href="{}">{}</a><span class="sub">{}</span></span></span>',
            user.avatar, user.initials, self.url("change", user.pk), user.name, user.username,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("Teams"))
    def team_names(self, user):
        return ", ".join(team.name for team in user.teams.all())

    def row_actions(self, request, user):
        actions = [*super().row_actions(request, user), (self.url("password", user.pk), _("Set password"), "key", False, "")]
        return actions

    def page_context(self, request, user):
        if user is None:
            return {}
        context = super().page_context(request, user)
        seen = formats.near(user.last_login) if user.last_login else _("never")
        facts = _("%(username)s · last login: %(when)s") % {"username": user.username, "when": seen}
        notes = [_("This user is switched off and cannot sign in.")] if not user.is_active else []
        owned = [(relation.related_model, relation.field.name) for relation in User._meta.related_objects
                 if hasattr(relation.related_model, "owner_paths") and relation.field.name == "owner"]  # fmt: skip
        counts = [(model, model._default_manager.filter(owner=user, deleted_at=None).count()) for model, _name in owned]
        parts = [counted(count, model).replace(" ", "\u00a0") for model, count in counts if count]
        if parts and not user.is_active:
            notes.append(
                _("They still own %(records)s; give these to somebody else in the lists.") % {"records": ", ".join(parts)}
            )
        elif parts:
            facts += " · " + _("owns %(records)s") % {"records": ", ".join(parts)}
        return context | {"facts": facts, "notes": notes}

    def page(self, request, item, form, status=200, **more):
        if form and form.errors and "password" in form.fields and "password" not in form.errors:
            form.add_error("password", _("Enter it again: for security, a password is not sent back to the page."))
        response = super().page(request, item, form, status, **more)
        if item and Authenticator.objects.filter(user=item).exists():
            remove = (self.url("second_factor", item.pk), _("Remove second factor"), "device-mobile", True, "")
            response.context_data["actions"].append(remove)
        return response

    def get_form_fields(self, request, user):
        return self.form_fields if user else [*self.form_fields[:2], "password", *self.form_fields[2:]]

    def extra_fields(self, request, user):
        return {} if user else {"password": password_field()}

    def make_form(self, request, user):
        form = super().make_form(request, user)
        form.fields["username"].widget.attrs["autocomplete"] = "off"
        form.fields["email"].widget.attrs["autocomplete"] = "off"
        form.fields["language"].choices = User._meta.get_field("language").choices
        form.fields["role"].empty_label = None if user else _("Choose one …")
        form.fields["role"].help_text = _("What the user may see and do.")
        form.fields["absent_until"].help_text = _("Absent users are assigned no leads from forms.")
        form.fields["teams"].help_text = _("Members of a team see each other's records if their role allows it.")
        return form

    def also_wrong(self, user, form):
        return users.wrong_in_user(self.tried(user, form), form.cleaned_data.get("password"))

    def save(self, request, user, form):
        values = form.values
        if user is None:
            password = values.pop("password")
            made = users.create_user(values, password, by=request.user)
            return self.logged(request, None, made, form, _("%(name)s was created."))
        changed = users.edit_user(user, values, by=request.user)
        return self.logged(request, user, changed, form, _("%(name)s was changed."))

    @method_decorator(confirmed)
    def password_view(self, request, object_id):
        user = self.item_or_404(request, object_id)
        form = PasswordForm(request.POST if request.method == "POST" else None)
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    users.set_password(user, form.cleaned_data["password"], by=request.user)
                except ValidationError as error:
                    add_errors(form, error)
                else:
                    self.log_change(request, user, _("Set a new password."))
                    say(request, _("%(name)s has a new password.") % {"name": user})
                    return HttpResponseRedirect(self.url("change", user.pk))
        title = _("Set a new password for %(name)s") % {"name": user}
        return super().page(request, user, form, status, fields=["password"], title=title, actions=[], notes=[])

    def second_factor_view(self, request, object_id):
        user = self.item_or_404(request, object_id)
        users.remove_second_factor(user, by=request.user)
        self.log_change(request, user, _("Removed the second factor."))
        say(request, _("%(name)s can sign in without a second factor now.") % {"name": user})
        return HttpResponseRedirect(self.url("change", user.pk))


def password_field():
    return forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=200,
        help_text=gettext_lazy("At least 12 characters. Pass it on securely; the user can change it in their settings."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class PasswordForm(forms.Form):
    conflict = None

    def __init__(self, data):
        super().__init__(data)
        self.fields["password"] = password_field()


@admin.register(Team)
class TeamAdmin(Deletable, LoggedAdmin):
    icon, order = "users-group", 120
    about = gettext_lazy("Members of a team see each other's records if their role allows it.")
    list_display = ["label", "members"]
    sortable_by = ()
    form_fields = ["name", "members"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related(Prefetch("users", User.objects.order_by("name_key")))

    @admin.display(description=gettext_lazy("Name"))
    def label(self, team):
        return format_html('<a class="name" href="{}">{}</a>', self.url("change", team.pk), team.name)

    @admin.display(description=gettext_lazy("Members"))
    def members(self, team):
        avatars = ((user.avatar, user.label, user.label, user.initials) for user in team.users.all())
        return format_html_join(" ", '<span class="avatar av-{}" role="img" aria-label="{}" title="{}">{}</span>', avatars)

    def extra_fields(self, request, team):
        there = Q(is_active=True) | Q(teams=team) if team else Q(is_active=True)
        everybody = User.objects.filter(there).distinct().order_by("name_key")
        return {"members": UserChoice(everybody, label=_("Members"), required=False, widget=forms.CheckboxSelectMultiple)}

    def initial(self, request, team):
        return {"members": list(team.users.all())} if team else {}

    def save(self, request, team, form):
        saved = users.save_team(team, form.values, by=request.user)
        return self.logged(request, team, saved, form, _("%(name)s was changed.") if team else _("%(name)s was created."))

    def consequence(self, team):
        count = team.users.count()
        members = ngettext("It has %(count)s member, who stays.", "It has %(count)s members, who stay.", count)
        return members % {"count": count} if count else _("Nobody is in this team.")

    def delete(self, request, team):
        self.log_deletions(request, [team])
        users.delete_team(team, by=request.user)


@admin.register(Role)
class RoleAdmin(Deletable, LoggedAdmin):
    icon, order = "shield", 130
    about = gettext_lazy("What users may see and do. A record is their own if they are its owner.")
    list_display = ["label", "rights", "user_count"]
    sortable_by = ()
    form_fields = [("name_en", "name_de"), ("see", "edit"), *Role.FLAGS]
    widgets = {"see": forms.RadioSelect, "edit": forms.RadioSelect}

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(user_count=Count("users", filter=Q(users__is_active=True))).order_by("pk")

    @admin.display(description=gettext_lazy("Name"))
    def label(self, role):
        scopes = _("sees: %(sees)s · edits: %(edits)s")
        scopes %= {"sees": role.get_see_display(), "edits": role.get_edit_display()}
        line = '<span class="line"><a class="name" href="{}">{}</a></span><span class="sub">{}</span>'
        return format_html(line, self.url("change", role.pk), role.name, scopes)

    @admin.display(description=gettext_lazy("Rights"))
    def rights(self, role):
        labels = (Role._meta.get_field(flag).verbose_name for flag in Role.FLAGS if getattr(role, flag))
        return format_html_join("", '<span class="right">{}</span>', ((label,) for label in labels))

    @admin.display(description=gettext_lazy("Active users"))
    def user_count(self, role):
        return role.user_count

    def row_actions(self, request, role):
        actions = super().row_actions(request, role)
        return actions[:-1] if role.code in users.PREDEFINED else actions

    def make_form(self, request, role):
        form = super().make_form(request, role)
        for language in ("en", "de"):
            form.fields[f"name_{language}"].required = False
        return form

    def also_wrong(self, role, form):
        wrong = users.wrong_in_role(self.tried(role, form), {})
        if "see" in form.errors:
            wrong.pop("edit", None)  # it was compared with what nobody chose
        return wrong

    def save(self, request, role, form):
        saved = users.save_role(role, form.values, by=request.user)
        return self.logged(request, role, saved, form, _("%(name)s was changed.") if role else _("%(name)s was created."))

    def consequence(self, role):
        return _("Nobody has this role.") if not role.users.exists() else ""

    def delete(self, request, role):
        users.delete_role(role, by=request.user)


@admin.register(ApiToken)
class ApiTokenAdmin(LoggedAdmin):
    icon, order = "key", 140
    about = gettext_lazy("With a token another program works in a user's name, with their rights.")
    list_display = ["label", "user", "read_only", "created_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username", "user__name_key"]
    sortable_by = ["created_at"]
    ordering = ["-pk"]
    form_fields = ["user", "name", "read_only"]

    def own_pages(self):
        return [("<int:object_id>/revoke/", require_POST(self.revoke_view), "revoke")]

    @admin.display(description=gettext_lazy("Name"))
    def label(self, token):
        return format_html("<b>{}</b>", token)

    def row(self, request, changelist, token):
        return super().row(request, changelist, token) | {"url": ""}

    def row_actions(self, request, token):
        return [] if token.revoked_at else [(self.url("revoke", token.pk), _("Revoke"), "circle-x", True, "danger")]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        raise Http404  # a token is made or revoked, never changed

    @method_decorator(confirmed)
    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request)

    def make_form(self, request, token):
        form = super().make_form(request, token)
        form.fields["user"].queryset = User.objects.filter(is_active=True)
        form.fields["user"].empty_label = _("Choose one …")
        form.fields["name"].required = True
        form.fields["name"].help_text = _("What is it for?")
        return form

    def save(self, request, token, form):
        values = form.values
        clear = ApiToken.issue(values["user"], values["name"], values["read_only"])
        made = ApiToken.objects.get(digest=ApiToken.hash(clear))
        saved = self.logged(request, None, made, form, "")
        saved.shown = {"new_token": clear, "title": str(made), "facts": str(made.user)}
        return saved

    def revoke_view(self, request, object_id):
        token = self.item_or_404(request, object_id)
        users.revoke_token(token, by=request.user)
        self.log_change(request, token, _("Revoked."))
        say(request, _("The token %(name)s no longer opens anything.") % {"name": token})
        return HttpResponseRedirect(self.url("changelist"))


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
