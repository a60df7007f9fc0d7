"""The admin site's pages of the lists: ordered by dragging, deleted with a replacement, restored, undone (R11)."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm import records
from crm.admin.base import Deletable
from crm.admin_site import InUseFilter, PageAdmin, Saved, add_errors, counted
from crm.models import Colour
from crm.web import formats
from crm.web.htmx import say, toast, trigger
from leads import automation, list_items
from leads.models import AutomationRule, Category, CategoryGroup, DisqualifyReason, Industry, LeadStatus, Person, Source

ADMIN = "admin"  # the way in, as the history names it


class Swatches(forms.RadioSelect):
    """The twelve colours to see and choose from (settled 19)."""

    template_name = "forms/swatches.html"


class DeletedFilter(InUseFilter):
    parameter_name = "deleted"
    words = (gettext_lazy("In use"), gettext_lazy("Deleted"))

    def in_use(self, queryset, wanted):
        return queryset.filter(deleted_at__isnull=wanted)


class ListAdmin(PageAdmin):
    """A list of items: every page of it calls leads.list_items."""

    icon = "list"
    list_filter = [DeletedFilter]
    list_per_page = 1_000
    widgets = {
        "colour": Swatches(choices=Colour.choices),
        "description_en": forms.Textarea(attrs={"rows": 2}),
        "description_de": forms.Textarea(attrs={"rows": 2}),
    }
    names = [("name_en", "name_de"), ("description_en", "description_de"), "colour"]
    form_fields = names

    def own_pages(self):
        return [
            ("reorder/", require_POST(self.reorder_view), "reorder"),
            ("<int:object_id>/move/", require_POST(self.move_view), "move"),
            ("<int:object_id>/default/", require_POST(self.default_view), "default"),
            ("<int:object_id>/delete/", self.delete_view, "delete"),
            ("<int:object_id>/restore/", require_POST(self.restore_view), "restore"),
        ]

    def get_queryset(self, request):
        return list_items.with_usage(super().get_queryset(request)).order_by("rank", "pk")

    def get_list_display(self, request):
        return [*super().get_list_display(request), *(self.held_by(*use) for use in list_items.uses(self.model))]

    def summary(self, request):
        items = self.model.objects.values_list("deleted_at", flat=True)
        deleted = sum(at is not None for at in items)
        live = ngettext("%(count)s item", "%(count)s items", len(items) - deleted) % {
            "count": formats.number(len(items) - deleted)
        }
        return _("%(live)s, %(deleted)s deleted") % {"live": live, "deleted": deleted} if deleted else live

    # --- The list -----------------------------------------------------------------------------------------------------

    sortable_by = ()

    @admin.display(description=gettext_lazy("Name"))
    def label(self, item):
        default = format_html(' <span class="badge">{}</span>', _("Default")) if getattr(item, "is_default", False) else ""
        about = format_html('<span class="sub" title="{0}">{0}</span>', item.description) if item.description else ""
        line = '<span class="line"><a class="name pill c-{}" href="{}">{}</a>{}</span>{}'
        return format_html(line, item.colour, self.url("change", item.pk), item.name, default, about)

    @staticmethod
    def held_by(model, field):
        """Return a column that tells how many records of this kind hold an item, leading to their list."""
        record = records.get(model.history.record_type)
        name = f"{model._meta.model_name}_count"

        def held(item):
            if not (count := getattr(item, name)):
                return 0
            return format_html('<a href="{}?{}={}">{}</a>', reverse(record.list_url), field, item.pk, formats.number(count))

        held.__name__, held.short_description = name, record.plural
        return held

    def row(self, request, changelist, item):
        return super().row(request, changelist, item) | {"move_url": self.url("move", item.pk)}

    def row_actions(self, request, item):
        if item.deleted_at:
            restore = (self.url("restore", item.pk), _("Restore"), "restore", True, "")
            return [restore, (self.url("delete", item.pk), _("Move its records …"), "arrow-forward-up", False, "")]
        actions = super().row_actions(request, item)
        if self.can_be_default(item):
            actions.append((self.url("default", item.pk), _("Make default"), "star", True, ""))
        if not getattr(item, "is_default", False):
            actions.append((self.url("delete", item.pk), _("Delete …"), "trash", False, "danger"))
        return actions

    def can_be_default(self, item):
        if not list_items.has_default(self.model) or item.is_default:
            return False
        return getattr(item, "kind", LeadStatus.Kind.OPEN) == LeadStatus.Kind.OPEN

    def changelist_view(self, request, extra_context=None):
        movable = not set(request.GET) - {"p"}
        return super().changelist_view(request, {"reorder_url": self.url("reorder") if movable else ""})

    def reorder_view(self, request):
        """Put the items into the order that was dragged."""
        ids = [int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal() and len(pk) < 19]
        return self.moved(request, ids)

    def move_view(self, request, object_id):
        """Move one item up or down by one place."""
        item = self.item_or_404(request, object_id)
        ids = list(self.model.objects.filter(deleted_at=None).order_by("rank", "pk").values_list("pk", flat=True))
        if item.pk in ids:
            here = ids.index(item.pk)
            there = max(0, min(len(ids) - 1, here + (-1 if "up" in request.POST else 1)))
            ids.insert(there, ids.pop(here))
        return self.moved(request, ids)

    def moved(self, request, ids):
        try:
            outcome = list_items.reorder(self.model, ids, by=request.user, via=ADMIN)
        except ValidationError as error:
            return self.refused(request, error)
        text = _("The order was changed.")
        if request.htmx:
            undo = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
            return toast(HttpResponse(status=204), text, undo_url=undo)
        say(request, text, outcome.change_set)
        return HttpResponseRedirect(self.url("changelist"))

    def refused(self, request, error, query=""):
        """Say what an action refused, on the list as it is now; `query` is the part of it one came from."""
        text = " ".join(dict.fromkeys(error.messages))
        if request.htmx:
            return trigger(toast(HttpResponse(status=204), text, level="error"), "changed")
        messages.error(request, text)
        return HttpResponseRedirect(self.url("changelist") + query)

    def default_view(self, request, object_id):
        item = self.item_or_404(request, object_id)
        try:
            outcome = list_items.set_default(item, by=request.user, via=ADMIN)
        except ValidationError as error:
            return self.refused(request, error)
        say(request, _("%(name)s is the default now.") % {"name": item.name}, outcome.change_set)
        return HttpResponseRedirect(self.url("changelist"))

    def restore_view(self, request, object_id):
        item = self.item_or_404(request, object_id)
        try:
            outcome = list_items.restore_item(item, by=request.user, via=ADMIN)
        except ValidationError as error:
            return self.refused(request, error, f"?{DeletedFilter.parameter_name}=1")
        say(request, _("%(name)s was restored.") % {"name": item.name}, outcome.change_set)
        return HttpResponseRedirect(self.url("changelist"))

    # --- The form -----------------------------------------------------------------------------------------------------

    def make_form(self, request, item):
        form = super().make_form(request, item)
        for language, other in (("en", _("German")), ("de", _("English"))):
            # Whoever works in one language gives one name.
            form.fields[f"name_{language}"].required = False
            form.fields[f"name_{language}"].help_text = _("If empty, the %(language)s name is used.") % {"language": other}
        return form

    def page_context(self, request, item):
        if item is None:
            return {}
        notes = [_("This item was deleted. Restore it to change it.")] if item.deleted_at else []
        return {"facts": used_by(list_items.usage(item)), "notes": notes, "locked": bool(item.deleted_at), "colour": item.colour}

    def also_wrong(self, item, form):
        return list_items.wrong_in(self.tried(item, form))

    def save(self, request, item, form):
        if item is None:
            made = list_items.create_item(self.model, form.values, by=request.user, via=ADMIN)
            return Saved(_("%(name)s was created.") % {"name": made.name}, list_items.created_in(made))
        if list_items.is_large(item, values=form.values):
            list_items.enqueue_edit(item, form.values, by=request.user, version=form.version, was=form.was)
            return Saved(in_background())
        outcome = list_items.edit_item(item, form.values, by=request.user, via=ADMIN, version=form.version, was=form.was)
        item.refresh_from_db()
        if not outcome.changed:
            return Saved(_("Nothing was changed."))
        return Saved(_("%(name)s was changed.") % {"name": item.name}, outcome.change_set)

    # --- Deleting -----------------------------------------------------------------------------------------------------

    def delete_view(self, request, object_id, extra_context=None):
        """Say how many records use the item, and ask what becomes of them."""
        item = self.item_or_404(request, object_id)
        held = list_items.usage(item)
        others = self.model.objects.selectable().exclude(pk=item.pk)
        form = DeleteForm(request.POST if request.method == "POST" else None, item=item, others=others,
                          used=any(live or in_bin for _model, live, in_bin in held))  # fmt: skip
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    return self.delete(request, item, form.cleaned_data.get("replacement"))
                except ValidationError as error:
                    add_errors(form, error)
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "item": item,
            "form": form,
            "used_by": used_by(held),
            "is_default": getattr(item, "is_default", False),
            "needs": [] if item.deleted_at else [(text, address_of(one, request.user)) for text, one in list_items.needs(item)],
            "follows": isinstance(item, Category),
            "list_url": self.url("changelist"),
            "list_title": self.opts.verbose_name_plural,
        }
        return TemplateResponse(request, "admin/delete_item.html", context, status=status)

    def delete(self, request, item, replacement):
        if replacement is not None and list_items.is_large(item, replacement=replacement):
            list_items.enqueue_delete(item, replacement, by=request.user)
            say(request, in_background())
        else:
            outcome = list_items.delete_item(item, replacement, by=request.user, via=ADMIN)
            text = (
                _("%(name)s was deleted; its records are now in %(replacement)s.") if replacement else _("%(name)s was deleted.")
            )
            say(request, text % {"name": item.name, "replacement": replacement and replacement.name}, outcome.change_set)
        return HttpResponseRedirect(self.url("changelist"))


class DeleteForm(forms.Form):
    """What becomes of the records of a deleted item."""

    KEEP, REPLACE = "keep", "replace"

    records = forms.ChoiceField(label=gettext_lazy("What should happen to them?"), widget=forms.RadioSelect)
    replacement = forms.ModelChoiceField(Source.objects.none(), label=gettext_lazy("Replacement"), required=False)

    def __init__(self, data, *, item, others, used):
        super().__init__(data)
        self.used = used
        self.fields["replacement"].queryset = others
        self.fields["replacement"].empty_label = _("Choose one …")
        keep = _("Keep “%(name)s (deleted)”; it can no longer be chosen.") % {"name": item.name}
        choices = [(self.REPLACE, _("Move to:")), (self.KEEP, keep)]
        self.fields["records"].choices = choices if not item.deleted_at else choices[:1]
        self.fields["records"].initial = self.REPLACE
        if not used:
            del self.fields["records"], self.fields["replacement"]

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("records") == self.KEEP:
            cleaned["replacement"] = None
        elif self.used and not cleaned.get("replacement") and "replacement" not in self.errors:
            self.add_error("replacement", _("Choose what they get instead."))
        return cleaned


def address_of(one, user):
    """Return where this user looks up what needs an item; "" if they may not."""
    if isinstance(one, AutomationRule):
        return reverse("admin:leads_automationrule_change", args=[one.pk])
    if not type(one).objects.visible_to(user).filter(pk=one.pk).exists():
        return ""
    return reverse(records.get(one.history.record_type).card_url, args=[one.pk])


def used_by(held):
    """Return in words how many records hold an item, of each kind; "" if no kind of record could."""
    parts = []
    for model, live, in_bin in held:
        text = counted(live, model)
        if in_bin:
            text += " " + _("(and %(count)s in the bin)") % {"count": formats.number(in_bin)}
        if live or in_bin:
            parts.append(text)
    if held and not parts:
        return _("No record uses it.")
    return _("Used by: %(records)s") % {"records": ", ".join(parts)} if parts else ""


def in_background():
    return _("There are many records. This runs in the background; the bell shows its progress.")


@admin.register(Category)
class CategoryAdmin(ListAdmin):
    icon, order = "category", 10
    about = gettext_lazy("What kind of relationship a company has with you; it decides where lead status applies.")
    list_display = ["label", "group_name", "lead_status", "starts_over"]
    list_select_related = ["group"]
    form_fields = [*ListAdmin.names, "group", "lead_status_enabled", "start_over"]

    @admin.display(description=gettext_lazy("Category group"))
    def group_name(self, item):
        return item.group.name

    @admin.display(description=gettext_lazy("Lead status"))
    def lead_status(self, item):
        return item.lead_status_enabled

    @admin.display(description=gettext_lazy("Start over"))
    def starts_over(self, item):
        return item.start_over

    def make_form(self, request, item):
        form = super().make_form(request, item)
        form.fields["group"].empty_label = None if item else _("Choose one …")
        form.fields["lead_status_enabled"].help_text = self.about_lead_status(item)
        return form

    def about_lead_status(self, item):
        text = _("Only in the group Potential customer. Its persons then have a lead status.")
        persons = Person.objects.filter(category=item, deleted_at=None).count() if item else 0
        if not persons:
            return text
        count = formats.number(persons)
        if item.lead_status_enabled:
            consequence = ngettext(
                "Switched off, the status of %(count)s person is hidden; it stays stored.",
                "Switched off, the status of %(count)s persons is hidden; it stays stored.",
                persons,
            )
        else:
            consequence = ngettext(
                "Switched on, %(count)s person shows their status again; who has none starts at the default one.",
                "Switched on, %(count)s persons show their status again; who has none starts at the default one.",
                persons,
            )
        return f"{text} {consequence % {'count': count}}"


@admin.register(LeadStatus)
class LeadStatusAdmin(ListAdmin):
    icon, order = "flag", 20
    about = gettext_lazy("How far a lead has got. Reports rely on the kind, whatever the name.")
    list_display = ["label", "kind", "stale_after"]
    form_fields = [*ListAdmin.names, "kind", "stale_after"]


@admin.register(Industry)
class IndustryAdmin(ListAdmin):
    icon, order = "building", 30
    about = gettext_lazy("The sector a company works in.")
    list_display = ["label"]


@admin.register(Source)
class SourceAdmin(ListAdmin):
    icon, order = "world", 40
    about = gettext_lazy("Where a person came from.")
    list_display = ["label"]


@admin.register(DisqualifyReason)
class DisqualifyReasonAdmin(ListAdmin):
    icon, order = "circle-x", 25
    about = gettext_lazy("Why a lead was disqualified. Asked for when a lead is disqualified.")
    list_display = ["label"]


@admin.register(CategoryGroup)
class CategoryGroupAdmin(PageAdmin):
    """The five groups are fixed (R1); only their names can be changed."""

    icon, order = "stack-2", 15
    about = gettext_lazy("The five groups are fixed; categories belong to them. Only their names can be changed.")
    list_display = ["label", "category_count"]
    sortable_by = ()
    form_fields = [("name_en", "name_de")]

    def pages(self):
        return [(part.replace("<int:", "<slug:"), view, name) for part, view, name in super().pages()]

    def has_add_permission(self, request):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(category_count=Count("categories", filter=Q(categories__deleted_at=None)))

    @admin.display(description=gettext_lazy("Name"))
    def label(self, group):
        other = group.name_en if group.name == group.name_de else group.name_de
        line = '<span class="line"><a class="name" href="{}">{}</a></span><span class="sub">{}</span>'
        return format_html(line, self.url("change", group.pk), group.name, other)

    @admin.display(description=gettext_lazy("Categories"))
    def category_count(self, group):
        return group.category_count

    def save(self, request, item, form):
        list_items.rename_group(item, form.values, by=request.user)
        self.log_change(request, item, self.construct_change_message(request, form, None))
        return Saved(_("%(name)s was changed.") % {"name": item})


@admin.register(AutomationRule)
class AutomationRuleAdmin(Deletable, PageAdmin):
    """What changes a company's category by itself (R13)."""

    icon, order = "wand", 50
    about = gettext_lazy("Changes a company's category when a sale or lead status changes. Customers never become leads again.")
    list_display = ["label", "target", "ask_first", "enabled"]
    list_select_related = ["lead_status", "target"]
    sortable_by = ()
    form_fields = ["enabled", "target", "ask_first"]

    def own_pages(self):
        return [*super().own_pages(), ("<int:object_id>/trial/", self.trial_view, "trial")]

    def get_queryset(self, request):
        return super().get_queryset(request).order_by("event", "lead_status__rank", "pk")

    def get_form_fields(self, request, item):
        return self.form_fields if item and item.event != AutomationRule.Event.LEAD_STATUS else ["lead_status", *self.form_fields]

    def summary(self, request):
        count = AutomationRule.objects.filter(enabled=True).count()
        return ngettext("%(count)s rule switched on", "%(count)s rules switched on", count) % {"count": formats.number(count)}

    def add_title(self):
        return _("New rule for a lead status")

    @admin.display(description=gettext_lazy("When"))
    def label(self, rule):
        return format_html('<a class="line name" href="{}">{}</a>', self.url("change", rule.pk), rule)

    def row_actions(self, request, rule):
        trial = (self.url("trial", rule.pk), _("Try it on the last 90 days"), "history", False, "")
        actions = super().row_actions(request, rule)
        if rule.event != AutomationRule.Event.LEAD_STATUS:
            actions = [action for action in actions if action[0] != self.url("delete", rule.pk)]
        return [*actions[:1], trial, *actions[1:]]

    def make_form(self, request, item):
        form = super().make_form(request, item)
        form.fields["target"].queryset = Category.objects.selectable().select_related("group")
        form.fields["target"].empty_label = None if item else _("Choose one …")
        if "lead_status" in form.fields:
            form.fields["lead_status"].queryset = LeadStatus.objects.selectable()
            form.fields["lead_status"].required = True
            form.fields["lead_status"].empty_label = None if item else _("Choose one …")
        return form

    def save(self, request, item, form):
        if item is None:
            made = automation.create_rule(form.values, by=request.user, via=ADMIN)
            return Saved(_("The rule “%(name)s” was created.") % {"name": made})
        outcome = automation.edit_rule(item, form.values, by=request.user, via=ADMIN, version=form.version, was=form.was)
        if not outcome.changed:
            return Saved(_("Nothing was changed."))
        return Saved(_("The rule “%(name)s” was changed.") % {"name": item}, outcome.change_set)

    def delete(self, request, item):
        automation.delete_rule(item, by=request.user, via=ADMIN)

    def consequence(self, item):
        return _("What it changed stays; what it proposed is no longer asked.")

    def trial_view(self, request, object_id):
        """Show what the rule would have changed over the last 90 days, and for whom."""
        rule = self.item_or_404(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "rule": rule,
            "title": str(rule),
            "would": automation.trial(rule),
            "list_url": self.url("changelist"),
            "list_title": self.opts.verbose_name_plural,
            "change_url": self.url("change", rule.pk),
        }
        return TemplateResponse(request, "admin/trial.html", context)
