"""Which lead statuses persons have had: what the history knows.

What was undone never was: an entry that an undo has taken back does not count. One that it left, because somebody had changed the person
since, does. What an undo writes back is no new status either: the entry that had given it counts again, or still.
"""

from django.db.models import Exists, OuterRef, Q

from crm.history.models import Change, ChangeSet


def ids_of(kinds, asking) -> list[str]:
    """Return the statuses of these kinds, as the history writes them."""
    return [str(status.pk) for status in asking.items("leads.LeadStatus").values() if status.kind in kinds]


def status_changes(kinds, asking):
    """Return the history's entries that gave somebody a lead status of one of these kinds."""
    entries = Change.objects.filter(record_type="person", field="lead_status", new__in=ids_of(kinds, asking))
    # Undone with its change set, or with the one that had set that off; the undo not itself undone.
    undoes = Q(change_set__undoes=OuterRef("change_set")) | Q(change_set__undoes=OuterRef("change_set__parent"))
    undoes |= Q(change_set__undoes=OuterRef("change_set__parent__parent"))
    back = Change.objects.filter(undoes, record_type="person", field="lead_status", record_id=OuterRef("record_id"))
    undone = ChangeSet.objects.filter(undoes__isnull=False, undone=False).values("undoes")
    return entries.filter(
        Q(change_set__undoes=None) | Q(old=None),
        ~Q(change_set__state=ChangeSet.State.FAILED),
        (Q(change_set__undone=False) & ~Q(change_set__in=undone)) | ~Exists(back.filter(change_set__undone=False)),
    )


#: Every lead status a person was given, with its moment: the same entries. SQLite takes their index only where a statement itself says
#: what the index is about.
GIVEN = """
  SELECT entry.record_id AS person, entry.new AS status, given.at AS at
  FROM crm_change entry JOIN crm_changeset given ON given.id = entry.change_set_id
  WHERE entry.record_type = 'person' AND entry.field = 'lead_status' AND entry.new IS NOT NULL
    AND (given.undoes_id IS NULL OR entry.old IS NULL) AND given.state <> 'failed'
    AND (NOT given.undone AND given.id NOT IN (SELECT undoes_id FROM crm_changeset WHERE undoes_id IS NOT NULL AND NOT undone)
      OR NOT EXISTS (
        SELECT 1 FROM crm_change back JOIN crm_changeset undoing ON undoing.id = back.change_set_id
        LEFT JOIN crm_changeset parent ON parent.id = given.parent_id
        WHERE back.record_type = 'person' AND back.field = 'lead_status' AND back.record_id = entry.record_id
          AND undoing.undoes_id IN (given.id, given.parent_id, parent.parent_id) AND NOT undoing.undone))"""
