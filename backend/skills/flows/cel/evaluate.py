"""Evaluate an expression over JSON values, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from backend.skills.flows.cel.budget import Budget, BudgetExceededError, EvaluationError
from backend.skills.flows.cel.functions import FUNCTIONS, accepts
from backend.skills.flows.cel.syntax import (
    Call,
    Constant,
    Has,
    Index,
    ListOf,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
)
from backend.skills.flows.cel.types import Type, type_of_value
from backend.skills.flows.cel.values import checked_double, checked_int, equal, is_number, kind_of


def evaluate(node: Node, variables: Mapping[str, Any], budget: Budget | None = None) -> Any:
    """Return the value of an expression.

    Args:
        node: The expression.
        variables: JSON values by name.
        budget: What is left of the work; a new budget by default.

    Raises:
        EvaluationError: it has no value for these variables.
        BudgetExceededError: it takes too long or creates too much.
    """
    return _Evaluation(variables, budget or Budget()).of(node)


class _Evaluation:
    """One evaluation."""

    def __init__(self, variables: Mapping[str, Any], budget: Budget) -> None:
        self._variables = dict(variables)
        self._budget = budget

    def of(self, node: Node) -> Any:
        self._budget.spend(1, node.at)
        return _NODES[type(node)](self, node)

    def constant(self, node: Constant) -> Any:
        return node.value

    def name(self, node: Name) -> Any:
        if node.name not in self._variables:
            raise EvaluationError(f"There is no variable {node.name!r}.", node.at)
        return self._variables[node.name]

    def select(self, node: Select) -> Any:
        return _field(self.of(node.operand), node.field, node.at)

    def has(self, node: Has) -> bool:
        operand = self.of(node.target.operand)
        if not isinstance(operand, dict):
            raise EvaluationError(f"{_capital(operand)} has no fields.", node.at)
        return node.target.field in operand

    def index(self, node: Index) -> Any:
        operand, index = self.of(node.operand), self.of(node.index)
        if isinstance(operand, list):
            if isinstance(index, float) and index.is_integer():
                index = int(index)
            if not isinstance(index, int) or isinstance(index, bool):
                raise EvaluationError(f"The index of a list is an integer, not {_a(index)}.", node.at)
            if not 0 <= index < len(operand):
                raise EvaluationError(
                    f"The list has {len(operand):,} elements; there is no [{index}].", node.at
                )
            return operand[index]
        if isinstance(index, str):
            return _field(operand, index, node.at)
        raise EvaluationError(f"{_capital(operand)} cannot have the index {_a(index)}.", node.at)

    def list_of(self, node: ListOf) -> list[Any]:
        self._budget.create(len(node.items), node.at)
        return [self.of(item) for item in node.items]

    def map_of(self, node: MapOf) -> dict[str, Any]:
        self._budget.create(len(node.entries), node.at)
        found: dict[str, Any] = {}
        for key_node, value_node in node.entries:
            key = self.of(key_node)
            if not isinstance(key, str):
                raise EvaluationError(f"The key of an object is text, not {_a(key)}.", key_node.at)
            if key in found:
                raise EvaluationError(f"The object has the key {key[:40]!r} twice.", key_node.at)
            found[key] = self.of(value_node)
        return found

    def call(self, node: Call) -> Any:
        special = _SPECIAL.get(node.function)
        if special is not None:
            return special(self, node)
        operator = _OPERATORS.get(node.function)
        values = [self.of(argument) for argument in node.arguments]
        if operator is not None:
            return operator(values, self._budget, node.at)
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise EvaluationError(f"There is no function {node.function!r}.", node.at)
        types = [_shallow(value) for value in values]
        for kinds, _ in function.overloads:
            if len(kinds) == len(types) and all(map(accepts, kinds, types)):
                self._budget.spend(1 + sum(len(one) >> 8 for one in values if isinstance(one, str)), node.at)
                return function.run(values, self._budget, node.at)
        given = ", ".join(_a(value) for value in values) or "no arguments"
        raise EvaluationError(f"{node.function}() does not accept {given}.", node.at)

    def conditional(self, node: Call) -> Any:
        condition, then, otherwise = node.arguments
        return self.of(then if self._bool(condition) else otherwise)

    def logic(self, node: Call) -> bool:
        """Evaluate `&&` or `||`: a side that decides wins over an error of the other side."""
        decisive = node.function == "_||_"
        failure: EvaluationError | None = None
        for argument in node.arguments:
            try:
                if self._bool(argument) is decisive:
                    return decisive
            except BudgetExceededError:
                raise
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decisive

    def macro(self, node: Macro) -> Any:
        source = self.of(node.source)
        if not isinstance(source, list | dict):
            raise EvaluationError(f"{node.kind}() needs a list, not {_a(source)}.", node.at)
        elements = list(source) if isinstance(source, dict) else source
        outer = {name: self._variables[name] for name in (node.variable,) if name in self._variables}
        try:
            return _MACROS[node.kind](self, node, elements)
        finally:
            self._variables.pop(node.variable, None)
            self._variables.update(outer)

    def each(self, node: Macro, elements: list[Any], body: Node) -> Iterator[tuple[Any, Any]]:
        """Yield each element with the value of the body."""
        for element in elements:
            self._variables[node.variable] = element
            self._budget.spend(1, node.at)
            yield element, self.of(body)

    def quantifier(self, node: Macro, elements: list[Any]) -> bool:
        """Evaluate `all` or `exists`: an element that decides wins over errors of others."""
        decisive = node.kind == "exists"
        failure: EvaluationError | None = None
        for element in elements:
            self._variables[node.variable] = element
            self._budget.spend(1, node.at)
            try:
                if self._bool(node.body) is decisive:
                    return decisive
            except BudgetExceededError:
                raise
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decisive

    def exists_one(self, node: Macro, elements: list[Any]) -> bool:
        return sum(_bool(value, node.at) for _, value in self.each(node, elements, node.body)) == 1

    def filtered(self, node: Macro, elements: list[Any]) -> list[Any]:
        self._budget.create(len(elements), node.at)
        return [one for one, value in self.each(node, elements, node.body) if _bool(value, node.at)]

    def mapped(self, node: Macro, elements: list[Any]) -> list[Any]:
        self._budget.create(len(elements), node.at)
        if node.condition is None:
            return [value for _, value in self.each(node, elements, node.body)]
        conditions = self.each(node, elements, node.condition)
        return [self.of(node.body) for _, value in conditions if _bool(value, node.at)]

    def _bool(self, node: Node) -> bool:
        return _bool(self.of(node), node.at)


def _bool(value: Any, at: int) -> bool:
    if not isinstance(value, bool):
        raise EvaluationError(f"A condition is true or false, not {_a(value)}.", at)
    return value


def _field(operand: Any, name: str, at: int) -> Any:
    if not isinstance(operand, dict):
        raise EvaluationError(f"{_capital(operand)} has no field {name[:40]!r}.", at)
    if name not in operand:
        raise EvaluationError(f"The object has no field {name[:40]!r}.", at)
    return operand[name]


def _add(values: list[Any], budget: Budget, at: int) -> Any:
    first, second = values
    if isinstance(first, str) and isinstance(second, str):
        budget.create(len(first) + len(second), at)
        return first + second
    if isinstance(first, list) and isinstance(second, list):
        budget.create(len(first) + len(second), at)
        return first + second
    return _arithmetic("_+_", first, second, at)


def _operator(name: str) -> Callable[[list[Any], Budget, int], Any]:
    return lambda values, budget, at: _arithmetic(name, values[0], values[1], at)


def _arithmetic(name: str, first: Any, second: Any, at: int) -> Any:
    kinds = (kind_of(first), kind_of(second))
    if kinds == ("int", "int"):
        return _of_integers(name, checked_int(first, at), checked_int(second, at), at)
    if kinds == ("double", "double") and name != "_%_":
        return _of_doubles(name, first, second, at)
    if set(kinds) == {"int", "double"} and name != "_%_":
        raise EvaluationError(
            f"{name[1]!r} does not mix integers and decimal numbers. Convert with double(…).", at
        )
    raise EvaluationError(f"{name[1]!r} is not defined for {_a(first)} and {_a(second)}.", at)


def _of_integers(name: str, first: int, second: int, at: int) -> int:
    if name in ("_/_", "_%_"):
        if second == 0:
            raise EvaluationError("Division by zero.", at)
        quotient = abs(first) // abs(second)
        quotient = quotient if (first < 0) == (second < 0) else -quotient
        return checked_int(quotient if name == "_/_" else first - quotient * second, at)
    if name == "_+_":
        return checked_int(first + second, at)
    return checked_int(first - second if name == "_-_" else first * second, at)


def _of_doubles(name: str, first: float, second: float, at: int) -> float:
    try:
        if name == "_/_":
            return checked_double(first / second, at)
        if name == "_+_":
            return checked_double(first + second, at)
        return checked_double(first - second if name == "_-_" else first * second, at)
    except ZeroDivisionError as error:
        raise EvaluationError("Division by zero.", at) from error


def _compare(decide: Callable[[Any, Any], bool]) -> Callable[[list[Any], Budget, int], bool]:
    def run(values: list[Any], budget: Budget, at: int) -> bool:
        first, second = values
        if isinstance(first, str) and isinstance(second, str):
            budget.spend(min(len(first), len(second)) >> 8, at)
            return decide(first, second)
        is_comparable = (is_number(first) and is_number(second)) or (
            isinstance(first, bool) and isinstance(second, bool)
        )
        if not is_comparable:
            raise EvaluationError(f"{_capital(first)} and {_a(second)} have no order.", at)
        return decide(first, second)

    return run


def _negate(values: list[Any], budget: Budget, at: int) -> Any:
    value = values[0]
    if kind_of(value) == "int":
        return checked_int(-value, at)
    if kind_of(value) == "double":
        return -value
    raise EvaluationError(f"'-' is not defined for {_a(value)}.", at)


def _in(values: list[Any], budget: Budget, at: int) -> bool:
    value, container = values
    if isinstance(container, dict):
        if value is None or isinstance(value, list | dict):
            raise EvaluationError(f"The fields of an object are text, not {_a(value)}.", at)
        return isinstance(value, str) and value in container
    if not isinstance(container, list):
        raise EvaluationError(f"'in' needs a list or an object, not {_a(container)}.", at)
    return any(equal(value, one, budget, at) for one in container)


def _shallow(value: Any) -> Type:
    return (
        Type("list") if isinstance(value, list) else type_of_value({} if isinstance(value, dict) else value)
    )


_ARTICLES: Final = {
    "null": "null",
    "bool": "a boolean",
    "int": "an integer",
    "double": "a decimal number",
    "string": "text",
    "list": "a list",
    "object": "an object",
}


def _a(value: Any) -> str:
    return _ARTICLES[kind_of(value)]


def _capital(value: Any) -> str:
    return _a(value).capitalize()


_OPERATORS: Final[dict[str, Callable[[list[Any], Budget, int], Any]]] = {
    "_+_": _add,
    "_-_": _operator("_-_"),
    "_*_": _operator("_*_"),
    "_/_": _operator("_/_"),
    "_%_": _operator("_%_"),
    "_<_": _compare(lambda first, second: first < second),
    "_<=_": _compare(lambda first, second: first <= second),
    "_>_": _compare(lambda first, second: first > second),
    "_>=_": _compare(lambda first, second: first >= second),
    "_==_": lambda values, budget, at: equal(values[0], values[1], budget, at),
    "_!=_": lambda values, budget, at: not equal(values[0], values[1], budget, at),
    "@in": _in,
    "-_": _negate,
    "!_": lambda values, budget, at: not _bool(values[0], at),
}
_SPECIAL: Final[dict[str, Callable[[_Evaluation, Call], Any]]] = {
    "_&&_": _Evaluation.logic,
    "_||_": _Evaluation.logic,
    "_?_:_": _Evaluation.conditional,
}
_MACROS: Final[dict[str, Callable[[_Evaluation, Macro, list[Any]], Any]]] = {
    "all": _Evaluation.quantifier,
    "exists": _Evaluation.quantifier,
    "exists_one": _Evaluation.exists_one,
    "map": _Evaluation.mapped,
    "filter": _Evaluation.filtered,
}
_NODES: Final[dict[type, Callable[[_Evaluation, Any], Any]]] = {
    Constant: _Evaluation.constant,
    Name: _Evaluation.name,
    Select: _Evaluation.select,
    Has: _Evaluation.has,
    Index: _Evaluation.index,
    ListOf: _Evaluation.list_of,
    MapOf: _Evaluation.map_of,
    Call: _Evaluation.call,
    Macro: _Evaluation.macro,
}
