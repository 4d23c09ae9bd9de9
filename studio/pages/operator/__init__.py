"""`/operator`: the administration of the instance, for operators."""

from studio.pages.operator.page import Operator, page

__all__ = ["Operator", "page"]
