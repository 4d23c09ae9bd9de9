"""`/operator`: the whole instance, for its operators."""

from studio.pages.operator.page import Operator, page

__all__ = ["Operator", "page"]
