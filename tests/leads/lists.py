"""What a list's page shows, read from its HTML, and persons to fill one."""

import datetime
import json
import re

from django.db import connection
from django.utils import timezone

from leads.actions import create_persons
from tests.factories import ActivityFactory, CompanyFactory

FRAGMENT = {"HX-Request": "true"}


def names(response):
    """Return the names of the rows of a list, in order."""
    return re.findall(r'<a class="line name" href="[^"]*">([^<]*)</a>', response.content.decode())


def statements(request):
    """Return how many statements a request asks."""
    found = []

    def note(execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        response = request()
    assert response.status_code == 200, response.content
    return len(found)


def fill(owner, count, **values):
    """Make persons of two companies with owners, statuses and follow-ups of all sorts."""
    companies = [CompanyFactory(by=owner), CompanyFactory(by=owner)]
    many = [{"last_name": f"Person {n:02}", "company": companies[n % 2], **values} for n in range(count)]
    persons = create_persons(many, by=owner, via="system")
    ActivityFactory(by=owner, person=persons[0], subject="Call back", due_at=timezone.now() + datetime.timedelta(days=1))
    return persons


def location(response):
    return json.loads(response.headers["HX-Location"])["path"]
