"""Forms, what came in by them, and where people came from (C1–C3)."""

import secrets

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import Language, ListItem, Record
from crm.text import KeyField
from leads.models import Company, Person, Source, validators


def _utm(label, length=200):
    return KeyField(label, max_length=length, blank=True)


class FirstTouch(models.Model):
    """The visit by which somebody came across us."""

    first_source = _utm(_("first touch: source"), 100)
    first_medium = _utm(_("first touch: medium"), 100)
    first_campaign = _utm(_("first touch: campaign"))
    first_term = _utm(_("first touch: term"))
    first_content = _utm(_("first touch: content"))
    first_referrer = _utm(_("first touch: referrer"), 300)
    first_at = models.DateTimeField(_("first touch: time"), null=True)

    class Meta:
        abstract = True


class LeadTouch(models.Model):
    """The visit in which somebody became a lead."""

    lead_source = _utm(_("lead creation: source"), 100)
    lead_medium = _utm(_("lead creation: medium"), 100)
    lead_campaign = _utm(_("lead creation: campaign"))
    lead_term = _utm(_("lead creation: term"))
    lead_content = _utm(_("lead creation: content"))
    lead_referrer = _utm(_("lead creation: referrer"), 300)
    lead_at = models.DateTimeField(_("lead creation: time"), null=True)

    class Meta:
        abstract = True


class PlainTouch(models.Model):
    """One visit: of a submission its conversion, of a company its source."""

    source = _utm(_("source"), 100)
    medium = _utm(_("medium"), 100)
    campaign = _utm(_("campaign"))
    term = _utm(_("term"))
    content = _utm(_("content"))
    referrer = _utm(_("referrer"), 300)
    at = models.DateTimeField(_("time"), null=True)

    class Meta:
        abstract = True


