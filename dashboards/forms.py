"""The form of a dashboard. It reads and checks what was typed; writing is the actions'."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Team, User
from dashboards.models import MAX_COLUMNS, Dashboard


class DashboardForm(forms.ModelForm):
    """What a dashboard is called, how it looks, and who sees it; `user` fills it in."""

    users = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True).order_by("name_key"), required=False, label=_("Share with users"),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    teams = forms.ModelMultipleChoiceField(
        Team.objects.all(), required=False, label=_("Share with teams"), widget=forms.CheckboxSelectMultiple
    )
    columns = forms.TypedChoiceField(
        label=_("Columns"), coerce=int, choices=[(number, str(number)) for number in range(1, MAX_COLUMNS + 1)], initial=4
    )

    class Meta:
        model = Dashboard
        fields = ("name", "description", "columns", "theme", "visibility", "pinned")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = str(field.label)[:1].upper() + str(field.label)[1:]
        self.fields["users"].queryset = User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("name_key")
        self.fields["users"].initial, self.fields["teams"].initial = self.instance.user_ids, self.instance.team_ids
        if not user.role.administers:
            del self.fields["pinned"]
        if self.instance.ready:
            # As the page calls it; saved unchanged, it stays a text of the product.
            self.initial["name"], self.initial["description"] = self.instance.title, self.instance.about

    def _post_clean(self):
        """Leave the model's own checks to the action."""

    def clean(self):
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("pinned"):
            cleaned["visibility"] = Dashboard.Visibility.ALL
        return cleaned

    def values(self):
        """Return what was typed, as the actions take it."""
        values = {name: self.cleaned_data[name] for name in self.fields if name not in {"users", "teams"}}
        if self.instance.ready:
            shown = {"name": self.instance.title, "description": self.instance.about}
            values = {name: value for name, value in values.items() if shown.get(name) != value}
        return values | {"user_ids": self._user_ids(), "team_ids": [one.pk for one in self.cleaned_data["teams"]]}

    def _user_ids(self):
        """Return whom it is shared with: who was ticked, and who is not offered (the one who edits, and who is switched off) as before."""
        there, chosen = self.instance.user_ids, [one.pk for one in self.cleaned_data["users"]]
        unoffered = User.objects.filter(pk__in=there).exclude(pk__in=self.fields["users"].queryset.values("pk"))
        stay = {*chosen, *unoffered.values_list("pk", flat=True)}
        return [*(pk for pk in there if pk in stay), *(pk for pk in chosen if pk not in there)]
