"""The predefined lists of lead management (R1, R9, R10), in German and English; idempotent."""

from crm.history.changes import change
from leads.models import AutomationRule, Category, CategoryGroup, DisqualifyReason, Industry, LeadStatus, Source

GROUPS = [
    ("customer", "Customer", "Kunde"),
    ("potential", "Potential customer", "Potentieller Kunde"),
    ("partner", "Partner", "Partner"),
    ("lost", "Lost", "Verloren"),
    ("other", "Other", "Andere"),
]
#: English, German, group, lead status enabled, colour, descriptions.
CATEGORIES = [
    ("Lead", "Lead", "potential", True, "azure",
     "A company that might buy; nobody has judged it yet.", "Eine Firma, die kaufen könnte; noch hat sie niemand beurteilt."),
    ("Marketing qualified lead (MQL)", "Marketingqualifizierter Lead (MQL)", "potential", True, "indigo",
     "Marketing sees enough interest to hand it to sales.", "Marketing sieht genug Interesse, um sie dem Vertrieb zu übergeben."),
    ("Opportunity", "Opportunity", "potential", True, "teal",
     "Sales is working on a concrete deal.", "Der Vertrieb arbeitet an einem konkreten Geschäft."),
    ("Lost opportunity", "Verlorene Opportunity", "potential", True, "orange",
     "The deal was lost; the company may still buy another time.", "Das Geschäft ging verloren; ein anderes Mal kauft die Firma vielleicht."),
    ("Customer", "Kunde", "customer", False, "green", "Has bought from us.", "Hat bei uns gekauft."),
    ("Former customer", "Ehemaliger Kunde", "lost", False, "red", "Was a customer and is one no longer.", "War Kunde und ist es nicht mehr."),
    ("Partner", "Partner", "partner", False, "purple", "Sells or builds together with us.", "Verkauft oder entwickelt gemeinsam mit uns."),
    ("Supplier", "Lieferant", "other", False, "yellow", "Sells to us.", "Verkauft an uns."),
    ("Other", "Andere", "other", False, "grey", "None of the other categories.", "Keine der anderen Kategorien."),
]  # fmt: skip
#: Days after which a lead in a status of this kind stands out on boards; an administrator may say otherwise.
STALE_AFTER = {"open": 7, "working": 10, "qualified": 14, "nurture": 45}
#: English, German, kind, colour, descriptions (R10).
STATUSES = [
    ("Open", "Offen", "open", "blue",
     "New: nobody has tried to reach this person yet.", "Neu: Noch hat niemand versucht, diese Person zu erreichen."),
    ("Contacting", "Kontaktaufnahme", "working", "orange",
     "Sales is trying to reach this person.", "Der Vertrieb versucht, diese Person zu erreichen."),
    ("Qualified", "Qualifiziert", "qualified", "green",
     "A good fit and ready: sales can begin.", "Passt und ist bereit: Der Verkauf kann beginnen."),
    ("Re-nurture", "Erneut bearbeiten", "nurture", "purple",
     "Not ready now, but worth another try later.", "Jetzt nicht bereit, aber später einen neuen Versuch wert."),
    ("Disqualified", "Disqualifiziert", "disqualified", "grey",
     "Does not fit what we offer.", "Passt nicht zu dem, was wir anbieten."),
]  # fmt: skip
INDUSTRIES = [
    ("Automotive", "Automobil"), ("Communications", "Kommunikation"), ("Construction", "Bau"), ("Education", "Bildung"),
    ("Energy", "Energie"), ("Finance and insurance", "Finanzen und Versicherung"), ("Food and drink", "Lebensmittel"),
    ("Health care", "Gesundheit"), ("IT and software", "IT und Software"), ("Logistics", "Logistik"),
    ("Manufacturing", "Fertigung"), ("Pharma", "Pharma"), ("Public sector", "Öffentlicher Dienst"), ("Real estate", "Immobilien"),
    ("Retail", "Handel"), ("Services", "Dienstleistung"), ("Technology", "Technik"), ("Tourism", "Tourismus"),
]  # fmt: skip
REASONS = [
    ("No budget", "Kein Budget"), ("No need", "Kein Bedarf"), ("Too small", "Zu klein"), ("Wrong contact", "Falsche Kontaktperson"),
    ("Bought elsewhere", "Hat woanders gekauft"), ("Cannot be reached", "Nicht erreichbar"), ("Competitor", "Wettbewerber"),
    ("Other", "Sonstiges"),
]  # fmt: skip
SOURCES = [
    ("Advertisement", "Anzeige"), ("Cold call", "Kaltakquise"), ("Event", "Veranstaltung"), ("Form", "Formular"),
    ("Google", "Google"), ("Import", "Import"), ("LinkedIn", "LinkedIn"), ("Newsletter", "Newsletter"), ("Partner", "Partner"),
    ("Recommendation", "Empfehlung"), ("Trade fair", "Messe"), ("Website", "Website"),
]  # fmt: skip

#: Event, English name of the category it leads to (R13).
RULES = [("sale_registered", "Opportunity"), ("sale_won", "Customer"), ("sale_lost", "Lost opportunity")]


def set_up_lists():
    """Make the predefined items of every list that is still empty; a list somebody has touched stays as it is."""
    with change("setup", by=None, via="system"):
        for rank, (code, english, german) in enumerate(GROUPS):
            CategoryGroup.objects.get_or_create(code=code, defaults={"name_en": english, "name_de": german, "rank": rank})
        if not Category.objects.exists():
            for rank, (english, german, group, enabled, colour, about, ueber) in enumerate(CATEGORIES):
                Category.objects.create(
                    name_en=english, name_de=german, group_id=group, lead_status_enabled=enabled, colour=colour,
                    description_en=about, description_de=ueber, rank=rank, is_default=rank == 0,
                )  # fmt: skip
        if not LeadStatus.objects.exists():
            for rank, (english, german, kind, colour, about, ueber) in enumerate(STATUSES):
                LeadStatus.objects.create(
                    name_en=english, name_de=german, kind=kind, colour=colour, description_en=about, description_de=ueber,
                    rank=rank, is_default=rank == 0, stale_after=STALE_AFTER.get(kind),
                )  # fmt: skip
        for model, names in ((Industry, INDUSTRIES), (Source, SOURCES), (DisqualifyReason, REASONS)):
            if not model.objects.exists():
                model.objects.bulk_create(
                    model(name_en=english, name_de=german, rank=rank) for rank, (english, german) in enumerate(names)
                )
        if not AutomationRule.objects.exists():
            # Switched off: nothing changes by itself before an administrator has said so.
            for event, english in RULES:
                if target := Category.objects.selectable().filter(name_en=english).first():
                    AutomationRule.objects.create(event=event, target=target)
