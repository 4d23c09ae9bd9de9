"""The OpenAPI document of the API; `python -m backend.generators.openapi_document` prints it."""

from backend.openapi.application import TITLE, describe, operation_id

__all__ = ["TITLE", "describe", "operation_id"]
