"""The API's common parts (A4): who asks, pages, errors, versions, and records changed by the same actions as everywhere."""

import hashlib
import json

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import Http404
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.response import Response

from crm.api_basics import SessionAuthentication, Stale, TokenAuthentication, language_of
from crm.filters import CatalogueBackend
from crm.history.changes import Conflict
from crm.models import ExternalId, IdempotencyKey

MAX_BODY_DEPTH = 20


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token lotse_…"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "cookie", "name": "lotse_session"}


class VersionNeeded(exceptions.APIException):
    status_code = 428
    default_code = "version_required"


class Mismatch(exceptions.APIException):
    status_code = 422
    default_code = "idempotency"


class Strict:
    """A serializer that refuses fields it does not know, instead of dropping them (T08)."""

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            raise exceptions.ValidationError({"non_field_errors": [_("An object is expected.")]})
        if unknown := set(data) - set(self.fields) - {"version"}:
            raise exceptions.ValidationError(
                {str(name)[:100]: [_("This field does not exist.")] for name in sorted(map(str, unknown))}
            )
        self._read_only_unchanged(data)
        return super().to_internal_value(data)

    def _read_only_unchanged(self, data):
        """A field that is only read may be sent back as it was got, not changed."""
        sent = [name for name in data if name in self.fields and self.fields[name].read_only and name != "version"]
        if not sent:
            return
        current = (
            json.loads(json.dumps(type(self)(self.instance, context=self.context).data, default=str)) if self.instance else {}
        )
        wrong = [name for name in sent if data[name] != current.get(name)]
        if wrong:
            raise exceptions.ValidationError({name: [_("This field can only be read.")] for name in wrong})


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "object", "properties": {"source": {"type": "string"}, "external_id": {"type": "string"}}},
    }
)
class ExternalIdsField(serializers.Field):
    """What other systems call the record: a list of {source, external_id}."""

    def get_attribute(self, instance):
        return instance

    def to_representation(self, instance):
        known = getattr(instance, "external_id_list", None)
        if known is None:
            rows = ExternalId.objects.filter(record_type=instance.history.record_type, record_id=instance.pk).order_by(
                "source", "external_id"
            )
            known = list(rows.values("source", "external_id"))
        return known


def load_external_ids(page):
    """Give the records of a page their external ids by one query."""
    if not page:
        return page
    rows = ExternalId.objects.filter(record_type=page[0].history.record_type, record_id__in=[record.pk for record in page])
    by_record: dict[int, list] = {record.pk: [] for record in page}
    for row in rows.order_by("source", "external_id").values("record_id", "source", "external_id"):
        by_record[row["record_id"]].append({"source": row["source"], "external_id": row["external_id"]})
    for record in page:
        record.external_id_list = by_record[record.pk]
    return page


class InLanguage:
    """Answers in the language a program asks for."""

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        translation.activate(language_of(request))


class ReadViewSet(InLanguage, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Lists everybody who is signed in may read; unknown parameters are refused."""

    def list(self, request, *args, **kwargs):
        if unknown := set(request.query_params) - {"page", "page_size"}:
            raise exceptions.ValidationError({name[:100]: [_("This parameter does not exist.")] for name in sorted(unknown)})
        return super().list(request, *args, **kwargs)


VERSION = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The version the change is based on, unless the body has it."
)
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key is answered the same once more."
)


@extend_schema_view(
    create=extend_schema(parameters=[KEY]), update=extend_schema(parameters=[VERSION]), partial_update=extend_schema(parameters=[VERSION]),
    destroy=extend_schema(parameters=[VERSION]),
)  # fmt: skip
class RecordViewSet(InLanguage, viewsets.ModelViewSet):
    """Records of one type: read through `visible_to`, changed by the actions, with the version one saw (settled 10)."""

    record_name = ""
    related: tuple[str, ...] = ()
    filter_backends = (CatalogueBackend,)

    def create_record(self, values):
        raise NotImplementedError

    def edit_record(self, record, values, version):
        raise NotImplementedError

    def delete_record(self, record):
        raise NotImplementedError

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
        return load_external_ids(super().paginate_queryset(queryset))

    def retrieve(self, request, *args, **kwargs):
        record = self.get_object()
        return self.answer(record, 200)

    def answer(self, record, status):
        response = Response(self.get_serializer(record).data, status=status)
        response.headers["ETag"] = f'"{record.version}"'
        return response

    # --- Changing -----------------------------------------------------------------------------------------------------

    def create(self, request, *args, **kwargs):
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return self._create(request)
        if len(key) > 100 or not key.isprintable():
            raise exceptions.ValidationError({"Idempotency-Key": [_("At most 100 characters.")]})
        body = hashlib.sha256(json.dumps([request.path, request.data], sort_keys=True, default=str).encode()).hexdigest()
        with transaction.atomic():
            row, is_new = IdempotencyKey.objects.get_or_create(user=request.user, key=key, defaults={"digest": body})
            row = IdempotencyKey.objects.select_for_update().get(pk=row.pk)
            if row.digest != body:
                raise Mismatch(_("This key was used for another request."))
            if not is_new and row.answer is not None:
                return Response(row.answer, status=201)
            response = self._create(request)
            IdempotencyKey.objects.filter(pk=row.pk).update(answer=json.loads(json.dumps(response.data, default=str)))
        return response

    def _create(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        record = self.create_record(dict(serializer.validated_data))
        return self.answer(self.get_queryset().filter(pk=record.pk).first() or record, 201)

    def update(self, request, *args, **kwargs):
        record = self.get_object()
        version = self.version(request, record)
        serializer = self.get_serializer(record, data=request.data, partial=kwargs.get("partial", False))
        serializer.is_valid(raise_exception=True)
        try:
            self.edit_record(record, dict(serializer.validated_data), version)
        except Conflict as conflict:
            raise self.stale(conflict.record) from conflict
        changed = self.get_queryset().filter(pk=record.pk).first()
        if changed is None:  # given away: it is not ours to see any more
            return Response(status=204)
        return self.answer(changed, 200)

    def destroy(self, request, *args, **kwargs):
        record = self.get_object()
        if self.version(request, record) != record.version:
            raise self.stale(record)
        self.delete_record(record)
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
            {"detail": _("Somebody else has changed this record meanwhile."), "current": self.get_serializer(current).data}
        )


class Choice(serializers.PrimaryKeyRelatedField):
    """The id of an item or record; `visible` limits records to those the user may see: a foreign id is as one that is not there."""

    def __init__(self, visible=False, **kwargs):
        self.visible = visible
        super().__init__(**kwargs)

    def get_queryset(self):
        queryset = super().get_queryset()
        return queryset.visible_to(self.context["request"].user) if self.visible and queryset is not None else queryset

    def to_internal_value(self, data):
        if isinstance(data, bool) or not isinstance(data, int | str) or len(str(data)) > 18:
            raise exceptions.ValidationError(_("This is no valid choice."))
        return super().to_internal_value(data)
