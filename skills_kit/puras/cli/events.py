"""The commands `puras events send` and `puras events ls`: events for which jobs wait."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, group


def add(commands: Any) -> None:
    """Add the commands."""
    events = group(commands, "events", "Send and list events, for which jobs wait.", "puras events ls")
    send = command(
        events,
        "send",
        _send,
        "Send an event to the project. Jobs continue that wait for it.",
        'puras events send invoice.paid --data \'{"order": {"id": 7}}\'',
    )
    send.add_argument("type", metavar="TYPE", help="type of the event, which waits name")
    send.add_argument("--data", metavar="JSON", default="null", help="data of the event (default: null)")
    send.add_argument("--id", help="an ID; a second event with it is not stored (default: a new ID)")
    ls = command(events, "ls", _list, "List the newest events.", "puras events ls --type invoice.paid")
    ls.add_argument("--type", metavar="TYPE", help="only events of this type")
    ls.add_argument("--limit", type=int, default=25, help="maximum number of events (default: 25)")


def _send(arguments: Namespace, session: Session) -> int:
    try:
        data = json.loads(arguments.data)
    except ValueError as error:
        raise UsageProblem(
            f'--data is not JSON: {error}. Quote texts: --data \'{{"name": "Ada"}}\''
        ) from error
    sent = session.client.send_event(arguments.type, data, event_id=arguments.id)
    session.show(
        sent,
        lambda: printing.answer(
            f"Sent the event {printing.plain(sent['type'])} with the ID {printing.plain(sent['id'])}."
        ),
    )
    return exits.OK


def _list(arguments: Namespace, session: Session) -> int:
    query = {} if arguments.type is None else {"type": arguments.type}
    found = list(session.client.pages("/v1/events", query=query, max_entries=arguments.limit))
    rows = [
        (
            one["received_at"][:19].replace("T", " "),
            printing.plain(one["type"]),
            printing.plain(one["id"]),
            printing.shortened(json.dumps(one["data"], ensure_ascii=False), 80),
        )
        for one in found
    ]
    session.show(found, lambda: printing.table(("RECEIVED", "TYPE", "ID", "DATA"), rows))
    return exits.OK
