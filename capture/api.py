"""The API of forms and submissions: programs read what came in, and send what other sources of leads have (C1–C3, A4)."""

import hashlib
import secrets

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import exceptions, mixins, serializers
from rest_framework.response import Response

from capture import actions, consents, questions, touches
from capture.models import Consent, Form, Submission
from crm import api
from crm.models import User
from leads import actions as leads
from leads.models import Person, Source

_TEXT = {"type": "string"}
QUESTION = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "enum": [*questions.ASKED, *questions.FREE]},
        "label": {"type": "string", "maxLength": questions.MAX_LABEL},
        "help": {"type": "string", "maxLength": questions.MAX_HELP},
        "required": {"type": "boolean"},
        "kind": {"type": "string", "enum": list(questions.KINDS)},
        "choices": {"type": "array", "items": {"type": "string", "maxLength": questions.MAX_LABEL}, "maxItems": questions.MAX_CHOICES},
    },
    "required": ["name"],
}  # fmt: skip
TOUCH = {
    "type": "object",
    "properties": {**dict.fromkeys(touches.LENGTHS, _TEXT), "at": {"type": "string", "format": "date-time"}},
}


@extend_schema_field({"type": "array", "items": QUESTION})
class QuestionsField(serializers.JSONField):
    """What a form asks (capture.questions)."""


@extend_schema_field({"type": "array", "items": _TEXT, "maxItems": actions.MAX_SITES})
class SitesField(serializers.JSONField):
    """The origins that may show a form."""


@extend_schema_field({"type": "array", "items": {"type": "integer"}})
class TakersField(serializers.JSONField):
    """The ids of the users who take turns, or are told."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
class CountriesField(serializers.JSONField):
    """Who gets the leads of a country, by its two letters."""


@extend_schema_field({"type": "array", "items": {
    "type": "object", "required": ["field", "operator", "user"],
    "properties": {"field": _TEXT, "operator": {"type": "string", "enum": ["is", "is_not", "contains", "starts", "not_empty"]}, "value": _TEXT,
                   "user": {"type": "integer"}}}})  # fmt: skip
class LinesField(serializers.JSONField):
    """Who gets the leads that answered so."""


class FormSerializer(api.Strict, serializers.ModelSerializer):
    """A form. `key` names it in its address `address`; new words of the consent raise `consent_version`."""

    questions = QuestionsField(required=False)
    sites = SitesField(required=False)
    takers = TakersField(required=False)
    notify = TakersField(required=False)
    by_country = CountriesField(required=False)
    criteria = LinesField(required=False)
    source = api.Choice(queryset=Source.objects.all(), allow_null=True, required=False)
    owner = api.Choice(queryset=User.objects.all(), required=False)
    address = serializers.CharField(source="public_path", read_only=True)

    class Meta:
        model = Form
        fields = ("id", "key", "address", *actions.FIELDS, "consent_version", "version", "created_at", "updated_at")
        read_only_fields = ("id", "key", "consent_version", "version", "created_at", "updated_at")


class Forms(api.RecordViewSet):
    """Forms whose submissions the user sees."""

    queryset = Form.objects.all()
    serializer_class = FormSerializer
    record_name = "form"
    has_external_ids = False
    related = ("source", "owner")

    def create_record(self, values, outcome):
        return actions.create_form(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_form(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")


@extend_schema_field({"type": "object", "additionalProperties": {"oneOf": [_TEXT, {"type": "boolean"}]}})
class AnswersField(serializers.Field):
    """What was answered, by the names of the form's questions: *person.email*, *free.1*."""

    def to_representation(self, value):
        return value

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            raise exceptions.ValidationError(_("An object is expected."))
        return data


@extend_schema_field({"type": "object", "properties": {"first": TOUCH, "latest": TOUCH}})
class TouchesField(serializers.Field):
    """Where they came from: the first visit and the latest one. What makes no sense is dropped."""

    def to_representation(self, value):
        return value

    def to_internal_value(self, data):
        if not isinstance(data, dict) or set(data) - {"first", "latest"}:
            raise exceptions.ValidationError(_("An object with “first” and “latest” is expected."))
        return data