class PersonOrigin(FirstTouch, LeadTouch):
    """Where a person came from, and the form that made them a lead; who was typed in or imported has none (docs/decisions/0024)."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True, related_name="origin")
    form = models.ForeignKey("Form", models.SET_NULL, null=True, verbose_name=_("form"), related_name="brought")

    class Meta:
        indexes = [
            models.Index(fields=["first_source"], name="po_first_source"),
            models.Index(fields=["first_medium"], name="po_first_medium"),
            models.Index(fields=["first_campaign"], name="po_first_campaign"),
            models.Index(fields=["lead_source"], name="po_lead_source"),
            models.Index(fields=["lead_medium"], name="po_lead_medium"),
            models.Index(fields=["lead_campaign"], name="po_lead_campaign"),
        ]

    def __str__(self):
        return f"{self.person_id} {self.lead_source}"


class CompanyOrigin(PlainTouch):
    """Where a company came from: the visit of whoever brought it (*company source*)."""

    company = models.OneToOneField(Company, models.CASCADE, primary_key=True, related_name="origin")

    class Meta:
        indexes = [
            models.Index(fields=["source"], name="cor_source"),
            models.Index(fields=["medium"], name="cor_medium"),
            models.Index(fields=["campaign"], name="cor_campaign"),
        ]

    def __str__(self):
        return f"{self.company_id} {self.source}"


def new_key():
    return secrets.token_urlsafe(12)


class Form(Record):
    """A form for strangers, as a page of ours and within pages of others.

    `questions` is its list of fields (capture.questions), `sites` the origins that may show it and be led to, `rule` says
    who gets whom it brings: `takers` are user ids, as those in `notify` are, who are told of everything that comes in, `by_country` maps countries to them, `criteria` is a list of {criteria, user}.
    """

    class Rule(models.TextChoices):
        FIXED = "fixed", _("Always the first of them")
        TURNS = "turns", _("In rotation")
        LEAST = "least", _("Whoever has the fewest open leads")
        COUNTRY = "country", _("By country, otherwise in rotation")
        CRITERIA = "criteria", _("By answer, otherwise in rotation")

    name = models.CharField(_("name"), max_length=120, validators=[validators.one_line])
    key = models.CharField(max_length=40, unique=True, default=new_key, editable=False)
    published = models.BooleanField(_("published"), default=False)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.DE)
    title = models.CharField(_("heading"), max_length=120, blank=True, validators=[validators.one_line])
    intro = models.TextField(_("introduction"), max_length=1_000, blank=True, validators=[validators.plain])
    questions = models.JSONField(_("fields"), default=list, blank=True)
    button = models.CharField(_("button text"), max_length=40, blank=True, validators=[validators.one_line])
    consent_text = models.TextField(_("consent text"), max_length=2_000, blank=True, validators=[validators.plain])
    consent_purpose = models.CharField(_("purpose of the consent"), max_length=80, blank=True, validators=[validators.one_line])
    consent_version = models.PositiveIntegerField(_("version of the consent"), default=1, editable=False)
    consent_required = models.BooleanField(_("consent required"), default=False)
    thanks = models.TextField(_("thank-you text"), max_length=1_000, blank=True, validators=[validators.plain])
    redirect_url = models.CharField(_("page after sending"), max_length=300, blank=True)
    sites = models.JSONField(_("sites"), default=list, blank=True)
    source = models.ForeignKey(Source, models.PROTECT, null=True, blank=True, verbose_name=_("source"), related_name="forms")
    rule = models.CharField(_("who gets the leads"), max_length=8, choices=Rule, default=Rule.TURNS)
    takers = models.JSONField(_("users"), default=list, blank=True)
    notify = models.JSONField(_("also notify"), default=list, blank=True)
    by_country = models.JSONField(_("by country"), default=dict, blank=True)
    criteria = models.JSONField(_("by answer"), default=list, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("owner"), related_name="forms")

    name_key = KeyField()

    history = Watch(
        "form",
        fields=("name", "published", "language", "title", "intro", "questions", "button", "consent_text", "consent_purpose",
                "consent_version", "consent_required", "thanks", "redirect_url", "sites", "source", "rule", "takers", "notify", "by_country",
                "criteria", "owner", "deleted_at"),
        first=("owner",),
    )  # fmt: skip

    class Meta:
        verbose_name = _("form")
        verbose_name_plural = _("forms")
        constraints = [
            models.CheckConstraint(condition=Q(rule__in=("fixed", "turns", "least", "country", "criteria")), name="form_rule")
        ]
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="fo_name"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="fo_bin"),
        ]

    def __str__(self):
        return self.name

    @property
    def label(self):
        """The name as shown beside what it brought: a deleted form says so."""
        return _("%(name)s (deleted)") % {"name": self.name} if self.deleted_at else self.name

    def get_absolute_url(self):
        return reverse("capture:form", args=[self.pk])

    @property
    def public_path(self):
        return reverse("capture:public", args=[self.key])

    @staticmethod
    def told(name, value):
        """Return a value as the history tells it, where the stored one says nothing to people."""
        from capture.questions import told

        return told(name, value)


class Submission(PlainTouch, Record):
    """What somebody sent by a form. Its own touch is the conversion (C2); `answers` holds what was answered, by question.

    It is *received* until it was matched with a person: at once, unless it looks like spam, or somebody took that back.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        ACCEPTED = "accepted", _("Accepted")
        SPAM = "spam", _("Quarantine")

    form = models.ForeignKey(Form, models.PROTECT, verbose_name=_("form"), related_name="submissions", db_index=False)
    key = models.CharField(max_length=80, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.RECEIVED)
    why = models.CharField(_("reason"), max_length=40, blank=True, editable=False)
    name = models.CharField(_("name"), max_length=254, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    answers = models.JSONField(_("answers"), default=dict)
    touches = models.JSONField(default=dict, editable=False)
    consent = models.JSONField(_("consent"), default=dict)
    person = models.ForeignKey(
        Person, models.CASCADE, null=True, verbose_name=_("person"), related_name="submissions", db_index=False
    )
    known = models.BooleanField(_("already known"), default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, verbose_name=_("owner"), related_name="submissions", db_index=False
    )
    seen_at = models.DateTimeField(null=True, editable=False)

    name_key = KeyField()

    follows_records = ("person", "form")  # see crm.access
    history = Watch("submission", fields=("state", "person", "known", "owner", "deleted_at"), first=("state",))

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        constraints = [
            models.UniqueConstraint(fields=["form", "key"], name="submission_key"),
            models.CheckConstraint(condition=Q(state__in=("received", "accepted", "spam")), name="submission_state"),
        ]
        indexes = [
            models.Index(fields=["form", "-created_at", "-id"], name="su_form"),
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="su_created"),
            models.Index(fields=["person", "-created_at", "-id"], name="su_person"),
            models.Index(fields=["owner", "seen_at"], name="su_owner"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="su_bin"),
        ]

    def __str__(self):
        return self.name or self.email

    def get_absolute_url(self):
        return reverse("capture:submission", args=[self.pk])


class Assignment(models.Model):
    """One decision who gets a lead: by which rule, to whom, and who was passed over and why (the ledger)."""

    form = models.ForeignKey(Form, models.CASCADE, related_name="assignments", db_index=False)
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="assignments")
    rule = models.CharField(max_length=8, choices=Form.Rule)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="assignments")
    passed_over = models.JSONField(default=list)  # [{"user": id, "why": code}]
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["form", "-id"], name="assignment_form"),
            models.Index(fields=["user", "at"], name="assignment_user"),
        ]

    def __str__(self):
        return f"{self.form_id} {self.rule} {self.user_id}"


