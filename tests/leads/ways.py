"""The ways in by which a rule must hold: the action itself, the API, the page. Each says what was refused in the same words."""

from django.core.exceptions import ValidationError

from leads import actions
from leads.models import Company, Person


class Refused(Exception):
    """A rule said no; the text is what the user reads."""


class ByAction:
    def __init__(self, user, client):
        self.user = user

    def _do(self, function, *args, **kwargs):
        try:
            return function(*args, by=self.user, via="card", **kwargs)
        except ValidationError as error:
            raise Refused(" ".join(error.messages)) from error

    def new_company(self, **values):
        return self._do(actions.create_company, values)

    def new_person(self, **values):
        return self._do(actions.create_person, values)

    def edit(self, record, **values):
        function = actions.edit_person if isinstance(record, Person) else actions.edit_company
        self._do(function, record, values)
        record.refresh_from_db()


class ByApi:
    def __init__(self, user, client):
        self.client = client
        client.force_login(user)

    def _send(self, method, url, values):
        body = {name: getattr(value, "pk", value) for name, value in values.items()}
        response = getattr(self.client, method)(url, body, content_type="application/json")
        if response.status_code == 400:
            raise Refused(" ".join(text for texts in response.json().values() for text in texts))
        assert response.status_code in {200, 201}, response.content
        return response.json()["id"]

    def new_company(self, **values):
        return Company.objects.get(pk=self._send("post", "/api/v1/companies/", values))

    def new_person(self, **values):
        return Person.objects.get(pk=self._send("post", "/api/v1/persons/", values))

    def edit(self, record, **values):
        record.refresh_from_db()
        path = "persons" if isinstance(record, Person) else "companies"
        self._send("patch", f"/api/v1/{path}/{record.pk}/", {**values, "version": record.version})
        record.refresh_from_db()


WAYS = {"action": ByAction, "api": ByApi}