class SubmissionSerializer(api.Strict, serializers.ModelSerializer):
    """What somebody sent by a form, and what became of it.

    Sent are `form`, `answers`, `touches` and `consent`. `person` is null where there is none yet, and where the user may not see them: then
    `known` says that they exist.
    """

    form = api.Choice(queryset=Form.objects.all(), visible=True)
    answers = AnswersField()
    touches = TouchesField(required=False)
    consent = serializers.BooleanField(required=False)
    person = serializers.SerializerMethodField()
    source = serializers.CharField(read_only=True)

    class Meta:
        model = Submission
        fields = ("id", "form", "state", "answers", "touches", "consent", "person", "known", "owner", "source", "medium", "campaign", "term",
                  "content", "referrer", "version", "created_at", "updated_at")  # fmt: skip
        read_only_fields = tuple(name for name in fields if name not in {"form", "answers", "touches", "consent"})

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_person(self, submission):
        return submission.person_id if submission.person_id in self.context.get("seen", ()) else None

    def to_representation(self, submission):
        return {**super().to_representation(submission), "consent": bool(submission.consent)}

    def validate(self, values):
        """Read the answers as the form itself does, and name each that is wrong."""
        form, given = values["form"], values["answers"]
        asked = {one["name"]: one for one in form.questions}
        errors = {name: [_("This form does not ask that.")] for name in given if name not in asked}
        for name in given.keys() & asked:
            kind = bool if asked[name].get("kind") == "yesno" else str
            if not isinstance(given[name], kind):
                errors[name] = [_("Answer yes or no.") if kind is bool else _("Enter a text.")]
        bound = questions.read(
            form, {name: given[name] for name in given.keys() & asked if name not in errors}, consent=values.get("consent", False)
        )
        html = {name.replace(".", "_"): name for name in asked}
        for field, texts in bound.errors.items():
            errors.setdefault(html.get(field, field), [str(text) for text in texts])
        if errors:
            raise exceptions.ValidationError(
                {name if name == questions.CONSENT else f"answers.{name}"[:100]: texts for name, texts in errors.items()}
            )
        return {**values, "bound": bound}


class Submissions(mixins.CreateModelMixin, api.ReadViewSet):
    """What came in by forms the user sees, or of persons they see."""

    queryset = Submission.objects.all()
    serializer_class = SubmissionSerializer
    record_name = "submission"
    filter_backends = api.RecordViewSet.filter_backends
    parameters = {"retrieve": set(), "create": set()}
    #: What a browser remembered may be broken and loses no lead: crm.api_basics.JsonParser.
    unread = ("touches",)

    def filter_queryset(self, queryset):
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_queryset(self):
        if not self.request.user.is_authenticated:
            return self.queryset.none()
        return Submission.objects.visible_to(self.request.user)

    def told(self, submissions):
        """Return these as the API tells them: with the persons that the user may see."""
        ids = {one.person_id for one in submissions if one.person_id}
        seen = set(Person.objects.visible_to(self.request.user).filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
        context = {**self.get_serializer_context(), "seen": seen}
        return [SubmissionSerializer(one, context=context).data for one in submissions]

    def list(self, request, *args, **kwargs):
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.told(page))

    def retrieve(self, request, *args, **kwargs):
        return Response(self.told([self.get_object()])[0])

    @extend_schema(parameters=[api.KEY])
    def create(self, request, *args, **kwargs):
        """Hand over what another source has: as if its form had been sent. With an `Idempotency-Key` it comes in once."""
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > 100 or not key.isprintable():
            raise exceptions.ValidationError({"Idempotency-Key": [_("At most 100 characters.")]})
        leads.may_create(request.user)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values, now = serializer.validated_data, timezone.now()
        given = values.get("touches", {})
        first, latest = (touches.read(given.get(name), now) for name in ("first", "latest"))
        answers = values["bound"].answers()
        # Kept with the submission itself, so that a repeat finds it however late it comes.
        own = hashlib.sha256(f"{request.user.pk} {key}".encode()).hexdigest() if key else secrets.token_urlsafe(16)
        submission = actions.submit(
            values["form"], answers, (first or latest, latest or first), f"api-{own}", consent=values["bound"].agreed, now=now,
            by=request.user, via="api",
        )  # fmt: skip
        if key and submission.answers != answers.all:
            raise api.Mismatch(_("This key was used for another request."))
        return Response(self.told([submission])[0], status=201)


class ConsentSerializer(serializers.ModelSerializer):
    """What a person agreed to, and whether it still holds. `unsubscribe_url` takes it back: for the mails another program sends."""

    withdrawn_via = serializers.ChoiceField(Consent.Via.choices, allow_blank=True, read_only=True)
    unsubscribe_url = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = ("id", "person", "form", "purpose", "version", "text", "at", "withdrawn_at", "withdrawn_via", "unsubscribe_url")
        read_only_fields = fields

    @extend_schema_field({"type": "string", "nullable": True})
    def get_unsubscribe_url(self, consent):
        return None if consent.withdrawn_at else consents.link(consent.person_id, [consent.purpose])


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("person", int), OpenApiParameter("purpose", str)]))
class Consents(api.ReadViewSet):
    """Consents of the persons the user sees, the latest first."""

    queryset = Consent.objects.all()
    serializer_class = ConsentSerializer
    parameters = {"list": {"page", "page_size", "person", "purpose"}, "retrieve": set()}

    def get_queryset(self):
        if not self.request.user.is_authenticated:
            return self.queryset.none()
        found = Consent.objects.filter(person__in=Person.objects.visible_to(self.request.user)).order_by("-at", "-pk")
        asked = self.request.query_params if self.action == "list" else {}
        if (person := asked.get("person")) is not None:
            if not person.isdecimal() or len(person) > 18:
                raise exceptions.ValidationError({"person": [_("Enter a number.")]})
            found = found.filter(person=int(person))
        if (purpose := asked.get("purpose")) is not None:
            if "\x00" in purpose:
                raise exceptions.ValidationError({"purpose": [_("Enter a text.")]})
            found = found.filter(purpose=purpose)
        return found
