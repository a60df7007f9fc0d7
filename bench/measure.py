"""Timing one request: its statements, its time, its size, and the time of its bare SQL in the same run."""

import statistics
import time
from dataclasses import dataclass

from django.db import connection


@dataclass
class Result:
    """What one case cost; times in milliseconds, `size` in bytes, `sql` the median of its statements on the bare driver."""

    queries: int
    median: float
    p95: float
    sql: float
    size: int

    @property
    def ratio(self):
        return self.median / self.sql if self.sql else 0.0


class Recorder:
    """Notes every statement of a request with its parameters."""

    def __init__(self):
        self.statements = []

    def __call__(self, execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN")):
            self.statements.append((sql, params))
        return execute(sql, params, many, context)


def measure(request, rounds=15, replay=True):
    """Run `request()` (it returns a response) so often and return what it cost.

    Requests and their replayed SQL alternate, so that a busy machine slows both alike. Statements that write are not
    replayed; for such a case `sql` is 0.
    """
    recorder = Recorder()
    with connection.execute_wrapper(recorder):
        response = _answer(request)
    reads = [(sql, params) for sql, params in recorder.statements if sql.lstrip().upper().startswith(("SELECT", "WITH"))]
    whole, bare = [], []
    for _round in range(rounds):
        started = time.perf_counter()
        _answer(request)
        whole.append((time.perf_counter() - started) * 1000)
        if replay:
            bare.append(_replay(reads))
    ordered = sorted(whole)
    return Result(
        queries=len(recorder.statements),
        median=statistics.median(whole),
        p95=ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))],
        sql=statistics.median(bare) if bare else 0.0,
        size=len(response.content) if not response.streaming else 0,
    )


def _answer(request):
    response = request()
    if response.streaming:
        list(response.streaming_content)
    if response.status_code >= 400:
        raise RuntimeError(f"{response.status_code} for {response.request['PATH_INFO']}")
    return response


def _replay(reads):
    """Run the statements again on the driver itself and fetch all; return the milliseconds."""
    with connection.cursor() as cursor:
        raw = cursor.cursor
        started = time.perf_counter()
        for sql, params in reads:
            raw.execute(sql, params) if params is not None else raw.execute(sql)
            raw.fetchall()
        return (time.perf_counter() - started) * 1000
