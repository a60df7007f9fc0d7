"""Writing many follow-ups whose values were checked before, as an import does, batch by batch. Shaped like leads.bulk.

The caller checks permissions and values and has a change set open; the next activities of what they belong to follow here.
"""

from activities import lifecycle
from activities.actions import go_on
from activities.models import Activity
from crm.database import insert_many
from leads.bulk import still_as_read, write


def create_activities(activities):
    """Create these follow-ups; each belongs to a person or a company."""
    insert_many(activities)
    lifecycle.refresh_next(lifecycle.links_of(activities))


def update_activities(changes, *, now):
    """Write the fields that were set on these follow-ups: follow-up -> names of the fields. Done by it, a series goes on."""
    changes = still_as_read(Activity, changes)
    before = lifecycle.links_of(Activity.objects.filter(pk__in=[activity.pk for activity in changes]))
    write(Activity, changes, set())
    go_on([activity.pk for activity, names in changes.items() if "done_at" in names and activity.done_at], now)
    lifecycle.refresh_next({link: ids | before[link] for link, ids in lifecycle.links_of(list(changes)).items()})
    return changes
