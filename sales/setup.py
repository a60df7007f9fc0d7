"""The predefined lists of sales (R14), in German and English; idempotent."""

from crm.history.changes import change
from sales.models import SaleReason, SaleStage, SaleType

#: English, German, probability in percent, colour, descriptions.
STAGES = [
    ("First talk", "Erstgespräch", 10, "blue", "There is interest; need and budget are not known yet.",
     "Es gibt Interesse; Bedarf und Budget sind noch nicht bekannt."),
    ("Need analysed", "Bedarf ermittelt", 25, "azure", "We know what is needed, by when, and who decides.",
     "Bedarf, Zeitpunkt und Entscheider sind bekannt."),
    ("Offer", "Angebot", 50, "indigo", "An offer is out.", "Ein Angebot liegt vor."),
    ("Negotiation", "Verhandlung", 75, "purple", "Price and terms are being discussed.", "Preis und Bedingungen werden besprochen."),
    ("Verbal yes", "Mündliche Zusage", 90, "teal", "Agreed; only the signature is missing.", "Zugesagt; nur die Unterschrift fehlt."),
]  # fmt: skip
TYPES = [
    ("New business", "Neugeschäft"),
    ("Extension", "Erweiterung"),
    ("Renewal", "Verlängerung"),
    ("Service", "Dienstleistung"),
]
#: English, German, outcome, colour.
REASONS = [
    ("Best offer", "Bestes Angebot", "won", "green"), ("Good relationship", "Gute Beziehung", "won", "green"),
    ("Recommendation", "Empfehlung", "won", "green"), ("Price", "Preis", "lost", "red"), ("Competitor", "Wettbewerber", "lost", "red"),
    ("No budget", "Kein Budget", "lost", "orange"), ("Postponed for good", "Dauerhaft verschoben", "lost", "yellow"),
    ("Missing feature", "Fehlende Funktion", "lost", "purple"), ("No answer any more", "Keine Antwort mehr", "lost", "grey"),
]  # fmt: skip


def set_up_lists():
    """Make the predefined items of every list that is still empty; a list somebody has touched stays as it is."""
    with change("setup", by=None, via="system"):
        if not SaleStage.objects.exists():
            for rank, (english, german, probability, colour, about, ueber) in enumerate(STAGES):
                SaleStage.objects.create(
                    name_en=english, name_de=german, probability=probability, colour=colour, description_en=about, description_de=ueber,
                    rank=rank,
                )  # fmt: skip
        if not SaleType.objects.exists():
            SaleType.objects.bulk_create(
                SaleType(name_en=english, name_de=german, rank=rank) for rank, (english, german) in enumerate(TYPES)
            )
        if not SaleReason.objects.exists():
            SaleReason.objects.bulk_create(
                SaleReason(name_en=english, name_de=german, outcome=outcome, colour=colour, rank=rank)
                for rank, (english, german, outcome, colour) in enumerate(REASONS)
            )
