"""Webhooks: what happens to records, told to other programs (A4, docs/webhooks.md, docs/decisions/0026-webhooks.md).

The change sets of the history are the outbox. `outbox.py` makes deliveries of them, a row for each webhook and record,
`messages.py` says what is in one, `address.py` sends it and only to where it may go, `sender.py` is the job that does all this in
order, again and again. `events.py` is the catalogue, `actions.py` every change to webhooks.
"""
