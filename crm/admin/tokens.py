"""Tokens, with which other programs work in a user's name."""

from django.contrib import admin
from django.http import Http404, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm import users
from crm.admin.base import LoggedAdmin, confirmed
from crm.models import ApiToken, User
from crm.web.htmx import say


@admin.register(ApiToken)
class ApiTokenAdmin(LoggedAdmin):
    icon, order = "key", 140
    about = gettext_lazy("With a token another program works in a user's name, with their rights.")
    list_display = ["label", "user", "read_only", "created_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username", "user__name_key"]
    sortable_by = ["created_at"]
    ordering = ["-pk"]
    form_fields = ["user", "name", "read_only"]

    def own_pages(self):
        return [("<int:object_id>/revoke/", require_POST(self.revoke_view), "revoke")]

    @admin.display(description=gettext_lazy("Name"))
    def label(self, token):
        return format_html("<b>{}</b>", token)

    def row(self, request, changelist, token):
        return super().row(request, changelist, token) | {"url": ""}

    def row_actions(self, request, token):
        return [] if token.revoked_at else [(self.url("revoke", token.pk), _("Revoke"), "circle-x", True, "danger")]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        raise Http404  # a token is made or revoked, never changed

    @method_decorator(confirmed)
    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request)

    def make_form(self, request, token):
        form = super().make_form(request, token)
        form.fields["user"].queryset = User.objects.filter(is_active=True)
        form.fields["user"].empty_label = _("Choose one …")
        form.fields["name"].required = True
        form.fields["name"].help_text = _("What is it for?")
        return form

    def save(self, request, token, form):
        values = form.values
        clear = ApiToken.issue(values["user"], values["name"], values["read_only"])
        made = ApiToken.objects.get(digest=ApiToken.hash(clear))
        saved = self.logged(request, None, made, form, "")
        saved.shown = {"new_token": clear, "title": str(made), "facts": str(made.user)}
        return saved

    def revoke_view(self, request, object_id):
        token = self.item_or_404(request, object_id)
        users.revoke_token(token, by=request.user)
        self.log_change(request, token, _("Revoked."))
        say(request, _("The token %(name)s no longer opens anything.") % {"name": token})
        return HttpResponseRedirect(self.url("changelist"))
