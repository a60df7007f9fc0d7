"""A user's own settings (A3): who they are, how Lotse speaks and looks to them, what opens their account."""

import logging
from urllib.parse import urlsplit, urlunsplit

from allauth.account.decorators import reauthentication_required
from allauth.core import ratelimit
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from crm.models import ApiToken, Language, TableSetting, Theme, User
from crm.web.accounts import AccountAdapter, change_email
from crm.web.htmx import toast

logger = logging.getLogger("lotse.accounts")


class ProfileForm(forms.ModelForm):
    """Names and e-mail; whoever changes the address, which can reset the password, proves to know the password."""

    password = forms.CharField(
        label=gettext_lazy("Current password"),
        required=False,
        strip=False,
        max_length=200,
        help_text=gettext_lazy("Needed only to change your e-mail address."),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "email"]
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"autocomplete": "family-name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def clean(self):
        cleaned = super().clean()
        if "email" in self.changed_data and not self.errors and not self.initial_user.check_password(cleaned.get("password", "")):
            self.add_error("password", _("Please enter your current password to change the e-mail address."))
        return cleaned

    @property
    def initial_user(self):
        return User.objects.get(pk=self.instance.pk)

    def save(self, commit=True):
        user, email = self.initial_user, self.cleaned_data["email"]
        with transaction.atomic():
            user.first_name, user.last_name = self.cleaned_data["first_name"], self.cleaned_data["last_name"]
            user.save(update_fields=["first_name", "last_name"])
            if user.email != email:
                change_email(user, email)
        return user


class PreferencesForm(forms.ModelForm):
    """Language, time zone and appearance."""

    class Meta:
        model = User
        fields = ["language", "time_zone", "theme"]
        widgets = {
            "language": forms.RadioSelect,
            "theme": forms.RadioSelect,
        }
        error_messages = {"time_zone": {"invalid_choice": gettext_lazy("Choose one of the time zones in the list.")}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = Language.choices
        self.fields["theme"].choices = Theme.choices


class AbsenceForm(forms.ModelForm):
    """From when to when one is away: leads of forms go to others meanwhile (C3)."""

    class Meta:
        model = User
        fields = ["absent_from", "absent_until"]
        widgets = {
            name: forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d")
            for name in ("absent_from", "absent_until")
        }


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What is it for?"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    read_only = forms.BooleanField(label=gettext_lazy("May only read"), required=False)


def _page(request, status=200, **forms_given):
    user = User.objects.get(pk=request.user.pk)  # what a form refused is not yet the user
    context = {
        "profile": ProfileForm(instance=user),
        "preferences": PreferencesForm(instance=user),
        "absence": AbsenceForm(instance=user),
        "absence_now": user.is_absent(),
        "token_form": TokenForm(),
        "tokens": ApiToken.objects.filter(user=user, revoked_at=None).order_by("-pk"),
        "second_factor": is_mfa_enabled(user),
        "own_lists": TableSetting.objects.filter(user=user).exists(),
        "new_token": "",
        **forms_given,
    }
    return render(request, "settings/page.html", context, status=status)


@require_GET
def settings_page(request):
    return _page(request)


@require_POST
def save_profile(request):
    form = ProfileForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    # Whoever sits at a signed-in browser cannot guess the password here.
    if request.POST.get("password") and not ratelimit.consume(request, action="reauthenticate", user=request.user):
        form.add_error("password", AccountAdapter.error_messages["rate_limited"])
    elif form.is_valid():
        try:
            form.save()
        except IntegrityError:
            form.add_error("email", _("This e-mail is taken."))
    if form.errors:
        return _page(request, 422, profile=form)
    messages.success(request, _("Your profile is saved."))
    return redirect("crm:settings")


@require_POST
def save_preferences(request):
    form = PreferencesForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    if not form.is_valid():
        return _page(request, 422, preferences=form)
    user = form.save(commit=False)
    user.save(update_fields=form.Meta.fields)
    with translation.override(user.language):
        messages.success(request, _("Your settings are saved."))
    return redirect("crm:settings")


@require_POST
def save_absence(request):
    form = AbsenceForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    if not form.is_valid():
        return _page(request, 422, absence=form)
    form.save(commit=False).save(update_fields=form.Meta.fields)
    messages.success(request, _("Your absence is saved."))
    return redirect(f"{reverse('crm:settings')}#absence")


@reauthentication_required(allow_get=True)
def create_token(request):
    """Make a token and show it, this once."""
    if request.method != "POST":
        return redirect("crm:settings")
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, token_form=form)
    token = ApiToken.issue(request.user, form.cleaned_data["name"], form.cleaned_data["read_only"])
    logger.info("%s made an API token", request.user.username)
    return _page(request, new_token=token)


@require_POST
def revoke_token(request, pk):
    token = get_object_or_404(ApiToken, pk=pk, user=request.user, revoked_at=None)
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    logger.info("%s revoked an API token", request.user.username)
    messages.success(request, _("The token %(name)s no longer opens anything.") % {"name": token})
    return redirect(f"{reverse('crm:settings')}#tokens")


@require_POST
def reset_lists(request):
    """Let all lists show their default columns, sorting and grouping again (W3)."""
    mine = TableSetting.objects.filter(user=request.user)
    request.session["lists_before"] = dict(mine.values_list("table", "state"))
    mine.delete()
    return toast(
        HttpResponse(status=204), _("All lists show their default columns again."), undo_url=reverse("crm:lists_restore")
    )


@require_POST
def restore_lists(request):
    """Take `reset_lists` back, save for lists that were set up anew since."""
    states = request.session.pop("lists_before", {})
    rows = [TableSetting(user=request.user, table=table, state=state) for table, state in states.items()]
    TableSetting.objects.bulk_create(rows, ignore_conflicts=True)
    return toast(HttpResponse(status=204), _("Your lists are as they were."))


def _back(request):
    """Return to the page one came from, if it is ours, else to the start page."""
    address = request.POST.get("next") or request.headers.get("Referer", "")
    target = "/"
    if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        parts = urlsplit(address)
        if parts.path.startswith("/") and not parts.path.startswith(("//", "/\\")):
            target = urlunsplit(("", "", parts.path, parts.query, ""))
    return HttpResponseRedirect(target)


@require_POST
@login_not_required
def set_language(request):
    """Speak this language from now on: kept with the user, before sign-in with the browser."""
    language = request.POST.get("language", "")
    if language not in Language.values:
        return HttpResponse(status=400)
    response = _back(request)
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=language)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return response


@require_POST
def set_theme(request):
    theme = request.POST.get("theme", "")
    if theme not in Theme.values:
        return HttpResponse(status=400)
    User.objects.filter(pk=request.user.pk).update(theme=theme)
    return _back(request)
