"""The predefined roles; idempotent, so that it may run at every start."""

from crm.models import Role

#: code, English, German, sees, edits, flags that differ from "may do everything but administer".
ROLES = [
    ("sales_rep", "Sales rep", "Vertrieb", "team", "team", {}),
    ("marketer", "Marketer", "Marketing", "all", "all", {}),
    ("administrator", "Administrator", "Administration", "all", "all", {"administers": True}),
    ("read_only", "Read only", "Nur lesen", "all", "none", {"may_delete": False, "may_bulk": False, "may_import": False}),
]


def set_up_roles():
    """Make the predefined roles that are missing; those an administrator has changed stay as they are."""
    for code, english, german, see, edit, flags in ROLES:
        Role.objects.get_or_create(code=code, defaults={"name_en": english, "name_de": german, "see": see, "edit": edit, **flags})
