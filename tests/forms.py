"""Forms as a browser reads them."""

from html.parser import HTMLParser


class Form(HTMLParser):
    """What a form would send, as a browser reads it."""

    def __init__(self, response):
        super().__init__()
        self.sent, self.open = {}, ""
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and "name" in given:
            if given.get("type") != "checkbox" or "checked" in given:
                self.sent[given["name"]] = given.get("value") or ""
        elif tag in {"select", "textarea"}:
            self.open = given["name"]
            self.sent[self.open] = ""
        elif tag == "option" and "selected" in given:
            self.sent[self.open] = given["value"]

    def handle_endtag(self, tag):
        if tag in {"select", "textarea"}:
            self.open = ""

    def handle_data(self, data):
        if self.open and self.get_starttag_text().startswith("<textarea"):
            self.sent[self.open] += data.removeprefix("\n")
