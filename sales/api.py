"""The API of sales, their lists and the exchange rates."""

from decimal import Decimal

from rest_framework import serializers

from crm import api
from crm.models import User
from leads.api import ItemSerializer, item_serializer
from leads.models import Company, Person, Source
from sales import actions
from sales.models import ExchangeRate, Sale, SaleReason, SaleStage, SaleType


class StageSerializer(ItemSerializer):
    class Meta:
        model = SaleStage
        fields = (*ItemSerializer.Meta.fields[:-1], "probability", "deleted_at")
        read_only_fields = fields


class ReasonSerializer(ItemSerializer):
    class Meta:
        model = SaleReason
        fields = (*ItemSerializer.Meta.fields[:-1], "outcome", "deleted_at")
        read_only_fields = fields


class ExchangeRateSerializer(serializers.ModelSerializer):
    class Meta:
        model = ExchangeRate
        fields = ("id", "currency", "valid_from", "rate")
        read_only_fields = fields


class Stages(api.ReadViewSet):
    queryset = SaleStage.objects.order_by("rank", "pk")
    serializer_class = StageSerializer


class SaleTypes(api.ReadViewSet):
    queryset = SaleType.objects.order_by("rank", "pk")
    serializer_class = item_serializer(SaleType)


class SaleReasons(api.ReadViewSet):
    queryset = SaleReason.objects.order_by("rank", "pk")
    serializer_class = ReasonSerializer


class ExchangeRates(api.ReadViewSet):
    queryset = ExchangeRate.objects.filter(deleted_at=None).order_by("currency", "valid_from")
    serializer_class = ExchangeRateSerializer


class SaleSerializer(api.Strict, serializers.ModelSerializer):
    company = api.Choice(queryset=Company.objects.all(), visible=True, required=False)
    person = api.Choice(queryset=Person.objects.all(), visible=True, allow_null=True, required=False)
    type = api.Choice(queryset=SaleType.objects.all(), allow_null=True, required=False)
    stage = api.Choice(queryset=SaleStage.objects.all(), required=False)
    probability = serializers.IntegerField(source="stage.probability", read_only=True)
    amount = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=Decimal(0), required=False)
    currency = serializers.CharField(max_length=3, required=False)
    base_amount = serializers.DecimalField(max_digits=16, decimal_places=2, read_only=True)
    weighted_amount = serializers.DecimalField(max_digits=16, decimal_places=2, read_only=True)
    owner = api.Choice(queryset=User.objects.all(), allow_null=True, required=False)
    source = api.Choice(queryset=Source.objects.all(), allow_null=True, required=False)
    reason = api.Choice(queryset=SaleReason.objects.all(), allow_null=True, required=False)
    external_ids = api.ExternalIdsField(read_only=True)

    class Meta:
        model = Sale
        fields = (
            "id", "name", "company", "person", "type", "stage", "probability", "amount", "currency", "base_amount", "weighted_amount",
            "expected_on", "owner", "source", "status", "closed_on", "reason", "reopen_on", "external_ids", "version", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")


class Sales(api.RecordViewSet):
    queryset = Sale.objects.all()
    serializer_class = SaleSerializer
    record_name = "sale"
    related = ("company", "person", "stage")

    def create_record(self, values):
        return actions.create_sale(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_sale(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")
