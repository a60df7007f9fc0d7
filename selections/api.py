"""The API of selections: made, changed, filled and read (S4–S6, A4)."""

from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import api, records
from crm.criteria import CriteriaError
from crm.fields import Asking
from crm.filters import found, refused
from crm.models import User
from leads.actions import may_create
from leads.api import item_serializer
from selections import actions
from selections.members import members, problems, record_of
from selections.models import RecordKind, Selection, SelectionCategory

MAX_IDS = 10_000  # in one request
#: Who answers in which form what a selection holds.
FORMS = {
    "person": "leads.api.Persons",
    "company": "leads.api.Companies",
    "sale": "sales.api.Sales",
    "activity": "activities.api.Activities",
}


def listed(request, record_type, queryset):
    """Return a page of records in the form, and with the filters, of their own list."""
    view = import_string(FORMS[record_type])()
    view.request, view.action, view.format_kwarg, view.args, view.kwargs = request, "list", None, (), {}
    page = view.paginate_queryset(view.filter_queryset(queryset.select_related(*view.related)))
    return view.get_paginated_response(view.get_serializer(page, many=True).data)


class QuestionSerializer(api.Strict, serializers.Serializer):
    """Criteria about records of one type; `ordering`, `page` and `page_size` as in the address of a list."""

    record_type = serializers.ChoiceField(RecordKind.choices)
    criteria = serializers.JSONField()
    ordering = serializers.CharField(required=False, max_length=200)
    page = serializers.IntegerField(required=False, min_value=1, max_value=10**9)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200)


class Find(api.InLanguage, viewsets.GenericViewSet):
    """Questions that are asked once, without being kept as a selection (S4)."""

    serializer_class = QuestionSerializer
    parameters = {"create": {"ordering", "page", "page_size"}}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def create(self, request):
        """The records for which the criteria hold, in pages, as their own list answers; every wrong place is a 400 that names it."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = dict(serializer.validated_data)
        record = records.get(asked.pop("record_type"))
        try:
            queryset = found(record.model.objects.visible_to(request.user), record, asked.pop("criteria"), request.user)
        except CriteriaError as error:
            raise refused(error, "criteria") from error
        # What the body says of the page goes where lists look for it, and so into the addresses of the next one.
        address = request._request.GET.copy()
        address.update({name: str(value) for name, value in asked.items() if name not in address})
        request._request.GET, request._request.META["QUERY_STRING"] = address, address.urlencode()
        return listed(request, record.name, queryset)


class SelectionCategories(api.ReadViewSet):
    """What selections are for."""

    queryset = SelectionCategory.objects.order_by("rank", "pk")
    serializer_class = item_serializer(SelectionCategory)


class PartsField(serializers.ListField):
    child = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class SelectionSerializer(api.Strict, serializers.ModelSerializer):
    """A selection. `criteria` belong to a dynamic one, `operation` and `parts` to a combined one; `problems` says what of it cannot be
    read any more, as {place, message}."""

    category = api.Choice(queryset=SelectionCategory.objects.all(), allow_null=True, required=False)
    owner = api.Choice(queryset=User.objects.all(), required=False)
    criteria = serializers.JSONField(allow_null=True, required=False)
    parts = PartsField(source="part_ids", required=False, max_length=actions.MAX_PARTS)
    problems = serializers.SerializerMethodField()

    class Meta:
        model = Selection
        fields = ("id", "name", "record_type", "kind", "criteria", "operation", "parts", "description", "category", "owner", "visibility",
                  "completed", "problems", "version", "created_at", "updated_at")  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")

    def get_problems(self, selection) -> list[dict[str, str]]:
        return [
            {"place": place, "message": str(message)}
            for place, message in problems(selection, Asking(self.context["request"].user))
        ]

    def get_fields(self):
        fields = super().get_fields()
        if self.instance is not None:
            # What a selection holds, and how it comes by it, is said once.
            fields["record_type"].read_only = fields["kind"].read_only = True
            fields["record_type"].required = fields["kind"].required = False
        return fields


class ChangeSerializer(api.Strict, serializers.Serializer):
    """Which records come or go: by their `ids`, all that match `criteria`, or all of another `selection`: one of these."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), max_length=MAX_IDS, required=False
    )
    criteria = serializers.JSONField(required=False)
    selection = api.Choice(queryset=Selection.objects.all(), visible=True, required=False)

    def validate(self, attrs):
        if len(attrs) != 1:
            raise exceptions.ValidationError(_("Give ids, criteria or a selection: one of them."))
        return attrs


