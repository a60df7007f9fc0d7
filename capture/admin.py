"""The admin site's pages of what links may name, and how (C4, R11)."""

from django.contrib import admin
from django.http import HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capture import links, utm
from capture.models import Naming, UtmMedium, UtmSource
from crm.admin_site import PageAdmin, Saved
from leads.admin import ListAdmin


class UtmItemAdmin(ListAdmin):
    list_display = ["label", "in_links"]
    form_fields = [("name_en", "name_de"), "value", ("description_en", "description_de")]

    @admin.display(description=gettext_lazy("In links"))
    def in_links(self, item):
        return item.value


@admin.register(UtmSource)
class UtmSourceAdmin(UtmItemAdmin):
    icon, order = "world", 60
    about = gettext_lazy("What the link builder offers as source: the websites and newsletters that carry your links.")


@admin.register(UtmMedium)
class UtmMediumAdmin(UtmItemAdmin):
    icon, order = "tags", 62
    about = gettext_lazy("What the link builder offers as medium: the channel a visitor came through.")


@admin.register(Naming)
class NamingAdmin(PageAdmin):
    """One page: there is one naming."""

    icon, order = "link", 64
    about = gettext_lazy("How the link builder writes campaigns, sources and media, so that reports do not count one as two.")
    form_fields = ["note", "lower_case", "umlauts", "plain", "blank", "listed_only"]

    def has_add_permission(self, request):
        return False

    def summary(self, request):
        return _("Example: %(example)s") % {"example": self.example()}

    @staticmethod
    def example():
        return utm.written(_("Spring fair Münster 2026"), utm.naming())

    def changelist_view(self, request, extra_context=None):
        return HttpResponseRedirect(self.url("change", 1))

    def item_or_404(self, request, object_id):
        return utm.naming() if object_id == 1 else super().item_or_404(request, object_id)

    def page_context(self, request, item):
        return {"facts": format_html("{} <code>{}</code>", _("Example:"), self.example())}

    def save(self, request, item, form):
        changed = links.edit_naming(form.values, by=request.user)
        if changed:
            self.log_change(request, utm.naming(), self.construct_change_message(request, form, None))
        return Saved(_("The link naming was changed.") if changed else _("Nothing was changed."), url=self.url("change", 1))
