"""The door for a WSGI server."""

import os

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http.request import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")


class Request(WSGIRequest):
    """What is sent to us is UTF-8, whatever it says it is: some codecs Python knows are none of text and fail as late as that."""

    def _set_content_type_params(self, meta):
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


get_wsgi_application()  # sets Django up
application = WSGIHandler()
application.request_class = Request
