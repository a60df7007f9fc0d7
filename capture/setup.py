"""The predefined sources and media of links, in German and English; idempotent."""

from capture.models import UtmMedium, UtmSource
from crm.history.changes import change

#: As it stands in links, English, German.
SOURCES = [
    ("google", "Google", "Google"), ("bing", "Bing", "Bing"), ("linkedin", "LinkedIn", "LinkedIn"), ("xing", "XING", "XING"),
    ("facebook", "Facebook", "Facebook"), ("instagram", "Instagram", "Instagram"), ("youtube", "YouTube", "YouTube"),
    ("newsletter", "Newsletter", "Newsletter"), ("partner", "Partner", "Partner"), ("trade-fair", "Trade fair", "Messe"),
]  # fmt: skip
MEDIA = [
    ("cpc", "Paid search (per click)", "Bezahlte Suche (je Klick)"), ("organic", "Unpaid search", "Unbezahlte Suche"),
    ("social", "Social media", "Soziale Medien"), ("paid-social", "Paid social media", "Bezahlte soziale Medien"), ("email", "E-mail", "E-Mail"),
    ("display", "Banner", "Banner"), ("video", "Video", "Video"), ("referral", "Link on another website", "Link auf anderer Website"),
    ("print", "Print", "Druck"), ("qr", "QR code", "QR-Code"),
]  # fmt: skip


def set_up_lists():
    """Make the predefined items of every list that is still empty; one that somebody has touched stays as it is."""
    with change("setup", by=None, via="system"):
        for model, items in ((UtmSource, SOURCES), (UtmMedium, MEDIA)):
            if not model.objects.exists():
                model.objects.bulk_create(
                    model(value=value, name_en=english, name_de=german, rank=rank)
                    for rank, (value, english, german) in enumerate(items)
                )
