"""A believable small company's data to try Lotse with: made by the product's own actions, spread over the last months.

The same every time (a fixed seed), so that screenshots and stories agree; names, domains and numbers are invented.
"""

import datetime
import random
from collections import defaultdict

from django.utils import timezone

from activities import actions as activity_actions
from activities.models import Activity
from crm.history.models import ChangeSet
from crm.models import Role, Team, User
from crm.text import fold
from leads import actions
from leads.models import Category, Company, DisqualifyReason, Industry, LeadStatus, Person, Source

COMPANIES, PERSONS = 300, 1_200
#: user name, first and last name, role, team, language. The password is the user name and PASSWORD.
USERS = [
    ("admin", "Ada", "Lindner", "administrator", None, "de"),
    ("anna", "Anna", "Kraft", "sales_rep", "Nord", "de"),
    ("max", "Max", "Lorenz", "sales_rep", "Süd", "de"),
    ("mia", "Mia", "Sommer", "marketer", None, "en"),
]
PASSWORD = "-sails-north"

STEMS = ["Nordwind", "Baltic", "Hansa", "Fjord", "Klartext", "Helios", "Alster", "Weser", "Elbtal", "Isar", "Rheinland", "Alpen",
         "Meridian", "Kompass", "Leuchtturm", "Anker", "Havel", "Linden", "Eichen", "Falken", "Silber", "Granit", "Aurora", "Polar",
         "Vega", "Orion", "Castor", "Delta", "Sigma", "Quanta"]  # fmt: skip
TRADES = [("Logistik", "Logistics"), ("Metallbau", "Manufacturing"), ("Medizintechnik", "Health care"), ("Energie", "Energy"),
          ("Lebensmittel", "Food and drink"), ("Software", "IT and software"), ("Reisen", "Tourism"), ("Immobilien", "Real estate"),
          ("Anlagenbau", "Construction"), ("Pharma", "Pharma"), ("Optik", "Technology"), ("Handel", "Retail")]  # fmt: skip
#: country, share, legal forms, cities with postal code and dialling code, first names, last names.
COUNTRIES = [
    ("DE", 60, ["GmbH", "AG", "GmbH & Co. KG", "KG"],
     [("Bremen", "28195", "+49 421"), ("Kassel", "34117", "+49 561"), ("Erlangen", "91052", "+49 9131"), ("Köln", "50667", "+49 221"),
      ("Ulm", "89073", "+49 731"), ("Hamburg", "20095", "+49 40"), ("München", "80331", "+49 89"), ("Leipzig", "04109", "+49 341")],
     ["Jana", "Tobias", "Nadine", "Felix", "Stefan", "Sabine", "Jürgen", "Katrin", "Lukas", "Birgit", "Oliver", "Meike", "Selin", "Jörg",
      "Heike", "Torsten", "Anke", "Dirk", "Franziska", "Malte"],
     ["Petersen", "Wehner", "Brandt", "Huber", "Aydın", "Krüger", "Schröder", "Böhm", "Vogel", "Seidel", "Reuter", "Lehmann", "Groß",
      "Weiß", "Köhler", "Jansen", "Sauer", "Ziegler", "Arnold", "Pfeiffer"]),
    ("AT", 10, ["GmbH", "AG"], [("Linz", "4020", "+43 732"), ("Graz", "8010", "+43 316"), ("Wien", "1010", "+43 1")],
     ["Stefan", "Eva", "Markus", "Theresa", "Lena"], ["Huber", "Gruber", "Moser", "Steiner", "Eder"]),
    ("CH", 8, ["AG", "GmbH"], [("Zürich", "8001", "+41 44"), ("Bern", "3011", "+41 31")],
     ["Urs", "Regula", "Beat", "Nina"], ["Keller", "Frei", "Zürcher", "Ammann"]),
    ("NL", 6, ["BV"], [("Utrecht", "3511", "+31 30"), ("Eindhoven", "5611", "+31 40")],
     ["Peter", "Sanne", "Daan", "Fleur"], ["van Dijk", "de Vries", "Bakker", "Visser"]),
    ("FR", 5, ["SARL", "SAS"], [("Lyon", "69001", "+33 4"), ("Nantes", "44000", "+33 2")],
     ["Chloé", "Mathieu", "Élodie", "François"], ["Martin", "Lefèvre", "Béranger", "Moreau"]),
    ("PL", 5, ["Sp. z o.o."], [("Gdańsk", "80-001", "+48 58"), ("Wrocław", "50-001", "+48 71")],
     ["Marta", "Paweł", "Agnieszka", "Łukasz"], ["Kowalska", "Nowak", "Wiśniewski", "Zając"]),
    ("NO", 3, ["AS"], [("Bergen", "5003", "+47 55"), ("Tromsø", "9008", "+47 77")],
     ["Henrik", "Ingrid", "Kjersti"], ["Sørensen", "Haugen", "Ødegård"]),
    ("IT", 3, ["S.r.l."], [("Bologna", "40121", "+39 051"), ("Verona", "37121", "+39 045")],
     ["Luca", "Giulia", "Niccolò"], ["Bianchi", "Ferrari", "Conti"]),
]  # fmt: skip
TITLES = ["Geschäftsführung", "Einkaufsleitung", "Leitung Marketing", "Head of Operations", "CTO", "CFO", "Vertriebsleitung",
          "Projektleitung", "Assistenz der Geschäftsführung", "Leitung IT", "Product Manager", "Werksleitung"]  # fmt: skip
