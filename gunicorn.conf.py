"""What gunicorn reads by itself wherever it is started from this folder: two things for which it has no setting."""

from gunicorn.http import parser, wsgi

# A refusal may leave a large body unread. gunicorn passes over some of it, for a few seconds, and closes a connection on which
# more is left: a client that goes on using it loses its next request.
parser._DRAIN_MAX_BYTES = 10_000_000


class Response(wsgi.Response):
    """An answer that does not tell what serves it: without the header *Server*."""

    def default_headers(self):
        return [line for line in super().default_headers() if not line.startswith("Server:")]


wsgi.Response = Response
