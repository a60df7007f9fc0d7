"""The API's common parts (A4): who asks, pages, errors, versions, and records changed by the same actions as everywhere."""

import hashlib
import json
import re

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.fields import empty
from rest_framework.response import Response

from crm import external_ids
from crm.api_basics import JsonParser, SessionAuthentication, Stale, TokenAuthentication, language_of
from crm.filters import CatalogueBackend
from crm.history.changes import Conflict, Outcome
from crm.models import IdempotencyKey

#: Parameters of which a second one would contradict the first.
ONCE = {"page", "page_size", "ordering", "search", "allow_duplicate"}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token lotse_…"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class VersionNeeded(exceptions.APIException):
    status_code = 428
    default_code = "version_required"


class Mismatch(exceptions.APIException):
    status_code = 422
    default_code = "idempotency"


@extend_schema(exclude=True)
@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
def nowhere(request):
    """What is not there is said as everything else: in JSON, in the language asked for, and to those signed in."""
    translation.activate(language_of(request))
    raise Http404


class Strict:
    """A serializer that refuses fields it does not know, instead of dropping them (T08)."""

    def run_validation(self, data=empty):
        if data is None:
            self._refuse_other_than_object()
        return super().run_validation(data)

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            self._refuse_other_than_object()
        if unknown := set(data) - set(self.fields):
            raise exceptions.ValidationError(
                {str(name)[:100]: [_("This field does not exist.")] for name in sorted(map(str, unknown))}
            )
        self._read_only_unchanged(data)
        kept = self._kept(data)
        return super().to_internal_value({name: value for name, value in data.items() if name not in kept}) | kept

    @staticmethod
    def _refuse_other_than_object():
        raise exceptions.ValidationError({"non_field_errors": [_("An object is expected.")]})

    def _read_only_unchanged(self, data):
        """A field that is only read may be sent back as it was got, not changed."""
        told_before = {"version"} if self.instance else set()  # by which the change was let in, or refused
        sent = [name for name in data if name in self.fields and self.fields[name].read_only and name not in told_before]
        if not sent:
            return
        current = (
            json.loads(json.dumps(type(self)(self.instance, context=self.context).data, default=str)) if self.instance else {}
        )
        wrong = [name for name in sent if name not in current or data[name] != current[name]]
        if wrong:
            raise exceptions.ValidationError({name: [_("This field can only be read.")] for name in wrong})

    def _kept(self, data):
        """Return {name: record} of the choices that are sent back as they are: also of one the user may not choose."""
        if self.instance is None:
            return {}
        chosen = [name for name in data if isinstance(self.fields[name], Choice) and isinstance(data[name], int | str)]
        return {
            name: getattr(self.instance, name)
            for name in chosen
            if not isinstance(data[name], bool) and str(data[name]) == str(getattr(self.instance, f"{name}_id"))
        }


@extend_schema_field(
    {
        "type": "array",
        "maxItems": 50,
        "items": {
            "type": "object",
            "properties": {
                "source": {"type": "string", "minLength": 1, "maxLength": 60},
                "external_id": {"type": "string", "minLength": 1, "maxLength": 120},
            },
            "required": ["source", "external_id"],
            "additionalProperties": False,
        },
    }
)
class ExternalIdsField(serializers.Field):
    """What other systems call the record: a list of {source, external_id}, written as a whole."""

    MOST = 50
    LENGTHS = {"source": 60, "external_id": 120}

    def get_attribute(self, instance):
        return instance

    def to_representation(self, instance):
        known = getattr(instance, "external_id_list", None)
        if known is None:
            known = external_ids.of(instance.history.record_type, [instance.pk])[instance.pk]
        return known

    def to_internal_value(self, data):
        if not isinstance(data, list) or len(data) > self.MOST:
            raise exceptions.ValidationError(_("Enter a list of at most %(count)s ids.") % {"count": self.MOST})
        read = [self._one(item) for item in data]
        if len({(one["source"], one["external_id"]) for one in read}) < len(read):
            raise exceptions.ValidationError(_("The same id stands here twice."))
        return read

    def _one(self, item):
        if not isinstance(item, dict) or set(item) != set(self.LENGTHS):
            raise exceptions.ValidationError(_("Each id is an object with “source” and “external_id”."))
        for name, length in self.LENGTHS.items():
            text = item[name]
            if not isinstance(text, str) or not 0 < len(text.strip()) <= length or not text.isprintable():
                raise exceptions.ValidationError(_("“source” is a text of at most 60 characters, “external_id” of at most 120."))
        one = {name: text.strip() for name, text in item.items()}
        if one["source"] == external_ids.OWN_SOURCE:
            raise exceptions.ValidationError(_("The source “%(source)s” is Lotse's own.") % {"source": one["source"]})
        return one


