"""How allauth signs our users in: no sign-up, one answer for known and unknown addresses, links by BASE_URL (settled 21)."""

import hashlib
import json
import logging
from functools import lru_cache

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import ResetPasswordForm as AllauthResetPasswordForm
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.signals import password_reset
from allauth.account.utils import user_pk_to_url_str
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import check_password
from django.core.mail import send_mail
from django.db.models import Q
from django.dispatch import receiver
from django.http import JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crm.jobs import enqueue, job
from crm.models import User
from crm.sealed import opened, seal
from crm.web import formats

logger = logging.getLogger("lotse.accounts")

_CODES = "mfa/messages/recovery_codes_generated.txt"
#: What allauth tells after a redirect, in our words; all else it would say goes without saying.
SAID = {
    "account/messages/password_changed.txt": gettext_lazy("Your password was changed."),
    "mfa/messages/totp_activated.txt": gettext_lazy("The second factor is on."),
    "mfa/messages/totp_deactivated.txt": gettext_lazy("The second factor is off."),
    _CODES: gettext_lazy("There are new recovery codes; the old ones no longer work."),
}
#: What is told by mail as well, so that nobody's account is changed behind their back.
TOLD = {
    "account/email/password_changed": gettext_lazy("Your password was changed."),
    "account/email/password_reset": gettext_lazy("Your password was changed."),
    "mfa/email/totp_activated": gettext_lazy("The second factor was switched on."),
    "mfa/email/totp_deactivated": gettext_lazy("The second factor was switched off."),
    "mfa/email/recovery_codes_generated": gettext_lazy("New recovery codes were made."),
}


def name_in(credentials):
    return (credentials.get("username") or credentials.get("email") or "").strip()


def called(credentials):
    """Return the user of this user name or e-mail, or None. A user name holds no @, so it is never another's e-mail."""
    name = name_in(credentials)
    return User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name)).first()


class AccountAdapter(DefaultAccountAdapter):
    # Named by user name or by e-mail, known or not: what is wrong is not told.
    _mismatch = gettext_lazy("User name, e-mail or password is not right.")
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _mismatch,
        "email_password_mismatch": _mismatch,
        "too_many_login_attempts": gettext_lazy(
            "Too many failed attempts. For some minutes even a right one is refused; please try again later."
        ),
        "enter_current_password": gettext_lazy("This is not your current password."),
        "incorrect_password": gettext_lazy("This is not your password."),
        "incorrect_code": gettext_lazy("This code is not right, or no longer."),
        "rate_limited": gettext_lazy("Too many attempts. Please wait a moment."),
    }

    def is_open_for_signup(self, request):
        return False

    def get_client_ip(self, request):
        """Return the address of the client as far as our own proxies vouch for it."""
        forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        hops = settings.TRUSTED_PROXIES
        return forwarded[-hops] if hops and len(forwarded) >= hops else request.META.get("REMOTE_ADDR", "")

    def add_message(self, request, level, message_template=None, message_context=None, extra_tags="", message=None):
        if message_template in SAID:
            # Who switches the second factor on is given their first codes.
            first = message_template == _CODES and request.resolver_match.url_name == "mfa_activate_totp"
            text = _("Keep your recovery codes in a safe place.") if first else SAID[message_template]
            messages.add_message(request, level, text, extra_tags=extra_tags)

    def get_password_change_redirect_url(self, request):
        return reverse("crm:settings")

    def _get_login_attempts_cache_key(self, request, **credentials):
        """Count failed attempts per user, under whichever of their names, and not per Host header."""
        if user := called(credentials):
            return f"user:{user.pk}"
        # What was typed may be a mistyped password: it is not kept.
        return f"name:{hashlib.sha256(name_in(credentials).lower().encode()).hexdigest()}"

    def authentication_failed(self, request, **credentials):
        logger.warning("Sign-in refused for %r from %s", credentials.get("username", "")[:150], self.get_client_ip(request))

    def post_login(self, request, user, **rest):
        logger.info("%s signed in from %s", user.username, self.get_client_ip(request))
        return super().post_login(request, user, **rest)

    def send_notification_mail(self, template_prefix, user, context=None, email=None):
        if template_prefix in TOLD:
            logger.info("%s: %s", user.username, template_prefix.rpartition("/")[2])
            notify(user, TOLD[template_prefix])


