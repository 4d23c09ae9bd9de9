"""Parse, check and evaluate expressions in the Common Expression Language (CEL) over JSON data.

Docs: docs/decisions/0020-expressions-of-flows.md explains why no binding is used, and what is not supported.
"""
