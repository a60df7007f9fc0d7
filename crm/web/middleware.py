"""What happens around every request."""

import logging
import random
import secrets
import time
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import SuspiciousOperation
from django.db import DataError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from crm.web import errors, logs

logger = logging.getLogger("lotse")


class RequestId:
    """Gives each request an id for the logs."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = secrets.token_hex(8)
        token = logs.request_id.set(request.id)
        try:
            return self.get_response(request)
        finally:
            logs.request_id.reset(token)


class Headers:
    """Adds the headers Django has no setting for."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        signing_out = request.path == reverse("account_logout") and request.method == "POST"
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
        if signing_out and response.status_code == 302:
            # Nothing personal is left in the browser: its cache, the pages Back would show, what scripts stored.
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        if not request.path.startswith(settings.STATIC_URL) and not getattr(response, "may_be_kept", False):
            # Nothing personal stays in a browser's or proxy's cache; Back asks again.
            patch_cache_control(response, no_store=True, private=True)
        return response


class Public:
    """Keeps the addresses of PUBLIC_PATHS free of sessions and cookies: whoever opens them is a stranger to us (settled 20)."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path.startswith(settings.PUBLIC_PATHS):
            return self.get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        response = self.get_response(request)
        response.cookies.clear()
        response.headers.pop("Vary", None)  # it varies by no cookie
        return response


class BadInput:
    """Answers 400 to what no database can store, should a form ever let it through: NUL, over-long text, giant numbers."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return self.answer(request)
        return self.get_response(request)

    def process_exception(self, request, exception):
        told = str(exception)
        if (
            isinstance(exception, DataError | UnicodeEncodeError)
            or (isinstance(exception, OverflowError) and "SQLite" in told)
            or (isinstance(exception, ValueError) and "NUL" in told)
        ):
            logger.warning("A view let through what cannot be stored", exc_info=exception)
            return self.answer(request)
        return None

    @staticmethod
    def answer(request):
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": _("This request cannot be understood")}, status=400)
        return errors.bad_request(request, SuspiciousOperation())


class Again:
    """Answers a request anew that PostgreSQL ended because two waited for each other: its transaction left nothing behind."""

    TRIES = 3
    ENDED = {"40P01", "40001"}

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not self.waited_in_a_circle(exception):
            return None
        match = request.resolver_match
        for number in range(self.TRIES):
            logger.warning("Waited in a circle; done again: %s %s", request.method, request.path)
            time.sleep(random.uniform(0.01, 0.1) * (number + 1))  # noqa: S311 (so that the two do not meet again)
            try:
                return match.func(request, *match.args, **match.kwargs)
            except OperationalError as error:
                if not self.waited_in_a_circle(error):
                    raise
        return None

    def waited_in_a_circle(self, exception):
        return isinstance(exception, OperationalError) and getattr(exception.__cause__, "sqlstate", "") in self.ENDED


class SignedIn(LoginRequiredMiddleware):
    """Denies every page to who is not signed in, unless its view says otherwise, and ends sessions.

    A session ends after IDLE seconds without a request and SESSION_COOKIE_AGE seconds after signing in, however busy. htmx gets
    a 401 and not the sign-in page, so that what was typed stays on the page.
    """

    IDLE = 12 * 3600
    NOTED = 5 * 60  # the last request is noted no more often

    def __call__(self, request):
        self._end_or_prolong(request)
        return super().__call__(request)

    def _end_or_prolong(self, request):
        session, now = request.session, int(time.time())
        if "_auth_user_id" not in session:
            return
        since, seen = session.get("since", now), session.get("seen", 0)
        switched_off = not request.user.is_authenticated
        if switched_off or now - since > settings.SESSION_COOKIE_AGE or (seen and now - seen > self.IDLE):
            logout(request)
        elif now - seen > self.NOTED and "Lotse-Shown" not in request.headers:
            # A board that only asks by itself whether there is something new is no sign of its user.
            session["since"], session["seen"] = since, now

    def handle_no_permission(self, request, view_func):
        if "HX-Request" in request.headers:
            return HttpResponse(status=401)
        if request.method in {"GET", "HEAD"}:
            return super().handle_no_permission(request, view_func)
        # Where something was sent to, there may be nothing to look at: signing in leads to the page it was sent from.
        page = request.headers.get("Referer", "")
        ours = url_has_allowed_host_and_scheme(page, {request.get_host()})
        here = urlsplit(page)._replace(scheme="", netloc="", fragment="").geturl() if ours else reverse("home")
        return redirect_to_login(here, self.get_login_url(view_func), self.get_redirect_field_name(view_func))


class Preferences:
    """Speaks the user's language and tells the time in their zone; before sign-in the browser's language decides (A3)."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.user.is_authenticated:
            language, zone = request.user.language, request.user.zone
        else:
            language, zone = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""), settings.DEFAULT_USER_TIME_ZONE
            if language not in dict(settings.LANGUAGES):
                language = translation.get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language), timezone.override(zone):
            response = self.get_response(request)
            # What a program asked for by Accept-Language, the API has switched to meanwhile.
            response.headers.setdefault("Content-Language", translation.get_language())
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
