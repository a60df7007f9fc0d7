"""What keeps an item of a list from being deleted: forms that give it to their leads (settled 5)."""

from django.utils.translation import gettext as _

from capture.models import Form
from leads.list_items import needed_by
from leads.models import Source


@needed_by
def forms_naming(item) -> list[tuple[str, Form]]:
    """Return (text, form) of the forms whose leads get this item."""
    found = Form.objects.live().filter(source=item).order_by("name_key", "pk") if isinstance(item, Source) else ()
    return [(_("Form “%(name)s”") % {"name": one.name}, one) for one in found]
