"""What sales add to the timelines of companies and persons: that one was begun, and what became of it."""

from django.utils.translation import gettext_lazy as _

from activities import timeline
from crm.history.models import Change
from leads.models import Company, Person
from sales.models import Sale


@timeline.source("sales", _("Sales"), "sales/_timeline_sale.html")
def sales_of(record, user, before, limit):
    link = {Company: "company", Person: "person"}.get(type(record))
    if link is None:
        return []
    sales = {sale.pk: sale for sale in Sale.objects.visible_to(user).filter(**{link: record})}
    if not sales:
        return []
    steps = Change.objects.filter(record_type="sale", record_id__in=sales, field="status", change_set__isnull=False)
    labels = dict(Sale.Status.choices)
    return [
        (step.change_set.at, step.pk, {"sale": sales[step.record_id], "step": step, "status": labels.get(step.new, step.new)})
        for step in before.of(steps.select_related("change_set__by"), "change_set__at")[:limit]
    ]
