"""Forms that strangers send: one after the other, each from an address of its own."""

from django.core import signing
from django.test import Client
from django.utils import timezone

from capture import actions, protect
from crm.models import User

#: One form takes no more than so many in a minute.
OF_EACH = 400


def sends():
    """Return a function that sends a form of somebody nobody knows yet, at one of 500 companies."""
    mia = User.objects.filter(role__code="administrator").first()
    takers = list(User.objects.filter(role__code="sales_rep", is_active=True).order_by("pk").values_list("pk", flat=True)[:5])
    client, number, forms = Client(SERVER_NAME="localhost"), 0, []
    asked = [{"name": name} for name in ("person.last_name", "company.name", "person.email")]
    begun = int(timezone.now().timestamp())

    def send():
        nonlocal number
        if number % OF_EACH == 0:
            values = {"name": f"Bench {number}", "published": True, "language": "en", "takers": takers, "questions": asked}
            forms.append(actions.create_form(values, by=mia, via="form"))
        number += 1
        form, issued = forms[-1], timezone.now().timestamp() - 30
        token = signing.dumps({"f": form.key, "k": f"bench-{number}", "t": issued, "u": {}}, salt=protect.SALT, compress=True)
        body = f"token={token}&person_last_name=N{number}&company_name=Bench+{number % 500}&person_email=n{number}.{begun}@bench.example"
        kind, address = "application/x-www-form-urlencoded", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return client.post(form.public_path, body, content_type=kind, REMOTE_ADDR=address)

    return send
