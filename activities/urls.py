"""Follow-ups on the cards."""

from django.urls import path, register_converter

from activities import views


class Kind:
    """Whose follow-ups: persons' or companies'."""

    regex = "persons|companies"

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(Kind, "activity_kind")
app_name = "activities"
urlpatterns = [
    path("<activity_kind:kind>/<int:pk>/next/", views.next_activity, name="next"),
    path("<activity_kind:kind>/<int:pk>/timeline/", views.timeline, name="timeline"),
    path("<activity_kind:kind>/<int:pk>/follow-ups/new/", views.new, name="new"),
    path("<activity_kind:kind>/<int:pk>/note/", views.note, name="note"),
    path("follow-ups/<int:pk>/", views.edit, name="edit"),
    path("follow-ups/<int:pk>/tick/", views.tick, name="tick"),
    path("follow-ups/<int:pk>/postpone/", views.postpone, name="postpone"),
    path("follow-ups/<int:pk>/delete/", views.delete, name="delete"),
]