class Told(models.Model):
    """That a user is told of a submission which is given to somebody else, or to nobody: under the bell until it was looked at, and
    by mail."""

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="told")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "submission"], name="told_once")]
        indexes = [models.Index(fields=["user", "submission"], condition=Q(seen_at=None), name="told_unseen")]

    def __str__(self):
        return f"{self.submission_id} {self.user_id}"


class Consent(models.Model):
    """What a person agreed to: the purpose, the very words and their version, when, and by which form (A5).

    One that was taken back stays, with the time and the way; who agrees again has another.
    """

    class Via(models.TextChoices):
        LINK = "link", _("by the link of a message")
        ONE_CLICK = "oneclick", _("by the button of a mail program")
        USER = "user", _("noted by a user")
        UNDONE = "undone", _("the submission was taken back")

    person = models.ForeignKey(Person, models.CASCADE, related_name="consents", db_index=False)
    form = models.ForeignKey(Form, models.SET_NULL, null=True, related_name="+")
    submission = models.ForeignKey(Submission, models.SET_NULL, null=True, related_name="consents")
    purpose = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    text = models.TextField()
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_via = models.CharField(max_length=8, choices=Via, blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["person", "-at"], name="consent_person"),
            models.Index(fields=["purpose", "person"], condition=Q(withdrawn_at=None), name="consent_holds"),
        ]

    def __str__(self):
        return f"{self.person_id} {self.purpose}"


# --- Links that tell where a visitor came from ------------------------------------------------------------------------------


MAX_TARGET, MAX_LINK = 1_000, 2_000


class UtmItem(ListItem):
    """A source or medium that links may name; an administrator keeps the list. `value` is what stands in the link."""

    value = models.CharField(
        _("in links"), max_length=100, help_text=_("As it appears in the link, for example linkedin."),
        validators=[RegexValidator(r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z", _("Lower-case letters, digits and . - _ only."))],
    )  # fmt: skip

    class Meta(ListItem.Meta):
        abstract = True


_ITEM = ("name_en", "name_de", "description_en", "description_de", "colour", "rank", "deleted_at", "value")


class UtmSource(UtmItem):
    history = Watch("utm_source", fields=_ITEM, first=("name_en", "value"))

    class Meta(UtmItem.Meta):
        verbose_name = _("link source")
        verbose_name_plural = _("link sources")


class UtmMedium(UtmItem):
    history = Watch("utm_medium", fields=_ITEM, first=("name_en", "value"))

    class Meta(UtmItem.Meta):
        verbose_name = _("link medium")
        verbose_name_plural = _("link media")


class Naming(models.Model):
    """How the team writes what stands in its links; there is one row (capture.utm applies it)."""

    class Blank(models.TextChoices):
        HYPHEN = "-", _("a hyphen: spring-fair")
        UNDERSCORE = "_", _("an underscore: spring_fair")
        DOT = ".", _("a dot: spring.fair")

    lower_case = models.BooleanField(_("lower case"), default=True)
    umlauts = models.BooleanField(_("umlauts written out"), default=True, help_text=_("ä becomes ae, ß becomes ss, é becomes e."))
    plain = models.BooleanField(
        _("letters and digits only"), default=True, help_text=_("Between them, - _ and . are also allowed.")
    )
    blank = models.CharField(_("replace spaces with"), max_length=1, choices=Blank, default=Blank.HYPHEN)
    listed_only = models.BooleanField(
        _("only listed sources and media"), default=False, help_text=_("Others are refused, not just flagged.")
    )
    note = models.CharField(
        _("note for the team"),
        max_length=300,
        blank=True,
        help_text=_("Shown above the link builder, for example: year-month-topic."),
    )

    class Meta:
        verbose_name = _("link naming")
        verbose_name_plural = _("link naming")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="naming_one")]

    def __str__(self):
        return str(_("Link naming"))


class CampaignLink(Record):
    """A link somebody built: where it leads and what it tells. It is kept to be found and copied again, and never changed."""

    campaign = models.CharField(_("campaign"), max_length=200)
    source = models.CharField(_("source"), max_length=100)
    medium = models.CharField(_("medium"), max_length=100)
    term = models.CharField(_("term"), max_length=200, blank=True)
    content = models.CharField(_("content"), max_length=200, blank=True)
    target = models.CharField(_("target page"), max_length=MAX_TARGET)
    url = models.CharField(_("link"), max_length=MAX_LINK, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("built by"), related_name="links", db_index=False
    )

    name_key = KeyField()
    source_key = KeyField()
    medium_key = KeyField()

    history = Watch("link", fields=("owner", "deleted_at"), first=("owner",))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        indexes = [
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="li_created"),
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="li_name"),
            models.Index(fields=["owner", "-created_at"], name="li_owner"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="li_bin"),
        ]

    def __str__(self):
        return self.campaign

    def get_absolute_url(self):
        return reverse("capture:link", args=[self.pk])
