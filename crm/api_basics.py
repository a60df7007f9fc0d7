"""What every request of the API passes: who asks, how often, pages, and errors as answers.

Apart from crm.api because Django REST framework loads these while it loads itself.
"""

import json

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.core.paginator import Paginator
from django.db.models import ProtectedError
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions, pagination, parsers, throttling

from crm.models import ApiToken
from crm.throttle import used


class TokenAuthentication(authentication.TokenAuthentication):
    """`Authorization: Token …`; only the hash of a token is stored."""

    model = ApiToken

    def authenticate_credentials(self, key):
        token = (
            ApiToken.objects.select_related("user__role")
            .filter(digest=ApiToken.hash(key), revoked_at=None, user__is_active=True)
            .first()
        )
        if token is None:
            raise exceptions.AuthenticationFailed(_("This token is not valid."))
        return token.user, token

    def authenticate(self, request):
        found = super().authenticate(request)
        if found and found[1].read_only and request.method not in {"GET", "HEAD", "OPTIONS"}:
            raise exceptions.PermissionDenied(_("This token may only read."))
        return found


class SessionAuthentication(authentication.SessionAuthentication):
    """The signed-in browser, with the usual guard against forged requests."""

    def authenticate_header(self, request):
        return "Token"

    def enforce_csrf(self, request):
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(
                _("Without a token of the API, the X-CSRFToken of the signed-in browser is needed.")
            ) from error


def language_of(request):
    """Return the language a program asks for, else its user's."""
    if request.META.get("HTTP_ACCEPT_LANGUAGE") or not request.user.is_authenticated:
        return translation.get_language_from_request(request)
    return request.user.language


class Throttle(throttling.UserRateThrottle):
    """Counts in the database by one statement, so that parallel calls are all counted, on every server."""

    def allow_request(self, request, view):
        key = self.get_cache_key(request, view)
        if key is None or self.rate is None:
            return True
        count, self.ends = used(key, self.duration)
        return count <= self.num_requests

    def wait(self):
        return max(1, self.ends - timezone.now().timestamp())


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"


class JsonParser(parsers.JSONParser):
    """JSON in UTF-8, without names given twice: of two values each program reads another one; and without halves of characters."""

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            raw = stream.read()
            found = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(_("This is no valid JSON: %(why)s") % {"why": _why(error)}) from error
        if b"\\ud" in raw.lower():
            view = (parser_context or {}).get("view")
            _require_whole_characters(found, save=getattr(view, "unread", ()))
        return found


class _Wrong(ValueError):
    """Says in words what is wrong with what is JSON all the same."""


def _once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Wrong(_("a name is given twice"))
    return found


def _no_number(text):
    raise _Wrong(_("%(text)s is no number") % {"text": text})


def _why(error) -> str:
    """Return in words why this is no JSON; the parser's own are English."""
    match error:
        case _Wrong():
            return str(error)
        case json.JSONDecodeError():
            return _("line %(line)s, column %(column)s") % {"line": error.lineno, "column": error.colno}
        case UnicodeDecodeError():
            return _("it is not in UTF-8")
        case RecursionError():
            return _("it is nested too deeply")
    return _("a number has too many digits")


def _require_whole_characters(found, save):
    """Raise ValidationError by field for texts that neither database could store, nor an answer repeat; save in these fields."""
    errors = {}
    for name, value in found.items() if isinstance(found, dict) else [("non_field_errors", found)]:
        if name in save:
            continue
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError:
            errors[name.encode("ascii", "backslashreplace").decode()] = [_("A character in it is not whole.")]
    if errors:
        raise exceptions.ValidationError(errors)


class NarrowPaginator(Paginator):
    """Finds the ids of a page first: what lies before it is passed by without being read as whole records."""

    def page(self, number):
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        ids = self.object_list.select_related(None).values("pk")[start : start + self.per_page]
        return self._get_page(self.object_list.filter(pk__in=ids), number, self)


class Pages(pagination.PageNumberPagination):
    django_paginator_class = NarrowPaginator
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_page_size(self, request):
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if not text.isdecimal() or not text.isascii() or len(text) > 6 or not 1 <= int(text) <= self.max_page_size:
            raise exceptions.ValidationError({"page_size": [_("Between 1 and %(most)s.") % {"most": self.max_page_size}]})
        return int(text)

    def paginate_queryset(self, queryset, request, view=None):
        text = request.query_params.get("page", "1")
        if not text.isdecimal() or not text.isascii() or len(text) > 9:
            raise exceptions.NotFound(_("There is no such page."))
        return super().paginate_queryset(queryset, request, view)


class Stale(Exception):
    """409: somebody else has changed the record (settled 10), or made it already (17); `answer` holds it as it is now."""

    def __init__(self, answer):
        super().__init__(answer["detail"])
        self.answer = answer


def exception_handler(error, context):
    """Turn what actions raise into answers; nothing of the inside shows."""
    from rest_framework.response import Response
    from rest_framework.views import exception_handler as default_handler
    from rest_framework.views import set_rollback

    if isinstance(error, Stale):
        set_rollback()
        return Response(error.answer, status=409)
    if isinstance(error, ValidationError):
        detail = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        error = exceptions.ValidationError(detail)
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    elif isinstance(error, ProtectedError):
        error = exceptions.ValidationError({"non_field_errors": [_("There are records that use it.")]})
    elif isinstance(error, RequestDataTooBig):
        error = TooLarge(_("This is too large."))
    elif isinstance(error, Http404):
        error = exceptions.NotFound()
    return default_handler(error, context)