def load_external_ids(page):
    """Give the records of a page their external ids by one query."""
    if page:
        known = external_ids.of(page[0].history.record_type, [record.pk for record in page])
        for record in page:
            record.external_id_list = known[record.pk]
    return page


class InLanguage:
    """Answers in the language a program asks for, and in its user's zone (R19); what nobody reads is refused."""

    parser_classes = (JsonParser,)
    #: What may stand in the address, by the name of the view's action.
    parameters: dict[str, set[str]] = {}

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        translation.activate(language_of(request))
        if request.user.is_authenticated:
            timezone.activate(request.user.zone)
        # Filters are read by the backend, which knows them.
        known = self.parameters.get(self.action)
        given = request.query_params
        wrong = {name: _("This parameter does not exist.") for name in given if known is not None and name not in known}
        wrong |= {name: _("Give this parameter once.") for name in given if name in ONCE and len(given.getlist(name)) > 1}
        if wrong:
            raise exceptions.ValidationError({name[:100]: [text] for name, text in wrong.items()})


class ReadViewSet(InLanguage, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Lists everybody who is signed in may read."""

    parameters = {"list": {"page", "page_size"}, "retrieve": set()}


VERSION = OpenApiParameter(
    "If-Match", {"type": "string", "pattern": r'^(W/)?"?[0-9]{1,9}"?$'}, OpenApiParameter.HEADER,
    description="The version the change is based on, unless the body has it.",
)  # fmt: skip
KEY = OpenApiParameter(
    "Idempotency-Key", {"type": "string", "pattern": "^[ -~]{1,100}$"}, OpenApiParameter.HEADER,
    description="A second request with the same key is answered as the first was, and creates nothing.",
)  # fmt: skip
DUPLICATE = OpenApiParameter(
    "allow_duplicate", bool,
    description="Create it although there is one of this e-mail (persons) or name (companies); otherwise that is a 409.",
)  # fmt: skip


@extend_schema_view(
    create=extend_schema(parameters=[KEY]), update=extend_schema(parameters=[VERSION]), partial_update=extend_schema(parameters=[VERSION]),
    destroy=extend_schema(parameters=[VERSION]),
)  # fmt: skip
class RecordViewSet(InLanguage, viewsets.ModelViewSet):
    """Records of one type: read through `visible_to`, changed by the actions, with the version one saw (settled 10)."""

    record_name = ""
    has_external_ids = True
    related: tuple[str, ...] = ()
    filter_backends = (CatalogueBackend,)
    parameters = {name: set() for name in ("retrieve", "create", "update", "partial_update", "destroy")}

    def create_record(self, values, outcome):
        raise NotImplementedError

    def edit_record(self, record, values, version):
        raise NotImplementedError

    def delete_record(self, record):
        raise NotImplementedError

    def beside(self, outcome) -> dict:
        """Return what the answer to a change tells besides the record: what a rule proposes."""
        return {}

    # --- Reading ------------------------------------------------------------------------------------------------------

    def visible(self):
        return self.queryset.model.objects.visible_to(self.request.user)

    def filter_queryset(self, queryset):
        # One record is asked for by its id; only lists are filtered.
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_queryset(self):
        if isinstance(self.request.user, AnonymousUser):
            return self.queryset.none()
        return self.visible().select_related(*self.related)

    def paginate_queryset(self, queryset):
        page = super().paginate_queryset(queryset)
        return load_external_ids(page) if self.has_external_ids else page

    def retrieve(self, request, *args, **kwargs):
        record = self.get_object()
        return self.answer(record, 200)

    def answer(self, record, status, outcome=None):
        beside = self.beside(outcome) if outcome is not None else {}
        response = Response({**self.get_serializer(record).data, **beside}, status=status)
        response.headers["ETag"] = f'"{record.version}"'
        return response

    # --- Changing -----------------------------------------------------------------------------------------------------

    def create(self, request, *args, **kwargs):
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return self._create(request)
        if len(key) > 100 or not key.isprintable():
            raise exceptions.ValidationError({"Idempotency-Key": [_("At most 100 characters.")]})
        asked = [request.get_full_path(), request.data]
        body = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
        with transaction.atomic():
            row, is_new = IdempotencyKey.objects.get_or_create(user=request.user, key=key, defaults={"digest": body})
            row = IdempotencyKey.objects.select_for_update().get(pk=row.pk)
            if row.digest != body:
                raise Mismatch(_("This key was used for another request."))
            if not is_new and row.answer is not None:
                return Response(row.answer, status=201, headers={"ETag": f'"{row.answer["version"]}"'})
            response = self._create(request)
            IdempotencyKey.objects.filter(pk=row.pk).update(answer=json.loads(json.dumps(response.data, default=str)))
        return response

    def _create(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        with transaction.atomic():
            self.refuse_duplicate(values)
            outcome = Outcome()
            record = self.create_record(values, outcome)
        return self.answer(self.get_queryset().filter(pk=record.pk).first() or record, 201, outcome)

    def refuse_duplicate(self, values):
        """Raise Stale if there is such a record; a type that knows no duplicates lets everything pass."""

    def update(self, request, *args, **kwargs):
        record = self.get_object()
        version = self.version(request, record)
        serializer = self.get_serializer(record, data=request.data, partial=kwargs.get("partial", False))
        serializer.is_valid(raise_exception=True)
        try:
            outcome = self.edit_record(record, dict(serializer.validated_data), version)
        except Conflict as conflict:
            raise self.stale(conflict.record) from conflict
        changed = self.get_queryset().filter(pk=record.pk).first()
        if changed is None:  # given away: it is not ours to see any more
            return Response(status=204)
        return self.answer(changed, 200, outcome)

    def destroy(self, request, *args, **kwargs):
        record = self.get_object()
        version = self.version(request, record)
        with transaction.atomic():
            # Locked: what somebody else writes between the question and the deed would go into the bin unseen.
            current = self.queryset.model.objects.select_for_update(no_key=True).filter(pk=record.pk, deleted_at=None).first()
            if current is None:
                raise Http404
            if version != current.version:
                raise self.stale(current)
            self.delete_record(current)
        return Response(status=204)

    def version(self, request, record):
        """Return the version the client saw: from the body or `If-Match`; 428 without one."""
        given = request.data.get("version") if isinstance(request.data, dict) else None
        if given is None and (header := request.headers.get("If-Match")):
            given = header.strip().removeprefix("W/").strip('"')
        if given is None:
            raise VersionNeeded(_("Send the version you saw, in the body or as If-Match."))
        if isinstance(given, bool) or not str(given).isdecimal() or len(str(given)) > 9:
            raise exceptions.ValidationError({"version": [_("Enter a number.")]})
        return int(given)

    def stale(self, record):
        current = self.get_queryset().filter(pk=record.pk).first()
        if current is None:
            raise Http404
        return Stale(
            {"detail": _("Somebody else has changed this record in the meantime."), "current": self.get_serializer(current).data}
        )


class MatchedViewSet(RecordViewSet):
    """Records that are there once: what is to be created is first looked for (settled 17)."""

    parameters = {**RecordViewSet.parameters, "create": {"allow_duplicate"}}

    def existing(self, values):
        raise NotImplementedError

    def refuse_duplicate(self, values):
        found = self.existing(values)
        if found is None or self._allowed_twice():
            return
        seen = self.get_queryset().filter(pk=found.pk).first()
        current = self.get_serializer(seen).data if seen else None
        raise Stale({"detail": _("This already exists."), "current": current})

    def _allowed_twice(self):
        given = self.request.query_params.get("allow_duplicate", "false")
        if given not in {"true", "false", "1", "0"}:
            raise exceptions.ValidationError({"allow_duplicate": [_("Answer yes or no.")]})
        return given in {"true", "1"}

    @extend_schema(parameters=[KEY, DUPLICATE])
    def create(self, request, *args, **kwargs):
        return super().create(request, *args, **kwargs)


class Choice(serializers.PrimaryKeyRelatedField):
    """The id of an item or record; `visible` limits records to those the user may see: a foreign id is as one that is not there."""

    default_error_messages = {"does_not_exist": gettext_lazy("This is no valid choice.")}

    def __init__(self, visible=False, **kwargs):
        self.visible = visible
        super().__init__(**kwargs)

    def get_queryset(self):
        queryset = super().get_queryset()
        return queryset.visible_to(self.context["request"].user) if self.visible and queryset is not None else queryset

    def to_internal_value(self, data):
        if isinstance(data, bool) or not isinstance(data, int | str) or not re.fullmatch("[0-9]{1,18}", str(data)):
            self.fail("does_not_exist")
        return super().to_internal_value(data)
