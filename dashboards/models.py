"""Dashboards: pages of tiles, each a question about the records one may see (D1–D6)."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.history.triggers import Watch
from crm.models import Record, Team, User
from crm.text import KeyField
from leads.models import validators

MAX_COLUMNS = 6


class Theme(models.TextChoices):
    """Which colours of the palette charts take, in their order (dashboards.tiles.colours)."""

    CALM = "calm", _("Calm")
    COLOURFUL = "colourful", _("Colourful")
    COOL = "cool", _("Cool")
    WARM = "warm", _("Warm")


class Dashboard(Record):
    """A page of tiles. `tiles` is the list of them, each as `dashboards.tiles.spec` reads it (docs/decisions/0020).

    `user_ids` and `team_ids` name with whom it is shared beyond its `visibility`; the rows of `DashboardShare` follow them. One without an
    owner belongs to the installation.
    """

    class Visibility(models.TextChoices):
        ALL = "all", _("Everybody")
        TEAM = "team", _("My team")
        PRIVATE = "private", _("Only me")

    name = models.CharField(_("name"), max_length=80, validators=[validators.one_line])
    description = models.CharField(_("description"), max_length=400, blank=True, validators=[validators.one_line])
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("owner"), related_name="dashboards"
    )
    visibility = models.CharField(_("visible to"), max_length=7, choices=Visibility, default=Visibility.PRIVATE)
    user_ids = models.JSONField(_("users"), default=list, blank=True)
    team_ids = models.JSONField(_("teams"), default=list, blank=True)
    pinned = models.BooleanField(_("pinned for everybody"), default=False)
    columns = models.PositiveSmallIntegerField(
        _("columns"), default=4, validators=[MinValueValidator(1), MaxValueValidator(MAX_COLUMNS)]
    )
    theme = models.CharField(_("colours"), max_length=10, choices=Theme, default=Theme.CALM)
    tiles = models.JSONField(_("tiles"), default=list, blank=True)

    # Not in the history: what a predefined one is called in each language, and the key that names sort by.
    ready = models.CharField(max_length=20, blank=True, editable=False)
    name_key = KeyField()

    shared_by, shares_in, reserved_by = "visibility", "shares", "pinned"  # see crm.access
    history = Watch(
        "dashboard",
        fields=("name", "description", "owner", "visibility", "user_ids", "team_ids", "pinned", "columns", "theme", "tiles", "deleted_at"),
        first=("owner", "visibility"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboards")
        constraints = [
            models.CheckConstraint(condition=Q(visibility__in=("all", "team", "private")), name="dashboard_visibility"),
            models.CheckConstraint(condition=Q(columns__gte=1, columns__lte=MAX_COLUMNS), name="dashboard_columns"),
            models.CheckConstraint(condition=Q(pinned=False) | Q(visibility="all"), name="dashboard_pinned"),
        ]
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="da_name"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="da_bin"),
        ]

    def __str__(self):
        return self.title

    @property
    def title(self):
        """The name; that of a predefined one in the reader's language, until somebody gives it another."""
        return self._predefined(0) or self.name

    @property
    def about(self):
        return self._predefined(1) or self.description

    def _predefined(self, place):
        from dashboards.tiles.ready import DASHBOARDS

        return str(DASHBOARDS[self.ready][place]) if self.ready in DASHBOARDS else ""

    def get_absolute_url(self):
        return reverse("dashboards:dashboard", args=[self.pk])

    @staticmethod
    def told(name, value):
        """Return a value as the history tells it, where the stored one says nothing to people."""
        if name == "tiles":
            count = len(value or [])
            return ngettext("%(count)s tile", "%(count)s tiles", count) % {"count": count}
        if name in {"user_ids", "team_ids"}:
            named = (User if name == "user_ids" else Team).objects.filter(pk__in=value or [])
            return ", ".join(one.name for one in named) or _("nobody")
        return None


class DashboardShare(models.Model):
    """A user or a team with whom a dashboard is shared."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="shares")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dashboard", "user"], condition=Q(team=None), name="dashboardshare_user"),
            models.UniqueConstraint(fields=["dashboard", "team"], condition=Q(user=None), name="dashboardshare_team"),
            models.CheckConstraint(
                condition=Q(user__isnull=True, team__isnull=False) | Q(user__isnull=False, team__isnull=True),
                name="dashboardshare_one",
            ),
        ]

    def __str__(self):
        return f"{self.dashboard_id} {self.user_id or self.team_id}"


class DashboardFavourite(models.Model):
    """A dashboard that this user has marked: among the first of their tabs."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="favourites")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="favourite_dashboards")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "dashboard"], name="dashboardfavourite_key")]

    def __str__(self):
        return f"{self.user_id} {self.dashboard_id}"