STREETS = ["Hafenstraße", "Bahnhofstraße", "Am Markt", "Industrieweg", "Lindenallee", "Mühlweg", "Hauptstraße", "Schillerstraße"]
CATEGORIES = {"Lead": 40, "Marketing qualified lead (MQL)": 20, "Opportunity": 9, "Lost opportunity": 5, "Customer": 15,
              "Former customer": 3, "Partner": 4, "Supplier": 2, "Other": 2}  # fmt: skip
#: What a lead goes through, and how often.
CAREERS = {("Contacting",): 26, ("Contacting", "Qualified"): 18, ("Contacting", "Re-nurture"): 10, ("Disqualified",): 6,
           ("Contacting", "Disqualified"): 6, (): 34}  # fmt: skip
DUE = {"call": ["Rückruf", "Zweiter Anruf", "Bedarf klären", "Erstgespräch"], "meeting": ["Demo mit IT", "Vor-Ort-Termin", "Angebot besprechen"],
       "email": ["Unterlagen nachreichen", "Referenzen senden", "Preisliste senden"], "task": ["Vertrag senden", "Budget nachfragen",
       "Messetermin abstimmen"]}  # fmt: skip
#: In how many days a follow-up is due, and how often: people keep up with most, and plan for weeks.
DAYS = {-8: 1, -3: 1, -2: 1, -1: 2, 0: 3, 1: 5, 2: 6, 3: 6, 4: 6, 5: 6, 7: 10, 9: 10, 12: 10, 14: 12, 18: 12, 21: 12, 28: 14, 35: 14,
        42: 14}  # fmt: skip
NOTES = ["Anruf: Bedarf geklärt, 40 Fahrzeuge, Start im ersten Quartal.", "Nicht erreicht, Mailbox besprochen.",
         "Interesse an der großen Ausbaustufe, Entscheidung fällt im Vorstand.", "Budget erst nächstes Jahr, bleibt im Verteiler.",
         "Kennt uns von der Messe, wünscht eine Referenz aus der Branche."]  # fmt: skip


def load():
    """Make the demo's users and records; return [(user name, password)]. Expects the predefined lists and no records."""
    return Demo().load()


