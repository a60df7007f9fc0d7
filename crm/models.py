"""The ground floor's tables: people who use the product, and what every record shares."""

import hashlib
import secrets
import zoneinfo
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from crm import access
from crm.history.models import Change, ChangeSet, RunningChangeSet
from crm.history.triggers import Watch
from crm.jobs.models import Job
from crm.text import KeyField, fold

__all__ = ["NEVER", "ApiToken", "Change", "ChangeSet", "ExternalId", "IdempotencyKey", "Job", "ListItem", "Record", "Role", "RunningChangeSet",
           "SearchText", "SearchWord", "TableSetting", "Team", "Throttle", "User"]  # fmt: skip


#: Stands for *no date* in columns that lists sort by: NULL sorts differently on the two databases and breaks keysets.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Scope(models.TextChoices):
    """How far a role reaches (A1)."""

    OWN = "own", _("Own records")
    TEAM = "team", _("Records of the team")
    ALL = "all", _("All records")


class EditScope(models.TextChoices):
    NONE = "none", _("Nothing")
    OWN = "own", _("Own records")
    TEAM = "team", _("Records of the team")
    ALL = "all", _("All records")


class Role(models.Model):
    """What a user may do. The predefined four carry a code; an administrator may add more."""

    FLAGS = ("may_delete", "may_bulk", "may_import", "may_export", "administers")

    code = models.SlugField(_("code"), unique=True, max_length=40)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_de = models.CharField(_("name (German)"), max_length=80)
    see = models.CharField(_("may see"), max_length=4, choices=Scope, default=Scope.TEAM)
    edit = models.CharField(_("may edit"), max_length=4, choices=EditScope, default=EditScope.TEAM)
    may_delete = models.BooleanField(_("may delete"), default=True)
    may_bulk = models.BooleanField(_("may bulk edit"), default=True)
    may_import = models.BooleanField(_("may import"), default=True)
    may_export = models.BooleanField(_("may export"), default=True)
    administers = models.BooleanField(_("may administer"), default=False, help_text=_("Can open Administration and its lists."))

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(see__in=Scope.values), name="role_see"),
            models.CheckConstraint(condition=Q(edit__in=EditScope.values), name="role_edit"),
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return self.name_de if get_language() == "de" else self.name_en


class Team(models.Model):
    """Users who see each other's records when their role says *team*."""

    name = models.CharField(_("name"), max_length=80, unique=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ["name"]

    def __str__(self):
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, username, email, password=None, **fields):
        """Make a user; the role defaults to *Sales rep*. Raise IntegrityError for a taken name or address."""
        if "role" not in fields:
            fields["role"] = Role.objects.get(code="sales_rep")
        user = self.model(username=username, email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username, email, password=None, **fields):
        """Make an administrator, also before the predefined lists were set up."""
        from crm.setup import set_up_roles

        set_up_roles()
        return self.create_user(username, email, password, role=Role.objects.get(code="administrator"), **fields)

    def get_queryset(self):
        # Every request asks what the role allows.
        return super().get_queryset().select_related("role")

    def get_by_natural_key(self, username):
        return self.get(username__iexact=username)

    def administrators(self):
        return self.filter(is_active=True, role__administers=True)


class Language(models.TextChoices):
    DE = "de", "Deutsch"
    EN = "en", "English"


class Theme(models.TextChoices):
    AUTO = "auto", pgettext_lazy("theme", "System default")
    LIGHT = "light", pgettext_lazy("theme", "Light")
    DARK = "dark", pgettext_lazy("theme", "Dark")


@cache
def time_zones():
    """Return the choices of a time zone, read from the machine's files once: every follow-up saved is checked by them."""
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name or name == "UTC"]


def default_time_zone():
    return settings.DEFAULT_USER_TIME_ZONE


