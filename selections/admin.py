"""The admin site's page of the categories of selections (R11)."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from leads.admin import ListAdmin
from selections.models import SelectionCategory


@admin.register(SelectionCategory)
class SelectionCategoryAdmin(ListAdmin):
    icon, order = "filter", 60
    about = gettext_lazy("What selections are used for.")
    list_display = ["label"]
