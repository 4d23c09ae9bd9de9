"""Contain the code that runs inside the sandbox; it imports only the standard library.

The folder is mounted read-only into every sandbox as the package `puras_inside` and runs there with the interpreter
of the bundle's environment. The worker imports the same modules for what both sides must agree on.
"""
