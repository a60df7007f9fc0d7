"""What follow-ups add to the catalogue of persons and companies."""

from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from crm.fields import Moment
from crm.records import extend


def next_subjects(link):
    """Return a loader: for a page of rows, the subject of each one's next follow-up, in one query."""

    def load(ids, asking):
        rows = Activity.objects.filter(**{f"{link}__in": ids}, done_at=None, deleted_at=None, due_at__isnull=False)
        # Of several, the earliest is read last and stays.
        return dict(rows.order_by("-due_at", "-id").values_list(f"{link}_id", "subject"))

    return load


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
