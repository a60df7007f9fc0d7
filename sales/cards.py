"""The cards of sales, and what sales add to those of companies and persons."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.models import Company, Person
from leads.views import bin as recycle_bin
from leads.views.cards import COMPANIES, PERSONS, CardType, Offer, Tab, chosen, register
from sales import actions
from sales.forms import form_class
from sales.models import Sale, SaleStage


def create(values, *, by, via):
    # Whoever sells something to a person has found them to be a good lead.
    return actions.create_sale(values, by=by, via=via, qualify=True)


def initial(request):
    """Return what a new sale begins with: the record one came from, and its company."""
    person = (
        Person.objects.visible_to(request.user).filter(pk=chosen(request, "person")).select_related("company", "source").first()
    )
    companies = Company.objects.visible_to(request.user)
    company = companies.filter(pk=person.company_id if person else chosen(request, "company")).first()
    return {"person": person and person.pk, "company": company and company.pk, "source": person and person.source_id,
            "name": company.name if company else "", "stage": SaleStage.objects.selectable().first()}  # fmt: skip


def hidden(sale):
    names = set() if sale.status == Sale.Status.STALLED else {"reopen_on"}
    return names if sale.is_closed else names | {"closed_on", "reason"}


SALES = register(CardType(
    kind="sales", model=Sale, new_title=_("New sale"), create_label=_("Create sale"),
    related=("company", "person", "type", "stage", "owner", "source", "reason"),
    facts=("status", "stage", "amount", "expected_on", "company", "person", "owner", "type", "source", "closed_on", "reason", "reopen_on"),
    fields=actions.FIELDS, not_new=("status", "closed_on", "reason", "reopen_on"), form=form_class, create=create, edit=actions.edit_sale,
    initial=initial, hidden=hidden, fixed=lambda sale: {"status", "stage"} if sale.is_closed else {"status"},
    together=(("amount", "currency"),), head="sales/_head.html",
    context=lambda request, sale: {"stages": SaleStage.objects.selectable(), "base_currency": settings.BASE_CURRENCY,
                                   "today": timezone.localdate()},
    templates={"status": "sales/_status.html", "stage": "sales/_stage.html", "amount": "sales/_amount.html", "person": "sales/_person.html",
               "expected_on": "sales/_day.html", "closed_on": "sales/_day.html", "reopen_on": "sales/_day.html"},
))  # fmt: skip

COMPANIES.lists.append(Tab("sales", _("Sales"), "sales:company_sales"))
PERSONS.lists.append(Tab("sales", _("Sales"), "sales:person_sales"))
for card in (COMPANIES, PERSONS):
    param = card.model._meta.model_name
    card.offers.append(
        Offer(_("Create sale"), "currency-euro", lambda record, param=param: f"{reverse('sales:sale_new')}?{param}={record.pk}")
    )
recycle_bin.KINDS["sale"] = "company__name"
