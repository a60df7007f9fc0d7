"""Pages of the ground floor."""

urlpatterns: list = []
