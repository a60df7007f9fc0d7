"""The API of sales, their lists and the exchange rates."""

from decimal import Decimal

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm import api
from crm.models import User
from leads.api import ItemSerializer, MayPropose, item_serializer
from leads.models import Company, Person, Source
from sales import actions
from sales.models import ExchangeRate, Sale, SaleReason, SaleStage, SaleType


class StageSerializer(ItemSerializer):
    """How far a sale is; the probability weighs open ones."""

    class Meta:
        model = SaleStage
        fields = (*ItemSerializer.Meta.fields[:-1], "probability", "deleted_at")
        read_only_fields = fields


class ReasonSerializer(ItemSerializer):
    """Why a sale was won or lost; `outcome` says which of them it is for."""

    class Meta:
        model = SaleReason
        fields = (*ItemSerializer.Meta.fields[:-1], "outcome", "deleted_at")
        read_only_fields = fields


class ExchangeRateSerializer(serializers.ModelSerializer):
    """What one unit of a currency is worth in the base currency from a day on."""

    class Meta:
        model = ExchangeRate
        fields = ("id", "currency", "valid_from", "rate")
        read_only_fields = fields


class Stages(api.ReadViewSet):
    """The stages of sales, in their order."""

    queryset = SaleStage.objects.order_by("rank", "pk")
    serializer_class = StageSerializer


class SaleTypes(api.ReadViewSet):
    """What kinds of business sales are."""

    queryset = SaleType.objects.order_by("rank", "pk")
    serializer_class = item_serializer(SaleType)


class SaleReasons(api.ReadViewSet):
    """Why sales are won and lost."""

    queryset = SaleReason.objects.order_by("rank", "pk")
    serializer_class = ReasonSerializer


class ExchangeRates(api.ReadViewSet):
    """The currencies that sales can have beside the base currency, and what they are worth."""

    queryset = ExchangeRate.objects.filter(deleted_at=None).order_by("currency", "valid_from")
    serializer_class = ExchangeRateSerializer


class SaleSerializer(api.Strict, serializers.ModelSerializer):
    """A sale. Amounts are exact decimals as text; `base_amount` and `weighted_amount` are in the base currency."""

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
    next_activity_at = serializers.SerializerMethodField()
    external_ids = api.ExternalIdsField(required=False)

    class Meta:
        model = Sale
        fields = (
            "id", "name", "company", "person", "type", "stage", "probability", "amount", "currency", "base_amount", "weighted_amount",
            "expected_on", "owner", "source", "status", "closed_on", "reason", "reopen_on", "next_activity_at", "external_ids", "version", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_activity_at(self, sale):
        moment = sale.next_activity
        return serializers.DateTimeField().to_representation(moment) if moment else None


class Sales(MayPropose, api.RecordViewSet):
    """Sales. Setting `status` to *lost* needs a `reason`; whoever closes a sale second is refused."""

    queryset = Sale.objects.all()
    serializer_class = SaleSerializer
    record_name = "sale"
    related = ("company", "person", "stage")

    def create_record(self, values, outcome):
        return actions.create_sale(values, by=self.request.user, via="api", outcome=outcome)

    def edit_record(self, record, values, version):
        return actions.edit_sale(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")
