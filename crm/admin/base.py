"""What pages of the ground floor's admin site have in common."""

from functools import wraps

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from crm.admin_site import PageAdmin, Saved
from crm.web.htmx import say


def confirmed(view):
    """Let a page ask for one's own password first. What was sent before that is not kept: it may hold a password."""
    asking = reauthentication_required(view)

    @wraps(view)
    def asked(request, *args, **kwargs):
        try:
            return asking(request, *args, **kwargs)
        except ReauthenticationRequired:
            if request.method == "POST":
                return HttpResponseRedirect(request.path)
            raise

    return asked


class LoggedAdmin(PageAdmin):
    """What is no record has no history of records; Django's own log tells who changed it and when."""

    section = "users"

    def page_context(self, request, item):
        return {"log": self.log_of(item)} if item else {}

    def log_of(self, item):
        """Return (when, who, what) of the last changes made here."""
        kind = ContentType.objects.get_for_model(self.model)
        entries = LogEntry.objects.filter(content_type=kind, object_id=str(item.pk)).select_related("user")[:10]
        return [
            (entry.action_time, entry.user, entry.get_change_message() or entry.get_action_flag_display()) for entry in entries
        ]

    def logged(self, request, before, item, form, text, **more):
        """Note the change in the log and return what was saved."""
        message = self.construct_change_message(request, form, None, add=before is None)
        if before is None:
            self.log_addition(request, item, message)
        elif form.changed_data:
            self.log_change(request, item, message)
        return Saved(text % {"name": item}, **more)


class Deletable:
    """A page that asks before it deletes for good."""

    def own_pages(self):
        return [*super().own_pages(), ("<int:object_id>/delete/", self.delete_view, "delete")]

    def row_actions(self, request, item):
        return [*super().row_actions(request, item), (self.url("delete", item.pk), _("Delete …"), "trash", False, "danger")]

    def delete_view(self, request, object_id, extra_context=None):
        item = self.item_or_404(request, object_id)
        errors: list[str] = []
        if request.method == "POST":
            name = str(item)
            try:
                self.delete(request, item)
            except ValidationError as error:
                errors = error.messages
            else:
                say(request, _("%(name)s was deleted.") % {"name": name})
                return HttpResponseRedirect(self.url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "page": self,
            "item": item,
            "errors": errors,
            "consequence": self.consequence(item),
            "list_url": self.url("changelist"),
            "list_title": self.opts.verbose_name_plural,
        }
        return TemplateResponse(request, "admin/delete.html", context, status=422 if errors else 200)
