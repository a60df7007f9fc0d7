"""Who is there already: how programs that create records find that they need not (settled 17).

E-mail and company name are not unique: a user may save past the warning. A program does not read warnings, so it is matched by
the normalised key, under a lock on it, and 50 at once make one record. Matching considers all records that are not in the bin.
"""

from crm import external_ids
from crm.locks import hold
from crm.text import fold
from leads.models import Company, Person


def key_of(model, values) -> dict[str, str]:
    """Return the stored key, {column: value}, by which a new record of these values is found; empty where it has none."""
    if model is Person:
        key = {"email_key": (values.get("email") or "").strip().lower()}
    else:
        key = {"name_key": fold((values.get("name") or "").strip())}
    return {column: text for column, text in key.items() if text}


def existing(model, values) -> Company | Person | None:
    """Return the record that is what these values would create, or None; until the transaction ends nobody else creates it."""
    key, ids = key_of(model, values), values.get(external_ids.FIELD) or []
    name = model.history.record_type
    hold(*(f"{name} {text}" for text in key.values()), *external_ids.lock_keys(name, ids))
    if found := external_ids.find(model, ids):
        return found
    return model.objects.filter(**key, deleted_at=None).order_by("pk").first() if key else None
