"""Connect jobs to the internet with a proxy process that has a gateway in each sandbox.

There is no other connection. The process (`server`) has no access to the database, keys or secrets of the
instance. It uses only the standard library. The worker's side of it is `proxy`.
"""