class User(AbstractBaseUser):
    """A person who works with Lotse. Users are switched off, never deleted: history and records name them."""

    username = models.CharField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[RegexValidator(r"^[\w.+-]+\Z", _("Use letters, digits and . + - _ only."))],
    )
    email = models.EmailField(_("e-mail"))
    first_name = models.CharField(_("first name"), max_length=80, blank=True)
    last_name = models.CharField(_("last name"), max_length=80, blank=True)
    name_key = KeyField()
    role = models.ForeignKey(Role, models.PROTECT, verbose_name=_("role"), related_name="users")
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), blank=True, related_name="users")
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.DE)
    time_zone = models.CharField(_("time zone"), max_length=64, choices=time_zones, default=default_time_zone)
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme, default=Theme.AUTO)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Deactivate users instead of deleting them."))
    absent_from = models.DateField(_("absent from"), null=True, blank=True)
    absent_until = models.DateField(_("absent until"), null=True, blank=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]
    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["name_key"]
        constraints = [
            models.UniqueConstraint(
                Lower("username"), name="user_username", violation_error_message=_("This user name is taken.")
            ),
            models.UniqueConstraint(Lower("email"), name="user_email", violation_error_message=_("This e-mail is taken.")),
        ]

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        self.name_key = fold(self.name)
        if (fields := kwargs.get("update_fields")) is not None and {"first_name", "last_name", "username"} & set(fields):
            kwargs["update_fields"] = {*fields, "name_key"}
        super().save(*args, **kwargs)

    @property
    def name(self):
        return f"{self.first_name} {self.last_name}".strip() or self.username

    @property
    def initials(self):
        return initials(self.name)

    @property
    def avatar(self):
        return self.pk % 8

    @property
    def label(self):
        return self.name if self.is_active else _("%(name)s (switched off)") % {"name": self.name}

    def is_absent(self, now=None):
        """Tell whether it is a day of their absence where they are; one without an end lasts, one without a beginning began."""
        if not self.absent_from and not self.absent_until:
            return False
        day = timezone.localdate(now, self.zone)
        return (self.absent_from or day) <= day <= (self.absent_until or day)

    def clean(self):
        if self.absent_from and self.absent_until and self.absent_until < self.absent_from:
            raise ValidationError({"absent_until": _("The absence ends before it begins.")})

    def get_full_name(self):
        return self.name

    def get_short_name(self):
        return self.first_name or self.username

    @property
    def is_staff(self):
        return self.role.administers

    is_superuser = is_staff

    def has_perm(self, perm, obj=None):
        """Django's admin site asks this; only administrators pass. Records are guarded by crm.access."""
        return self.is_active and self.role.administers

    def has_perms(self, perms, obj=None):
        return self.is_active and self.role.administers

    def has_module_perms(self, app_label):
        return self.is_active and self.role.administers

    @cached_property
    def colleague_ids(self):
        """The ids of all who share a team with this user, and their own."""
        team_ids = self.teams.through.objects.filter(user_id=self.pk).values("team_id")
        shared = self.teams.through.objects.filter(team_id__in=team_ids).values_list("user_id", flat=True)
        return sorted({self.pk, *shared})

    @cached_property
    def zone(self):
        return zoneinfo.ZoneInfo(self.time_zone)


def initials(name):
    """Return the first letters of the first and last word, in capitals: *Anna Maria Kraft* is AK."""
    words = name.split()
    return "".join(word[0] for word in ([words[0], words[-1]] if len(words) > 1 else words)).upper()


