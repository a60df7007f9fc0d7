"""Users, teams and roles."""

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm import users
from crm.admin.base import Deletable, LoggedAdmin, confirmed
from crm.admin_site import InUseFilter, add_errors, counted
from crm.models import Role, Team, User
from crm.text import fold
from crm.web import formats
from crm.web.htmx import say


class UserChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, user):
        return user.label


class ActiveFilter(InUseFilter):
    parameter_name = "off"
    words = (gettext_lazy("Active"), gettext_lazy("Deactivated"))

    def in_use(self, queryset, wanted):
        return queryset.filter(is_active=wanted)


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
        with transaction.atomic():  # nothing is noted of one that stays
            self.log_deletions(request, [role])
            users.delete_role(role, by=request.user)
