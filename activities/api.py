"""The API of follow-ups."""

from rest_framework import serializers

from activities import actions, lifecycle
from activities.models import Activity
from crm import api
from crm.models import User
from leads.models import Company, Person


class ActivitySerializer(api.Strict, serializers.ModelSerializer):
    """A follow-up. It belongs to a person or a company, one of a sale to its company as well; done is what has `done_at`."""

    person = api.Choice(queryset=Person.objects.all(), visible=True, allow_null=True, required=False)
    company = api.Choice(queryset=Company.objects.all(), visible=True, allow_null=True, required=False)
    sale = api.Choice(queryset=lifecycle.LINKS["sale"].objects.all(), visible=True, allow_null=True, required=False)
    owner = api.Choice(queryset=User.objects.all(), allow_null=True, required=False)

    class Meta:
        model = Activity
        fields = (
            "id", "kind", "subject", "text", "person", "company", "sale", "owner", "priority", "due_at", "all_day", "time_zone", "done_at",
            "repeat", "repeat_every", "repeat_until", "version", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")


class Activities(api.RecordViewSet):
    """Follow-ups of the persons and companies that the user may see."""

    queryset = Activity.objects.all()
    serializer_class = ActivitySerializer
    record_name = "activity"
    has_external_ids = False
    related = ("person", "company", "sale")

    def create_record(self, values, outcome):
        return actions.create_activity(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_activity(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        return actions.delete(record, by=self.request.user, via="api")
