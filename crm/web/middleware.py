"""What happens around every request."""

import logging
import secrets

from django.conf import settings
from django.http import HttpResponseBadRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from crm.web import logs

logger = logging.getLogger("lotse")


class RequestId:
    """Gives each request an id for the logs, and refuses what no database can store: NUL in a path, query or form."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = secrets.token_hex(8)
        token = logs.request_id.set(request.id)
        try:
            if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
                return HttpResponseBadRequest(_("The address contains a character that cannot be stored."))
            response = self.get_response(request)
        finally:
            logs.request_id.reset(token)
        return response


class Headers:
    """Adds the headers Django has no setting for."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            # Nothing personal stays in a browser's or proxy's cache; Back asks again.
            patch_cache_control(response, no_store=True, private=True)
        return response


class Preferences:
    """Speaks the user's language and tells the time in their zone; before sign-in the browser's language decides (A3)."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.user.is_authenticated:
            language = request.user.language
            timezone.activate(request.user.zone)
        else:
            language = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
            if language not in dict(settings.LANGUAGES):
                language = translation.get_language_from_request(request)
            timezone.activate(settings.DEFAULT_USER_TIME_ZONE)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        try:
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
        finally:
            timezone.deactivate()
            translation.deactivate()
        return response


class SecondFactor:
    """Sends an administrator who has no second factor to set one up, where the installation demands it (settled 21)."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if settings.SECOND_FACTOR_FOR_ADMINISTRATORS and request.user.is_authenticated and request.user.is_staff:
            from allauth.mfa.utils import is_mfa_enabled

            if not request.path.startswith(("/accounts/", "/static/")) and not is_mfa_enabled(request.user):
                return redirect(reverse("mfa_activate_totp"))
        return self.get_response(request)
