"""What happened to the records: by whom, from what to what, and how to take it back (R16).

Triggers in the database write a `Change` for every watched field of every record, whoever writes it; an action only says
under which `ChangeSet`. `changes.py` opens one, `undo.py` takes one back, `triggers.py` makes the triggers.
"""