class Demo:
    def __init__(self):
        self.random = random.Random(2026)
        self.now = timezone.now()
        self.statuses = {status.name_en: status for status in LeadStatus.objects.all()}
        self.categories = {category.name_en: category for category in Category.objects.all()}
        self.reasons = list(DisqualifyReason.objects.all())

    def load(self):
        self.users()
        companies = self.companies()
        persons = self.persons(companies)
        self.careers(persons)
        self.promotions(companies)
        self.follow_ups(Person.objects.select_related("company", "owner").order_by("pk"))
        return [(name, name + PASSWORD) for name, *_rest in USERS]

    def users(self):
        for name, first, last, role, team, language in USERS:
            user = User.objects.create_user(
                name, f"{name}@lotse.example", name + PASSWORD, first_name=first, last_name=last, language=language,
                role=Role.objects.get(code=role),
            )  # fmt: skip
            if team:
                user.teams.add(Team.objects.get_or_create(name=team)[0])
            setattr(self, name, user)

    def ago(self, days):
        """Return a moment of a working day about so many days ago, between eight and six."""
        day = self.now - datetime.timedelta(days=days)
        day -= datetime.timedelta(days=max(0, day.weekday() - 4))
        moment = day.replace(hour=self.random.randint(7, 16), minute=self.random.choice([0, 5, 15, 20, 30, 45]), second=0)
        return min(moment, self.now)

    def pick(self, weighted):
        return self.random.choices(list(weighted), list(weighted.values()))[0]

    def owner(self):
        return self.random.choices([self.anna, self.max, self.mia, None], [48, 38, 6, 8])[0]

    def created(self, made, model, at):
        """Let records and their change set have come at that moment."""
        ids = [record.pk for record in made]
        ChangeSet.objects.filter(changes__record_type=model.history.record_type, changes__record_id__in=ids).update(at=at)
        model.objects.filter(pk__in=ids).update(created_at=at, updated_at=at)
        if model is Person:
            Person.objects.filter(pk__in=ids).exclude(lead_status=None).update(lead_status_since=at)

    def companies(self):
        industries = {industry.name_en: industry for industry in Industry.objects.all()}
        names = [(stem, trade) for stem in STEMS for trade in TRADES]
        self.random.shuffle(names)
        by_day = defaultdict(list)
        for number, (stem, (trade, industry)) in enumerate(names[:COMPANIES]):
            country, _share, forms, cities, _firsts, _lasts = self.random.choices(COUNTRIES, [c[1] for c in COUNTRIES])[0]
            city, postal_code, dialling = self.random.choice(cities)
            name = f"{stem} {trade} {self.random.choice(forms)}"
            domain = fold(f"{stem}-{trade}").replace(" ", "-") + ".example"
            by_day[self.random.randint(1, 30) * 6].append({
                "name": name, "number": str(10_000 + number), "owner": self.owner(), "country": country, "city": city,
                "category": self.categories["Lead"] if number % 9 == 0 else self.categories[self.pick(CATEGORIES)],
                "postal_code": postal_code, "street": f"{self.random.choice(STREETS)} {self.random.randint(1, 120)}",
                "industry": industries[industry], "email": f"info@{domain}", "website": f"www.{domain}",
                "phone": f"{dialling} 555 0{100 + number}", "no_mailings": number % 23 == 0, "stop": number % 97 == 0,
            })  # fmt: skip
        made = []
        for days, values in sorted(by_day.items(), reverse=True):
            batch = actions.create_companies(values, by=self.admin, via="demo")
            self.created(batch, Company, self.ago(days))
            made += batch
        return made

    def persons(self, companies):
        sources = list(Source.objects.all())
        countries = {country[0]: country for country in COUNTRIES}
        by_day, seen = defaultdict(list), set()
        for number in range(PERSONS):
            company = companies[number] if number < COMPANIES else self.random.choice(companies)
            _country, _share, _forms, cities, firsts, lasts = countries[str(company.country)]
            first, last = self.random.choice(firsts), self.random.choice(lasts)
            domain = company.email.partition("@")[2]
            email = f"{fold(first)}.{fold(last).replace(' ', '')}@{domain}".replace("ø", "o").replace("ł", "l").replace("ı", "i")
            if email in seen:
                email = email.replace("@", f"{number}@")
            seen.add(email)
            age = self.random.randint(0, 29) * 4
            by_day[age].append({
                "first_name": first, "last_name": last, "title": self.random.choice(TITLES), "email": email, "company": company,
                "phone": f"{cities[0][2]} 555 {1000 + number}", "mobile": f"+49 171 555 {1000 + number}" if number % 3 else "",
                "source": self.random.choice(sources) if number % 11 else None, "owner": company.owner or self.owner(),
                "former_employee": number % 41 == 0,
            })  # fmt: skip
        made = []
        for days, values in sorted(by_day.items(), reverse=True):
            batch = actions.create_persons(values, by=self.admin, via="demo")
            self.created(batch, Person, self.ago(days))
            made += [(person, days) for person in batch]
        return made

    def careers(self, persons):
        """Let leads go through their statuses, worked by their owners."""
        steps = defaultdict(list)
        for person, age in persons:
            if person.is_lead:
                days = age
                for name in self.pick(CAREERS):
                    days = int(days * self.random.uniform(0.2, 0.8))
                    reason = self.random.choice(self.reasons).pk if name == "Disqualified" else None
                    steps[days, person.owner_id or self.mia.pk, name, reason].append(person.pk)
        users = User.objects.in_bulk()
        reasons = {reason.pk: reason for reason in self.reasons}
        for (days, owner, name, reason), ids in sorted(steps.items(), key=lambda item: -item[0][0]):
            at = self.ago(days)
            why = {"reason": reasons[reason]} if reason else {}
            some = Person.objects.filter(pk__in=ids)
            outcome = actions.set_lead_status(some, self.statuses[name], by=users[owner], via="demo", **why)
            if outcome.change_set:
                ChangeSet.objects.filter(pk=outcome.change_set.pk).update(at=at)
            Person.objects.filter(pk__in=ids, lead_status=self.statuses[name]).update(lead_status_since=at, updated_at=at)

    def promotions(self, companies):
        """Let some companies have become what they are step by step."""
        for company in self.random.sample([c for c in companies if c.category == self.categories["Lead"]], 30):
            target = self.categories[self.random.choice(["Marketing qualified lead (MQL)", "Opportunity", "Customer"])]
            at = self.ago(self.random.randint(1, 20))
            outcome = actions.set_category(company, target, by=company.owner or self.mia, via="demo")
            ChangeSet.objects.filter(pk=outcome.change_set.pk).update(at=at)
            Company.objects.filter(pk=company.pk).update(updated_at=at)

    def follow_ups(self, persons):
        due, done = [], []
        for person in persons:
            kind = self.random.choice(list(DUE))
            base = {"kind": kind, "subject": self.random.choice(DUE[kind]), "person": person, "owner": person.owner or self.mia}
            chance = self.random.random()
            if (person.is_lead and chance < 0.55) or chance < 0.12:
                days = self.pick(DAYS)
                day = (self.now + datetime.timedelta(days=days)).replace(second=0, microsecond=0)
                due.append(
                    {**base, "due_at": day.replace(hour=self.random.randint(7, 16), minute=self.random.choice([0, 15, 30, 45]))}
                )
            if self.random.random() < 0.4:
                at = self.ago(self.random.randint(1, 60))
                done.append({**base, "due_at": at, "done_at": at})
            if self.random.random() < 0.25:
                text = self.random.choice(NOTES)
                at = self.ago(self.random.randint(0, 50))
                done.append(
                    {**base, "kind": "note", "subject": text.split(",")[0].rstrip("."), "text": text, "due_at": at, "done_at": at}
                )
        made = activity_actions.create_activities([*done, *due], by=self.admin, via="demo")
        for activity in made:
            at = activity.done_at or max(self.ago(self.random.randint(1, 12)), activity.person.created_at)
            activity.created_at = activity.updated_at = at
        Activity.objects.bulk_update(made, ["created_at", "updated_at"], batch_size=500)
