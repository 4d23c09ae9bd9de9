"""A server that speaks the Messages API over a real socket, says what a test wrote, and counts what it was asked.

with MessagesServer([says(calls("bash", command="ls")), says("Done.")]).running() as server:
    ...  # base URL: server.url, any key; server.asked, server.answered, server.bodies
"""

from __future__ import annotations

from tests.doubles.messages.script import Answer, Refuses, Says, calls, refuses, says, thinks
from tests.doubles.messages.server import MessagesServer

__all__ = ["Answer", "MessagesServer", "Refuses", "Says", "calls", "refuses", "says", "thinks"]
