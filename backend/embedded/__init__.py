"""The embedded servers: PostgreSQL and Valkey from wheels, in the home, for instances without configured servers.

addresses.py  the URLs of both servers, configured or embedded
postgres.py   start, attach, stop
valkey.py     start, attach, stop
home.py       the folders, and which of them the account of the servers may enter
account.py    the account of the servers if root starts them
engine.py     the location of their programs
process.py    starting, recognizing and ending a server process
"""

from backend.embedded.addresses import Servers, attach, pids, start, stop

__all__ = ["Servers", "attach", "pids", "start", "stop"]
