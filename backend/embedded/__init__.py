"""PostgreSQL and Valkey from wheels, under the home: what an instance stands on when no address is given.

addresses.py  where both servers are, given or embedded
postgres.py   start, attach, stop
valkey.py     start, attach, stop
home.py       the folders, and which of them the servers' account may enter
account.py    who the servers run as when root starts them
engine.py     where their programs are
process.py    starting, recognising and ending a server process
"""

from backend.embedded.addresses import Servers, attach, pids, start, stop

__all__ = ["Servers", "attach", "pids", "start", "stop"]
