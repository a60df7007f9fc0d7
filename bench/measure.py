"""Timing one request: its statements, its time, its size, and the time of its bare SQL, by turns with it."""

import gzip
import time
from pathlib import Path

from django.db import connection
from django.template.backends.jinja2 import Template


def busy():
    """Return the seconds in which this process, and the database's that serves it, had a processor.

    Others on the machine lengthen the time on the clock many times over; this hardly.
    """
    seconds = time.process_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        of_server = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text()
        seconds += int(of_server.split()[0]) / 1e9
    return seconds


class Clock:
    """Notes what a request asks the database, and how long its templates took beside that.

    Used as an execute wrapper; `rendering` counts the busy milliseconds in templates without those spent in statements there.
    """

    def __init__(self):
        self.statements: list[tuple[str, object]] = []
        self.rendering, self._inside, self._asked = 0.0, False, 0.0
        self._render = Template.render

    def __call__(self, execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN")):
            self.statements.append((sql, params))
        started = busy()
        try:
            return execute(sql, params, many, context)
        finally:
            if self._inside:
                self._asked += busy() - started

    def __enter__(self):
        clock, render = self, self._render

        def timed(template, context=None, request=None):
            if clock._inside:
                return render(template, context, request)
            clock._inside, clock._asked, started = True, 0.0, busy()
            try:
                return render(template, context, request)
            finally:
                clock._inside = False
                clock.rendering += (busy() - started - clock._asked) * 1000

        Template.render = timed
        self._wrapped = connection.execute_wrapper(self)
        self._wrapped.__enter__()
        return self

    def __exit__(self, *exception):
        Template.render = self._render
        self._wrapped.__exit__(*exception)


def measure(request, rounds, replay=True):
    """Run `request()` (it returns a response) so often and return what it cost: times in milliseconds, sizes in bytes.

    Requests and their replayed SQL alternate, so that a busy machine slows both alike. What writes is not replayed.
    """
    times: dict[str, list[float]] = {"whole": [], "busy": [], "bare": [], "rendering": []}
    for _round in range(rounds):
        with Clock() as clock:
            started, had = time.perf_counter(), busy()
            response = request()
            content = b"".join(response.streaming_content) if response.streaming else response.content
            times["whole"].append((time.perf_counter() - started) * 1000)
            times["busy"].append((busy() - had) * 1000)
        if response.status_code >= 400:
            raise RuntimeError(f"{response.status_code} for {response.request['PATH_INFO']}: {content[:300]!r}")
        times["rendering"].append(clock.rendering)
        if replay:
            times["bare"].append(_replay(clock.statements))
    return {"queries": len(clock.statements), "size": len(content), "packed": len(gzip.compress(content, 6)), **times}


def _replay(statements):
    """Run the statements that read again on the driver itself and fetch all; return the milliseconds they took a processor."""
    reads = [(sql, params) for sql, params in statements if sql.lstrip().upper().startswith(("SELECT", "WITH"))]
    with connection.cursor() as cursor:
        raw = cursor.cursor
        if connection.vendor == "postgresql":
            raw.execute("SET statement_timeout = 0")  # as long as it takes, also on a busy machine
        had = busy()
        for sql, params in reads:
            raw.execute(sql, params) if params is not None else raw.execute(sql)
            raw.fetchall()
        took = (busy() - had) * 1000
        if connection.vendor == "postgresql":
            raw.execute("SET statement_timeout TO DEFAULT")
        return took
