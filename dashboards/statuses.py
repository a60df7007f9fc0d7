"""Which lead statuses persons have had: what the history knows."""

from crm.history.models import Change


def ids_of(kinds, asking) -> list[str]:
    """Return the statuses of these kinds, as the history writes them."""
    return [str(status.pk) for status in asking.items("leads.LeadStatus").values() if status.kind in kinds]


def status_changes(kinds, asking):
    """Return the history's entries that gave somebody a lead status of one of these kinds; what was undone never was."""
    ids = ids_of(kinds, asking)
    return Change.objects.filter(record_type="person", field="lead_status", new__in=ids, change_set__undone=False)


#: Every lead status a person was given, with its moment; the same entries. SQLite takes their index only where a statement itself says
#: what the index is about.
GIVEN = """
  SELECT entry.record_id AS person, entry.new AS status, crm_changeset.at AS at
  FROM crm_change entry JOIN crm_changeset ON crm_changeset.id = entry.change_set_id
  WHERE entry.record_type = 'person' AND entry.field = 'lead_status' AND entry.new IS NOT NULL AND NOT crm_changeset.undone"""
