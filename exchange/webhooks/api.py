"""The API of webhooks (A4): the same actions, with the same rights, as their pages."""

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import api
from exchange.webhooks import actions
from exchange.webhooks.events import EVENTS
from exchange.webhooks.models import Delivery, Webhook
from exchange.webhooks.sender import may_have


class WebhookSerializer(api.Strict, serializers.ModelSerializer):
    """A webhook. `pause` says why it is paused, and is empty while it is not; `failures` counts failed tries in a row."""

    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=500)
    pause = serializers.ChoiceField(Webhook.Pause.choices, allow_blank=True, read_only=True)
    events = serializers.ListField(child=serializers.ChoiceField([(name, name) for name in EVENTS]), max_length=len(EVENTS))

    class Meta:
        model = Webhook
        fields = ("id", "name", "url", "events", "user", "pause", "failures", "failing_since", "created_at")
        read_only_fields = ("id", "user", "pause", "failures", "failing_since", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    """A webhook as it was made, with the secret that signs what it sends: it is answered this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")


class DeliverySerializer(serializers.ModelSerializer):
    """What was sent, waits or was given up. `id` is the sequence that the receiver is told; the rest is of the last try."""

    event_id = serializers.CharField(read_only=True)

    class Meta:
        model = Delivery
        fields = ("id", "event_id", "record_type", "record_id", "at", "state", "attempts", "tried_at", "next_at", "status", "milliseconds",
                  "error")  # fmt: skip
        read_only_fields = fields


class AgainSerializer(api.Strict, serializers.Serializer):
    """Which of those given up to send again; all of them without `ids`."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), max_length=1_000, required=False
    )


class Webhooks(api.InLanguage, viewsets.ModelViewSet):
    """Addresses that are told what happens to the records their owner may see."""

    queryset = Webhook.objects.all()
    serializer_class = WebhookSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    parameters = {"list": {"page", "page_size"}, "deliveries": {"page", "page_size", "state"},
                  **{name: set() for name in ("retrieve", "create", "partial_update", "destroy", "test", "secret", "pause", "resume",
                                              "again")}}  # fmt: skip

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if not may_have(request.user):
            raise PermissionDenied(_("Your role may not export, and so has no webhooks."))

    def get_queryset(self):
        if not self.request.user.is_authenticated:
            return self.queryset.none()
        return Webhook.objects.visible_to(self.request.user).order_by("pk")

    @extend_schema(responses={201: NewWebhookSerializer})
    def create(self, request, *args, **kwargs):
        """Make a webhook; the answer holds its secret, this once."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        webhook, secret = actions.create(serializer.validated_data, by=request.user)
        return Response({**self.get_serializer(webhook).data, "secret": secret}, status=201)

    def perform_update(self, serializer):
        serializer.instance = actions.edit(serializer.instance, serializer.validated_data, by=self.request.user)

    def perform_destroy(self, instance):
        actions.delete(instance, by=self.request.user)

    @extend_schema(request=None, responses={201: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request, pk=None):
        """Have a trial sent; what came of it stands among the deliveries."""
        return Response(DeliverySerializer(actions.send_test(self.get_object(), by=request.user)).data, status=201)

    @extend_schema(request=None, responses=inline_serializer("Secret", {"secret": serializers.CharField()}))
    @action(detail=True, methods=["post"])
    def secret(self, request, pk=None):
        """Give it another secret; the former one signs along for a day."""
        return Response({"secret": actions.change_secret(self.get_object(), by=request.user)})

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request, pk=None):
        """Hold back what happens."""
        actions.pause(self.get_object(), by=request.user)
        return self.retrieve(request)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request, pk=None):
        """Go on, with what has waited."""
        actions.resume(self.get_object(), by=request.user)
        return self.retrieve(request)

    @extend_schema(responses=DeliverySerializer(many=True), parameters=[inline_serializer("OfState", {
        "state": serializers.ChoiceField(Delivery.State.choices, required=False)})])  # fmt: skip
    @action(detail=True, methods=["get"])
    def deliveries(self, request, pk=None):
        """What was delivered, waits or was given up, the latest first."""
        found, state = self.get_object().deliveries.order_by("-pk"), request.query_params.get("state")
        if state is not None and state not in Delivery.State.values:
            raise serializers.ValidationError({"state": [_("This is no valid choice.")]})
        page = self.paginate_queryset(found.filter(state=state) if state else found)
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)

    @extend_schema(request=AgainSerializer, responses=inline_serializer("Queued", {"queued": serializers.IntegerField()}))
    @action(detail=True, methods=["post"])
    def again(self, request, pk=None):
        """Send again what was given up."""
        webhook = self.get_object()
        serializer = AgainSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({"queued": actions.send_again(webhook, serializer.validated_data.get("ids"), by=request.user)})
