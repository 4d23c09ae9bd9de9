"""The only connection from jobs to the internet: a proxy process with a gateway in each sandbox.

The process (`server`) has no access to the database, keys or secrets of the instance. It uses only the standard
library. The worker's side of it is `proxy`.
"""