class Backend(AuthenticationBackend):
    """One look-up and one slow comparison, whoever is named and however: the time tells nothing (T19)."""

    def _authenticate(self, request, **credentials):
        return self._check_password(called(credentials), credentials.get("password") or "")


@receiver(password_reset)
def forget_failed_attempts(request, user, **kwargs):
    """Who has proved to own the address may sign in at once."""
    key = AccountAdapter(request)._get_login_attempts_cache_key(request, username=user.username)
    ratelimit.clear(request, app="allauth.account", action="login_failed", key=key)


class MfaAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors encrypted: a stolen database makes no codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
        "unreadable": gettext_lazy("This second factor can no longer be read; an administrator can remove it."),
    }

    def encrypt(self, text):
        return seal("mfa", text)

    def decrypt(self, encrypted_text):
        try:
            return opened("mfa", encrypted_text)
        except InvalidToken as error:  # restored beside another SECRET_KEY
            raise self.validation_error("unreadable") from error


# --- Mail -------------------------------------------------------------------------------------------------------------


class ResetPasswordForm(AllauthResetPasswordForm):
    """Takes an address and hands it to a job: the answer is the same, and takes as long, whoever it belongs to."""

    def clean_email(self):
        return self.cleaned_data["email"].strip().lower()

    def save(self, request, **kwargs):
        enqueue(mail_password_reset, email=self.cleaned_data["email"], language=get_language())
        return self.cleaned_data["email"]


@job(label=gettext_lazy("E-mail to a user"))
def mail_password_reset(job, *, email, language):
    """Mail a link to the active user of this address, if there is one."""
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if not user:
        return
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    # Never the Host header: whoever asks for the mail may have forged it.
    address = settings.BASE_URL.rstrip("/") + reverse("account_reset_password_from_key", args=["UID", "KEY"]).replace(
        "UID-KEY", key
    )
    with translation.override(user.language):
        text = render_to_string("account/email/password_reset.txt", {"user": user, "address": address})
        send_mail(_("Choose a new password for Lotse"), text, settings.DEFAULT_FROM_EMAIL, [user.email])


def notify(user, what, *, to=""):
    """Tell a user by mail that something about their account was changed: a function or a lazy text, read in their language."""
    enqueue(mail_notice, user_id=user.pk, what=formats.in_languages(what)[user.language], to=to or user.email)


@job(label=gettext_lazy("E-mail to a user"))
def mail_notice(job, *, user_id, what, to):
    user = User.objects.get(pk=user_id)
    with translation.override(user.language):
        text = render_to_string("account/email/notice.txt", {"user": user, "what": what, "address": settings.BASE_URL})
        send_mail(_("Your account at Lotse"), text, settings.DEFAULT_FROM_EMAIL, [to])


def change_email(user, email):
    """Write a user's new address and tell the old one; links that were mailed to the old one no longer work."""
    old = user.email
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    logger.info("%s changed their e-mail address", user.username)
    notify(user, lambda: _("Your e-mail address was changed to %(email)s.") % {"email": email}, to=old)


# --- The demo ---------------------------------------------------------------------------------------------------------


def demo_signins():
    """Return (user, password) of the demo's users for the sign-in page; none unless this is a demo and they still hold."""
    if not settings.DEMO:
        return []
    try:
        signins = {entry["username"]: entry["password"] for entry in json.loads((settings.VAR_DIR / "demo.json").read_text())}
    except (OSError, ValueError, KeyError):
        return []
    users = {user.username: user for user in User.objects.filter(username__in=signins, is_active=True)}
    return [
        (users[name], password) for name, password in signins.items() if name in users and _holds(password, users[name].password)
    ]


@lru_cache(maxsize=20)
def _holds(password, encoded):
    # Slow by design, so each stored hash is compared once.
    return check_password(password, encoded)


@require_GET
def signed_in_as(request):
    """Tell a page that stayed open who is signed in by now, and by which token it may go on."""
    user = request.user
    return JsonResponse({"user": str(user.pk), "name": user.name, "token": get_token(request)})
