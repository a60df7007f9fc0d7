"""A real server that is killed while forms are sent (C3, T43, T51); `python -m tests.capture.crash` does it with 10,000."""

import sys

import pytest

from tests.capture.crash import Senders, Server, check, make_forms
from tests.crm.test_jobs import database_url

COUNT = 100
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lists")]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and sends from addresses of 127.0.0.0/8")
def test_c3_who_was_answered_is_there_once_though_the_server_is_killed_twice(mia, anna, jan):
    server = Server(database_url()).start()
    try:
        senders = Senders(server.port, make_forms(3, [anna, jan], mia), COUNT, patience=90).start()
        senders.until(COUNT // 3)
        server.kill_workers()
        senders.until(COUNT * 2 // 3)
        server.kill()
        server.start()
        senders.join()
    finally:
        server.kill()
    check(senders)
    assert senders.tries > COUNT, "some were sent again"
