"""The one way from a job to the internet: a proxy in a process of its own, with a door into each sandbox.

The process (`server`) holds nothing of the instance: no database, no keys, no secrets. It stands on the standard
library alone. The worker's side of it is `proxy`.
"""
