"""The ways in by which a rule must hold: the action itself, the API, the page. Each says what was refused in the same words."""

import html
import json
import re

from django.core.exceptions import ValidationError
from django.urls import reverse

from crm.history.changes import Conflict
from crm.history.models import ChangeSet
from leads import actions
from leads.models import Company, DisqualifyReason, Person


class Refused(Exception):
    """A rule said no; the text is what the user reads."""


class Stale(Exception):
    """Somebody else was faster; the text holds the value they gave (R17)."""


class ByAction:
    """The functions every other way calls."""

    name, via = "action", {"card"}

    def __init__(self, user, client):
        self.user = user

    def _do(self, function, *args, **kwargs):
        try:
            return function(*args, by=self.user, via="card", **kwargs)
        except ValidationError as error:
            raise Refused(" ".join(error.messages)) from error
        except Conflict as conflict:
            raise Stale(str(vars(conflict.record))) from conflict

    def new_company(self, **values):
        return self._do(actions.create_company, values)

    def new_person(self, **values):
        return self._do(actions.create_person, values)

    def edit(self, record, version=None, **values):
        function = actions.edit_person if isinstance(record, Person) else actions.edit_company
        self._do(function, record, values, version=version)
        record.refresh_from_db()

    def delete(self, record):
        self._do(actions.delete, record)

    def restore(self, record):
        self._do(actions.restore, record)

    def undo(self):
        from crm.history.undo import undo

        self._do(undo, ChangeSet.objects.latest("pk"))


class ByApi(ByAction):
    """JSON over HTTP. It has no bin and no undo; there the action stands in."""

    name, via = "api", {"api"}

    def __init__(self, user, client):
        self.user, self.client = user, client
        client.force_login(user)

    def _send(self, method, url, values, **headers):
        body = {name: getattr(value, "pk", value) for name, value in values.items()}
        response = getattr(self.client, method)(url, body, content_type="application/json", **headers)
        if response.status_code == 400:
            raise Refused(" ".join(text for texts in response.json().values() for text in texts))
        if response.status_code == 409:
            raise Stale(response.content.decode())
        assert response.status_code in {200, 201, 204}, response.content
        return response.json()["id"] if response.content else None

    def new_company(self, **values):
        return Company.objects.get(pk=self._send("post", "/api/v1/companies/", values))

    def new_person(self, **values):
        return Person.objects.get(pk=self._send("post", "/api/v1/persons/", values))

    @staticmethod
    def address(record):
        return f"/api/v1/{'persons' if isinstance(record, Person) else 'companies'}/{record.pk}/"

    def edit(self, record, version=None, **values):
        record.refresh_from_db()
        self._send("patch", self.address(record), {**values, "version": version or record.version})
        record.refresh_from_db()

    def delete(self, record):
        record.refresh_from_db()
        self._send("delete", self.address(record), {}, HTTP_IF_MATCH=f'"{record.version}"')


class ByPage:
    """The forms of the product's pages, as a browser sends them with htmx."""

    name, via = "page", {"card", "form", "list"}
    FRAGMENT = {"HTTP_HX_REQUEST": "true"}

    def __init__(self, user, client):
        self.user, self.client = user, client
        client.force_login(user)

    def _send(self, url, data):
        """Post a form; raise what the page says to who was refused, in a message or at a field."""
        response = self.client.post(url, {name: self._text(value) for name, value in data.items()}, **self.FRAGMENT)
        said = json.loads(response.headers.get("HX-Trigger", "{}")).get("toast", {})
        if said.get("level") == "error":
            raise Refused(said["text"])
        words = html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode()))
        if response.status_code == 422:
            raise Refused(words)
        if response.status_code == 409:
            raise Stale(words)
        assert response.status_code in {204, 302}, (response.status_code, words)
        return response

    @staticmethod
    def _text(value):
        if value is None or value is False:
            return ""
        return "on" if value is True else str(getattr(value, "pk", getattr(value, "code", value)))

    def _new(self, model, url, values):
        """Create by the form; a lead status is given afterwards, on the card: the form has none."""
        status = values.pop("lead_status", None)
        response = self._send(url, values)
        path = response.headers.get("HX-Redirect") or response.headers["Location"]
        record = model.objects.get(pk=path.strip("/").split("/")[-1])
        if status is not None:
            self.edit(record, lead_status=status)
        return record

    def new_company(self, **values):
        return self._new(Company, reverse("leads:company_new"), values)

    def new_person(self, **values):
        return self._new(Person, reverse("leads:person_new"), values)

    def edit(self, record, version=None, **values):
        """Save fact by fact, each with what its form was opened with."""
        kind = "persons" if isinstance(record, Person) else "companies"
        for name, value in values.items():
            seen = type(record).objects.get(pk=record.pk)
            if name == "lead_status":
                menu = {"status": value, "was": seen.lead_status if version is None else record.lead_status}
                # What the menu's small dialog asks of a status that needs it.
                menu |= {"asked": "1", "again_on": "", "reason": DisqualifyReason.objects.selectable().first()}
                self._send(reverse("leads:set_status", args=[record.pk]), menu)
            else:
                was = getattr(seen if version is None else record, name)
                data = {name: value, f"was-{name}": was, "version": version or seen.version}
                self._send(reverse("leads:fact", args=[kind, record.pk, name]), data)
        record.refresh_from_db()

    def delete(self, record):
        kind = "persons" if isinstance(record, Person) else "companies"
        self._send(reverse("leads:delete", args=[kind, record.pk]), {})

    def restore(self, record):
        kind = "person" if isinstance(record, Person) else "company"
        self._send(reverse("leads:restore") + f"?of={kind}", {"ids": record.pk})

    def undo(self):
        self._send(reverse("crm:undo", args=[ChangeSet.objects.latest("pk").pk]), {})


WAYS = {"action": ByAction, "api": ByApi, "page": ByPage}