class ApiToken(models.Model):
    """A token of the API. Only its hash is stored, so a stolen database opens no door."""

    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="api_tokens")
    name = models.CharField(_("name"), max_length=80, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(_("read only"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self):
        return self.name or f"#{self.pk}"

    @staticmethod
    def hash(token):
        # A random 256-bit token needs no salt and no slow hash.
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(cls, user, name="", read_only=False):
        """Make a token for the user; return it in clear, for the only time."""
        token = f"lotse_{secrets.token_urlsafe(32)}"
        cls.objects.create(user=user, name=name, read_only=read_only, digest=cls.hash(token))
        return token


class RecordQuerySet(models.QuerySet):
    """What every record type's queryset can be asked."""

    def visible_to(self, user):
        return access.visible(self, user)

    def editable_by(self, user):
        return access.editable(self, user)

    def live(self):
        return self.filter(deleted_at=None)


class Record(models.Model):
    """What every editable record has: a version (R17), the bin (R18), and when it came and changed (R19)."""

    owner_paths: tuple[str, ...] = ("owner",)
    follows_records: tuple[str, ...] = ()  # see crm.access
    of_nobodys_unless: dict[str, tuple[str, ...]] = {}  # see crm.access
    shared_by = shares_in = reserved_by = ""  # see crm.access

    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True

    @staticmethod
    def told(name, value):
        """Return a field's value as the history tells it, or None where the value speaks for itself."""
        return None

    @staticmethod
    def edited():
        """Return the update() arguments that every write of a business field carries (settled 10)."""
        return {"version": F("version") + 1, "updated_at": timezone.now()}


class Colour(models.TextChoices):
    """The palette of list items: tokens with a light and a dark value each (settled 19)."""

    BLUE = "blue", _("Blue")
    AZURE = "azure", _("Azure")
    TEAL = "teal", _("Teal")
    GREEN = "green", _("Green")
    LIME = "lime", _("Lime")
    YELLOW = "yellow", _("Yellow")
    ORANGE = "orange", _("Orange")
    RED = "red", _("Red")
    PINK = "pink", _("Pink")
    PURPLE = "purple", _("Purple")
    INDIGO = "indigo", _("Indigo")
    GREY = "grey", _("Grey")


class ListItemQuerySet(models.QuerySet):
    def selectable(self):
        return self.filter(deleted_at=None)


class ListItem(models.Model):
    """An item of a list that administrators edit (R11): named and described in each shipped language (A3)."""

    history: ClassVar[Watch]

    name_en = models.CharField(_("name (English)"), max_length=80)
    name_de = models.CharField(_("name (German)"), max_length=80)
    description_en = models.CharField(_("description (English)"), max_length=400, blank=True)
    description_de = models.CharField(_("description (German)"), max_length=400, blank=True)
    colour = models.CharField(_("colour"), max_length=8, choices=Colour, default=Colour.GREY)
    rank = models.PositiveIntegerField(_("order"), default=0, db_index=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ListItemQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["rank", "pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("name_en"), condition=Q(deleted_at=None), name="%(class)s_name_en",
                violation_error_message=_("There is already an item with this English name."),
            ),
            models.UniqueConstraint(
                Lower("name_de"), condition=Q(deleted_at=None), name="%(class)s_name_de",
                violation_error_message=_("There is already an item with this German name."),
            ),
            models.CheckConstraint(condition=Q(colour__in=Colour.values), name="%(class)s_colour"),
        ]  # fmt: skip

    def __str__(self):
        return self.label

    @property
    def name(self):
        return self.name_de if get_language() == "de" else self.name_en

    @property
    def description(self):
        return self.description_de if get_language() == "de" else self.description_en

    @staticmethod
    def edited():
        return {"version": F("version") + 1}

    @property
    def label(self):
        """The name as shown beside old records: a deleted item says so (R11)."""
        return _("%(name)s (deleted)") % {"name": self.name} if self.deleted_at else self.name


class ExternalId(models.Model):
    """What another system calls a record of ours (settled 18): several per record, each once per source."""

    source = models.CharField(_("source"), max_length=60)
    record_type = models.CharField(max_length=20)
    external_id = models.CharField(_("external id"), max_length=120)
    record_id = models.BigIntegerField()
    #: The import that brought it; undoing that takes it away.
    change_set = models.ForeignKey(ChangeSet, models.SET_NULL, null=True, editable=False, related_name="+")

    class Meta:
        verbose_name = _("external id")
        verbose_name_plural = _("external ids")
        constraints = [models.UniqueConstraint(fields=["source", "record_type", "external_id"], name="externalid_key")]
        indexes = [models.Index(fields=["record_type", "record_id"], name="externalid_record")]

    def __str__(self):
        return f"{self.source}:{self.external_id}"


class SearchText(models.Model):
    """The folded text a record is found by (W7), apart from the record so that changes of status never touch it.

    The trigram index is made by crm.search for each database.
    """

    record_type = models.CharField(max_length=20)
    record_id = models.BigIntegerField()
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["record_type", "record_id"], name="searchtext_record")]

    def __str__(self):
        return f"{self.record_type} {self.record_id}"


class SearchWord(models.Model):
    """Each distinct word of the names, to find what was mistyped (W7). Words nobody uses any more do no harm."""

    word = KeyField(max_length=60, unique=True)

    def __str__(self):
        return self.word


class TableSetting(models.Model):
    """A user's own columns, widths, order and grouping of one list (W3)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="table_settings")
    table = models.CharField(max_length=40)
    state = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "table"], name="tablesetting_key")]

    def __str__(self):
        return f"{self.user_id} {self.table}"


class Throttle(models.Model):
    """How often a key was used in a window of time; one row is counted up by one statement."""

    key = models.CharField(max_length=200, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.key


class IdempotencyKey(models.Model):
    """What a request of the API with this key was answered, so that a repeat is answered the same and does nothing (T43)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotencykey_key")]

    def __str__(self):
        return self.key