class NameSerializer(api.Strict, serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False)


class CombineSerializer(api.Strict, serializers.Serializer):
    """How which selections are combined, in this order."""

    name = serializers.CharField(max_length=120)
    operation = serializers.ChoiceField(Selection.Operation.choices)
    parts = PartsField(max_length=actions.MAX_PARTS)


CHANGED = inline_serializer("MembersChanged", {"changed": serializers.IntegerField(), "members": serializers.IntegerField()})


class Selections(api.RecordViewSet):
    """Selections that the user may see. Each user finds in them the records they may see themselves."""

    queryset = Selection.objects.all()
    serializer_class = SelectionSerializer
    record_name = "selection"
    has_external_ids = False
    related = ("owner", "category")
    parameters = {**api.RecordViewSet.parameters, **{name: set() for name in ("add", "remove", "combine", "freeze")}}

    def create_record(self, values, outcome):
        return actions.create_selection(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_selection(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        outcome = actions.delete(record, by=self.request.user, via="api")
        if outcome.left and not outcome.changed:
            raise exceptions.ValidationError({"non_field_errors": [outcome.left[0][1]]})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def members(self, request, pk=None):
        """The records in it, in pages, in the form and with the filters of their own list."""
        selection = self.get_object()
        return listed(request, selection.record_type, members(selection, request.user))

    @extend_schema(request=ChangeSerializer, responses=CHANGED)
    @action(detail=True, methods=["post"])
    def add(self, request, pk=None):
        """Add records that the user may see to a static selection; who is in it already is not counted."""
        return self._change(actions.add_members)

    @extend_schema(request=ChangeSerializer, responses=CHANGED)
    @action(detail=True, methods=["post"])
    def remove(self, request, pk=None):
        """Take records that the user may see out of a static selection."""
        return self._change(actions.remove_members)

    def _change(self, change):
        selection = self.get_object()
        serializer = ChangeSerializer(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        user, (kind, value) = self.request.user, next(iter(serializer.validated_data.items()))
        if kind == "criteria":
            records = actions.matching(selection, value, user)
        elif kind == "ids":
            records = record_of(selection).model.objects.visible_to(user).filter(pk__in=value)
        elif value.record_type != selection.record_type:
            raise ValidationError({"selection": _("All of them must hold the same kind of records.")})
        else:
            records = members(value, user)
        outcome = change(selection, records, by=user, via="api")
        return Response({"changed": outcome.changed, "members": members(selection, user).count()})

    @extend_schema(request=CombineSerializer, responses={201: SelectionSerializer})
    @action(detail=False, methods=["post"])
    def combine(self, request):
        """Make a combined selection of others."""
        may_create(request.user)
        serializer = CombineSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        first = Selection.objects.visible_to(request.user).filter(pk__in=values["parts"][:1]).first()
        if first is None:
            raise ValidationError({"parts": _("This selection does not exist.")})
        given = {"name": values["name"], "record_type": first.record_type, "kind": "combined", "operation": values["operation"],
                 "part_ids": values["parts"]}  # fmt: skip
        return self.answer(actions.create_selection(given, by=request.user, via="api"), 201)

    @extend_schema(request=NameSerializer, responses={201: SelectionSerializer})
    @action(detail=True, methods=["post"])
    def freeze(self, request, pk=None):
        """Make a static selection of those who are in it now, as far as the user sees them."""
        selection = self.get_object()
        serializer = NameSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return self.answer(actions.freeze(selection, by=request.user, via="api", **serializer.validated_data), 201)
