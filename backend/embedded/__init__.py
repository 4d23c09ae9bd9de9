"""PostgreSQL and Valkey from wheels, under the home: what an instance stands on when no address is given.

home.py      the folders, and which of them the servers' account may enter
account.py   who the servers run as when root starts them
engine.py    where their programs are
process.py   starting, recognising and ending a server process
postgres.py  start, attach, stop
valkey.py    start, attach, stop
addresses.py the settings with both addresses filled in
"""
