"""The admin site's pages of the lists of sales and of the exchange rates (R11)."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm.admin_site import PageAdmin, Saved
from crm.history.models import Change, ChangeSet
from crm.web import formats
from crm.web.htmx import say
from leads.admin import ListAdmin, in_background
from sales import money, rates
from sales.models import ExchangeRate, SaleReason, SaleStage, SaleType

ADMIN = "admin"


@admin.register(SaleStage)
class SaleStageAdmin(ListAdmin):
    icon, order = "trending-up", 50
    about = gettext_lazy("How far a sale has got. The probability weights the amounts of open sales.")
    list_display = ["label", "chance"]
    numbers = ("chance",)
    form_fields = [*ListAdmin.names, "probability"]

    @admin.display(description=gettext_lazy("Probability"))
    def chance(self, item):
        return formats.percent(item.probability)


@admin.register(SaleType)
class SaleTypeAdmin(ListAdmin):
    icon, order = "tags", 52
    about = gettext_lazy("What kind of business a sale is.")
    list_display = ["label"]


@admin.register(SaleReason)
class SaleReasonAdmin(ListAdmin):
    icon, order = "help-circle", 54
    about = gettext_lazy("Why sales are won and lost; a lost one needs a reason.")
    list_display = ["label", "outcome"]
    form_fields = [*ListAdmin.names, "outcome"]


class RateInput(forms.NumberInput):
    """A number without the zeros that the column's eight places add."""

    def format_value(self, value):
        text = super().format_value(value)
        return text.rstrip("0").rstrip(".") if text and "." in text else text


@admin.register(ExchangeRate)
class ExchangeRateAdmin(PageAdmin):
    icon, order = "currency-euro", 56
    about = gettext_lazy("Rates to the base currency from a given date. Sales can use these currencies.")
    list_display = ["code", "valid_from_day", "worth"]
    numbers = ("worth",)
    sortable_by = ()
    form_fields = [("currency", "valid_from"), "rate"]
    widgets = {
        "currency": forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off"}),
        "valid_from": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        "rate": RateInput(attrs={"step": "any", "min": "0"}),
    }

    def own_pages(self):
        return [("<int:object_id>/delete/", require_POST(self.delete_view), "delete")]

    def get_queryset(self, request):
        return ExchangeRate.objects.filter(deleted_at=None)

    @admin.display(description=gettext_lazy("Currency"))
    def code(self, rate):
        line = '<span class="line"><a class="name" href="{}">{}</a></span><span class="sub">{}</span>'
        return format_html(line, self.url("change", rate.pk), rate.currency, money.name_of(rate.currency))

    @admin.display(description=gettext_lazy("Valid from"))
    def valid_from_day(self, rate):
        return formats.date(rate.valid_from)

    @admin.display(description=gettext_lazy("Worth"))
    def worth(self, rate):
        return f"{formats.number(rate.rate.normalize())} {settings.BASE_CURRENCY}"

    def row_actions(self, request, item):
        return [*super().row_actions(request, item), (self.url("delete", item.pk), _("Delete"), "trash", True, "danger")]

    def save(self, request, item, form):
        values = form.values
        if "currency" in values:
            values["currency"] = values["currency"].upper()
        currencies = {values.get("currency", ""), item.currency if item else ""} - {""}
        if rates.is_large(currencies):
            rates.enqueue_change("edit" if item else "create", item and item.pk, values, by=request.user, currency=min(currencies),
                                 version=form.version if item else None, was=form.was if item else None)  # fmt: skip
            return Saved(in_background())
        if item is None:
            made = rates.create_rate(values, by=request.user, via=ADMIN)
            entry = Change.objects.get(record_type="exchange_rate", record_id=made.pk, op="i", field="")
            return Saved(_("The exchange rate was created."), ChangeSet.objects.get(pk=entry.change_set_id))
        outcome = rates.edit_rate(item, values, by=request.user, via=ADMIN, version=form.version, was=form.was)
        return Saved(_("The exchange rate was changed.") if outcome.changed else _("Nothing was changed."), outcome.change_set)

    def delete_view(self, request, object_id, extra_context=None):
        rate = self.item_or_404(request, object_id)
        try:
            if rates.is_large([rate.currency]):
                rates.enqueue_change("delete", rate.pk, {}, by=request.user, currency=rate.currency)
                say(request, in_background())
                return HttpResponseRedirect(self.url("changelist"))
            outcome = rates.delete_rate(rate, by=request.user, via=ADMIN)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(self.url("changelist"))
        say(request, _("The exchange rate was deleted."), outcome.change_set)
        return HttpResponseRedirect(self.url("changelist"))
