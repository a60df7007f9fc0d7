"""Pages of follow-ups: *My day*, the list, each one, and their parts of the cards."""

from django.urls import path, register_converter

from activities import nav as _nav  # noqa: F401 (its entries)
from activities.views import cards, day, lists, one


class Kind:
    """Whose follow-ups: persons', companies' or sales'."""

    regex = "|".join(one.KINDS)

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(Kind, "activity_kind")
app_name = "activities"
urlpatterns = [
    path("my-day/", day.my_day, name="my_day"),
    path("<activity_kind:kind>/<int:pk>/next/", cards.next_activity, name="next"),
    path("<activity_kind:kind>/<int:pk>/timeline/", cards.timeline, name="timeline"),
    path("<activity_kind:kind>/<int:pk>/note/", cards.note, name="note"),
    path("<activity_kind:kind>/<int:pk>/follow-ups/new/", one.new, name="new"),
    path("follow-ups/new/", one.new, name="follow_up_new"),
    path("follow-ups/choices/", one.choices, name="choices"),
    path("follow-ups/<int:pk>/", one.edit, name="follow_up"),
    path("follow-ups/<int:pk>/", one.edit, name="edit"),
    path("follow-ups/<int:pk>/tick/", one.tick, name="tick"),
    path("follow-ups/<int:pk>/postpone/", one.postpone, name="postpone"),
    path("follow-ups/<int:pk>/delete/", one.delete, name="delete"),
    *(address for page in lists.PAGES for address in page.urls()),
]
