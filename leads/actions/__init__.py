"""Every change to companies and persons, for one or for a hundred thousand (architecture, idea 3).

All actions are keyword-only in `by` (a user) and `via` (the way in, `crm.history.models.Via`), write one change set, check
permission and rules, and return an `Outcome`. They raise `ValidationError` (by field) for a value that breaks a rule,
`PermissionDenied` when not one of the records may be changed, and `Conflict` for a stale version (R17). Beside a record's
fields, creating and editing take `external_ids`: what other systems call it (settled 18).
"""

from leads.actions.assigning import set_category, set_lead_status, set_owner, taken_up
from leads.actions.bin import along, comes_along, delete, goes_along, kept_back, kept_by, restore, to_bin, told_along, with_others
from leads.actions.creating import (
    create_companies,
    create_company,
    create_person,
    create_persons,
    hold_companies,
    may_create,
    write_external_ids,
)
from leads.actions.editing import (
    COMPANY_FIELDS,
    PERSON_FIELDS,
    PERSON_FIELDS_ALONE,
    check_stale,
    edit,
    edit_companies,
    edit_company,
    edit_many,
    edit_person,
    edit_persons,
)
from leads.actions.shared import (
    answer,
    clean,
    editable,
    known,
    model_of,
    not_allowed,
    params,
    selectable,
    unchanged_since,
)

__all__ = [
    "COMPANY_FIELDS",
    "PERSON_FIELDS",
    "PERSON_FIELDS_ALONE",
    "along",
    "answer",
    "check_stale",
    "clean",
    "comes_along",
    "create_companies",
    "create_company",
    "create_person",
    "create_persons",
    "delete",
    "edit",
    "edit_companies",
    "edit_company",
    "edit_many",
    "edit_person",
    "edit_persons",
    "editable",
    "goes_along",
    "hold_companies",
    "kept_back",
    "kept_by",
    "known",
    "may_create",
    "model_of",
    "not_allowed",
    "params",
    "restore",
    "selectable",
    "set_category",
    "set_lead_status",
    "set_owner",
    "taken_up",
    "to_bin",
    "told_along",
    "unchanged_since",
    "with_others",
    "write_external_ids",
]
