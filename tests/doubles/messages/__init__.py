"""A server that implements the Messages API over a real socket, returns scripted replies, and counts requests.

with MessagesServer([says(calls("bash", command="ls")), says("Done.")]).running() as server:
    ...  # base URL: server.url, any key; server.asked, server.answered, server.bodies
"""

from __future__ import annotations

from tests.doubles.messages.script import Answer, Refuses, Says, calls, refuses, says, thinks
from tests.doubles.messages.server import MessagesServer

__all__ = ["Answer", "MessagesServer", "Refuses", "Says", "calls", "refuses", "says", "thinks"]
