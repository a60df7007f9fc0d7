"""What must hold of the lists whatever was written past the actions: a check that `migrate` and `check --database` run (R5)."""

from django.core.checks import Error, Tags, register
from django.db import connections

from leads.models import Category, LeadStatus


@register(Tags.database)
def one_default_each(app_configs, databases, **kwargs):
    """Report a list that has items but no default; a list that was not set up yet is none."""
    errors = []
    for alias in databases or []:
        tables = set(connections[alias].introspection.table_names())
        for model in (LeadStatus, Category):
            if model._meta.db_table not in tables:
                continue
            items = model.objects.using(alias)
            if items.exists() and not items.filter(is_default=True, deleted_at=None).exists():
                errors.append(
                    Error(
                        f"No item of the list {model._meta.model_name} is the default.",
                        hint="Choose one in the admin site by “Make default”.",
                        id=f"leads.E00{1 + [LeadStatus, Category].index(model)}",
                    )
                )
    return errors
