"""The API of companies, persons and their lists."""

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import api
from crm.api_basics import Stale
from crm.history.changes import Conflict
from crm.models import ListItem, User
from leads import actions, automation, matching
from leads.models import Category, CategoryGroup, Company, DisqualifyReason, Industry, LeadStatus, Person, Proposal, Source


class CategoryGroupSerializer(serializers.ModelSerializer):
    """One of the five groups."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = CategoryGroup
        fields = ("code", "name", "name_en", "name_de", "rank")
        read_only_fields = fields


class ItemSerializer(serializers.ModelSerializer):
    """The name and description in the language asked for, with the others beside them (settled 23)."""

    name = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)

    class Meta:
        fields: tuple[str, ...] = ("id", "name", "name_en", "name_de", "description", "rank", "colour", "deleted_at")


class CategorySerializer(ItemSerializer):
    class Meta:
        model = Category
        fields = (
            "id", "name", "name_en", "name_de", "group", "lead_status_enabled", "start_over", "description", "rank", "deleted_at",
        )  # fmt: skip
        read_only_fields = fields


class LeadStatusSerializer(ItemSerializer):
    class Meta:
        model = LeadStatus
        fields = ("id", "name", "name_en", "name_de", "kind", "description", "is_default", "rank", "colour", "deleted_at")
        read_only_fields = fields


def item_serializer(of: type[ListItem]):
    class Meta(ItemSerializer.Meta):
        model = of
        read_only_fields = ItemSerializer.Meta.fields

    return type(f"{of.__name__}Serializer", (ItemSerializer,), {"Meta": Meta})


class UserSerializer(serializers.ModelSerializer):
    """A user; a switched-off one owns nothing new."""

    name = serializers.CharField(read_only=True)
    role = serializers.CharField(source="role.code", read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "name", "first_name", "last_name", "email", "role", "is_active")
        read_only_fields = fields


class CategoryGroups(api.ReadViewSet):
    """The five fixed groups of categories."""

    queryset = CategoryGroup.objects.order_by("rank")
    serializer_class = CategoryGroupSerializer


class Categories(api.ReadViewSet):
    """The categories of companies; only those in the group *potential* can enable lead status."""

    queryset = Category.objects.order_by("rank", "pk")
    serializer_class = CategorySerializer


class LeadStatuses(api.ReadViewSet):
    """The lead statuses. Programs go by their kind: administrators rename and add statuses."""

    queryset = LeadStatus.objects.order_by("rank", "pk")
    serializer_class = LeadStatusSerializer


class Industries(api.ReadViewSet):
    """The industries of companies."""

    queryset = Industry.objects.order_by("rank", "pk")
    serializer_class = item_serializer(Industry)


class Sources(api.ReadViewSet):
    """Where persons come from."""

    queryset = Source.objects.order_by("rank", "pk")
    serializer_class = item_serializer(Source)


class DisqualifyReasons(api.ReadViewSet):
    queryset = DisqualifyReason.objects.order_by("rank", "pk")
    serializer_class = item_serializer(DisqualifyReason)


class Users(api.ReadViewSet):
    """Who works with Lotse, and can own records."""

    queryset = User.objects.order_by("pk")
    serializer_class = UserSerializer


class CompanySerializer(api.Strict, serializers.ModelSerializer):
    """A company; `category_group` follows from its category."""

    category = api.Choice(queryset=Category.objects.all(), required=False)
    category_group = serializers.CharField(source="category.group_id", read_only=True)
    owner = api.Choice(queryset=User.objects.all(), allow_null=True, required=False)
    industry = api.Choice(queryset=Industry.objects.all(), allow_null=True, required=False)
    country = serializers.CharField(max_length=2, allow_blank=True, required=False)
    external_ids = api.ExternalIdsField(required=False)

    class Meta:
        model = Company
        fields = (
            "id", "name", "number", "category", "category_group", "owner", "email", "phone", "website", "street", "postal_code", "city",
            "country", "industry", "stop", "no_mailings", "external_ids", "version", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")

    def validate_country(self, value):
        from django_countries import countries

        if value and value.upper() not in dict(countries):
            raise serializers.ValidationError(_("This is no valid choice."))
        return value.upper()

    def to_representation(self, instance):
        return {**super().to_representation(instance), "country": str(instance.country or "")}


class PersonSerializer(api.Strict, serializers.ModelSerializer):
    """A person. With a company, the category is the company's; `lead_status` is the stored one, and cannot be changed where
    `lead_status_applies` is false."""

    company = api.Choice(queryset=Company.objects.all(), visible=True, allow_null=True, required=False)
    category = api.Choice(queryset=Category.objects.all(), required=False)
    category_group = serializers.CharField(source="category.group_id", read_only=True)
    lead_status = api.Choice(queryset=LeadStatus.objects.all(), allow_null=True, required=False)
    lead_status_applies = serializers.BooleanField(source="is_lead", read_only=True)
    disqualify_reason = api.Choice(queryset=DisqualifyReason.objects.all(), allow_null=True, required=False)
    owner = api.Choice(queryset=User.objects.all(), allow_null=True, required=False)
    source = api.Choice(queryset=Source.objects.all(), allow_null=True, required=False)
    next_activity_at = serializers.SerializerMethodField()
    external_ids = api.ExternalIdsField(required=False)

    class Meta:
        model = Person
        fields = (
            "id", "first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "category_group", "lead_status",
            "lead_status_applies", "disqualify_reason", "owner", "former_employee", "next_activity_at", "source", "external_ids", "version", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_activity_at(self, person):
        moment = person.next_activity
        return serializers.DateTimeField().to_representation(moment) if moment else None

    def to_internal_value(self, data):
        values = super().to_internal_value(data)
        person = self.instance
        # What is only kept as it is was not asked to change: a whole record may be sent back.
        if person is not None:
            if "category" in values and values["category"] == person.category and person.company_id:
                del values["category"]
            if "lead_status" in values and values["lead_status"] == person.lead_status:
                del values["lead_status"]
        elif values.get("lead_status", False) is None:
            del values["lead_status"]
        return values


class ProposalSerializer(serializers.ModelSerializer):
    """A change of category that a rule proposes: `category` is the one it would set, the lists say whose."""

    rule = serializers.CharField(source="__str__", read_only=True)
    category = serializers.IntegerField(source="rule.target_id", read_only=True)
    companies = serializers.SerializerMethodField()
    persons = serializers.SerializerMethodField()

    class Meta:
        model = Proposal
        fields = ("id", "rule", "category", "companies", "persons", "user", "created_at")
        read_only_fields = fields

    def get_companies(self, proposal) -> list[int]:
        return [record.company_id for record in proposal.records.all() if record.company_id]

    def get_persons(self, proposal) -> list[int]:
        return [record.person_id for record in proposal.records.all() if record.person_id]


class AnswerSerializer(api.Strict, serializers.Serializer):
    """The category to set, or null to leave it as it is."""

    category = api.Choice(queryset=Category.objects.selectable(), allow_null=True)


class Proposals(api.ReadViewSet):
    """What rules propose and this user is to answer (R13). Nothing is changed before that."""

    queryset = Proposal.objects.none()
    serializer_class = ProposalSerializer

    def get_queryset(self):
        if not self.request.user.is_authenticated:
            return self.queryset
        return automation.waiting_for(self.request.user).prefetch_related(Prefetch("records", automation.standing()))

    @extend_schema(request=AnswerSerializer, responses={200: inline_serializer("Answered", {
        "changed": serializers.IntegerField(), "left": serializers.IntegerField()})})  # fmt: skip
    @action(detail=True, methods=["post"])
    def answer(self, request, pk=None):
        """Set the proposed category, another one, or none. 409 if it was answered meanwhile."""
        proposal = self.get_object()
        serializer = AnswerSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        try:
            outcome = automation.answer(proposal, serializer.validated_data["category"], by=request.user)
        except Conflict as conflict:
            raise Stale({"detail": _("This has already been answered.")}) from conflict
        return Response({"changed": outcome.changed, "left": len(outcome.left)})


class MayPropose:
    """Answers to changes that a rule may follow: `proposals` is there only if one asks first."""

    def beside(self, outcome):
        if not outcome.proposals:
            return {}
        return {"proposals": ProposalSerializer(outcome.proposals, many=True).data}


class Companies(api.MatchedViewSet):
    """Companies that the user may see. Deleting puts a company into the bin, with its persons and follow-ups."""

    queryset = Company.objects.all()
    serializer_class = CompanySerializer
    record_name = "company"
    related = ("category",)

    def existing(self, values):
        return matching.existing(Company, values)

    def create_record(self, values, outcome):
        return actions.create_company(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_company(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")


class Persons(MayPropose, api.MatchedViewSet):
    """Persons that the user may see, each with their own lead status. Deleting puts a person into the bin."""

    queryset = Person.objects.all()
    serializer_class = PersonSerializer
    record_name = "person"
    related = ("category", "company", "lead_status")

    def existing(self, values):
        return matching.existing(Person, values)

    def create_record(self, values, outcome):
        return actions.create_person(values, by=self.request.user, via="api", outcome=outcome)

    def edit_record(self, record, values, version):
        return actions.edit_person(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")
