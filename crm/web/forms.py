"""Django's form fields in the product's look: label above, hint below, error at the field (U3)."""

from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.forms.renderers import Jinja2


class LotseBoundField(BoundField):
    def build_widget_attrs(self, attrs, widget=None):
        widget = widget or self.field.widget
        attrs = super().build_widget_attrs(attrs, widget)
        if isinstance(widget, CheckboxInput | RadioSelect):
            css = "form-check-input"
        else:
            css = "form-select" if isinstance(widget, Select) else "form-control"
        given = attrs.get("class") or widget.attrs.get("class", "")
        attrs["class"] = " ".join(filter(None, [given, css, "is-invalid" if self.errors else ""]))
        return attrs


class LotseRenderer(Jinja2):
    """Widgets by Django's Jinja2 twins, fields by our own template."""

    backend = Jinja2.backend
    field_template_name = "forms/field.html"
    bound_field_class = LotseBoundField

    def get_template(self, template_name):
        from django.template import engines

        if template_name.startswith("forms/"):
            return engines["jinja2"].get_template(template_name)
        return super().get_template(template_name)
