"""Finding the records that a row names: companies and persons by the ids of another system, sales likewise, persons by e-mail."""

from collections.abc import Iterable

from crm import access
from crm.models import ExternalId
from crm.text import fold
from exchange import mapping as mappings
from exchange.kinds import COMPANY_ID, COMPANY_NAME, LEAD_ID, PERSON_EMAIL, PERSON_ID, SALE_ID
from leads.models import Company, Person
from sales.models import Sale

MODELS = {COMPANY_ID: Company, COMPANY_NAME: Company, PERSON_ID: Person, LEAD_ID: Person, PERSON_EMAIL: Person, SALE_ID: Sale}
#: The stored keys by which records are found that bring no id.
KEYS = {COMPANY_NAME: "name_key", PERSON_EMAIL: "email_key"}
#: What is loaded along with the records.
ALONG = {Person: ["company"], Sale: ["company", "person"], Company: []}


def external_records(source, record_type, ids: Iterable[str] | None) -> dict[str, int]:
    """Return external id -> record id of those that are known."""
    if not ids or not source:
        return {}
    rows = ExternalId.objects.filter(source=source, record_type=record_type, external_id__in=ids)
    return dict(rows.values_list("external_id", "record_id"))


class Links:
    """Finds what rows name among the records that the importer may see; of others it is as if they were not there (settled 17)."""

    def __init__(self, reader, *, by_name):
        self._by = reader.by
        self._by_name = by_name and COMPANY_NAME in reader.places
        self._sources = {target: mappings.source_of(reader.mapping, target) for target in MODELS if target in reader.places}

    def find(self, rows):
        """Set each row's `found`: target -> record."""
        if self._by_name:
            for row in rows:
                if name := row.company.get("name"):
                    row.links[COMPANY_NAME] = fold(name)
        at: dict[str, dict[str, int]] = {}
        for target, source in self._sources.items():
            model = MODELS[target]
            texts = {row.links[target] for row in rows if target in row.links}
            if texts and target in KEYS:
                # The oldest of several wins.
                column = KEYS[target]
                live = access.visible(model.objects.filter(**{f"{column}__in": texts}), self._by)
                at[target] = dict(live.order_by("-pk").values_list(column, "pk"))
            elif texts:
                at[target] = external_records(source, model.history.record_type, texts)
        records = {}
        for model, along in ALONG.items():
            ids = {pk for target, found in at.items() if MODELS[target] is model for pk in found.values()}
            if ids:
                visible = access.visible(model.objects.filter(pk__in=ids), self._by)
                records[model] = visible.select_related(*along).in_bulk() if along else visible.in_bulk()
        for row in rows:
            for target, text in row.links.items():
                record = records.get(MODELS[target], {}).get(at.get(target, {}).get(text, 0))
                if record is not None:
                    row.found[target] = record
