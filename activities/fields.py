"""What follow-ups add to the catalogue of persons and companies."""

from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from crm.fields import Fixed, Link, Moment, Text, UserChoice
from crm.records import RecordType, extend, register


def next_subjects(link):
    """Return a loader: for a page of rows, the subject of each one's next follow-up, in one query."""

    def load(ids, asking):
        rows = Activity.objects.filter(**{f"{link}__in": ids}, done_at=None, deleted_at=None, due_at__isnull=False)
        # Of several, the earliest is read last and stays.
        return dict(rows.order_by("-due_at", "-id").values_list(f"{link}_id", "subject"))

    return load


register(
    RecordType("activity", "activities.Activity", _("Follow-up"), _("Follow-ups"), "due_at", "activities:edit", "calendar-event"),
    [
        Text(name="subject", label=_("Subject"), sort="subject", edit="subject", default=True),
        Fixed(name="kind", label=_("Type"), choices=lambda: Activity.Kind.choices, group=True, edit="kind", default=True),
        Link(name="person", label=_("Person"), path="person__name_key", key="person__name_key", id_path="person_id"),
        Link(name="company", label=_("Company"), path="company__name", key="company__name_key", id_path="company_id"),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", group=True, edit="owner", default=True),
        Moment(name="due_at", label=_("Due"), sort="due_at", due=True, default=True),
        Moment(name="done_at", label=_("Done"), sort="done_at"),
        Moment(name="created_at", label=_("Created"), sort="created_at"),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at"),
    ],
)

for name, after in (("person", "lead_status"), ("company", "city")):
    extend(
        name,
        [
            Moment(
                name="next_activity_at", label=_("Next activity"), sort="next_activity_at", due=True, default=True,
                load=next_subjects(name),
            )
        ],
        after=after,
    )  # fmt: skip
