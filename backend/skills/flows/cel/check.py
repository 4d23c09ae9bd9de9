"""Check the types of an expression before it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from backend.core.names import suggestion
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
from backend.skills.flows.cel.types import (
    BOOL,
    DYN,
    NUMBER,
    NUMERIC,
    STRING,
    Type,
    common,
    list_of,
    object_of,
    type_of_value,
)

MAX_FINDINGS: Final = 20
_ARITHMETIC: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})
_EMPTY: Final = {"list": "[]", "string": "''", "int": "0", "double": "0.0", "number": "0", "bool": "false"}
"""The value that the advice for a missing field names, by its type."""
_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables of an expression."""

    variables: Mapping[str, Type]
    unavailable: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Why a field of a variable cannot be used here, by variable and field: `("steps", "sign")`."""


class Finding(NamedTuple):
    """A problem of an expression."""

    at: int
    message: str
    is_warning: bool = False


class Checked(NamedTuple):
    """The type of an expression, and its problems."""

    type: Type
    findings: list[Finding]


def check(node: Node, scope: Scope) -> Checked:
    """Return the type of an expression and its problems; parts with problems have the type `dyn`."""
    checking = _Checking(scope)
    return Checked(checking.of(node), checking.findings)


def path_of(node: Node) -> str | None:
    """Return a chain of fields and indexes as it is written; `None` for another expression."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select):
        inner = path_of(node.operand)
        return None if inner is None else f"{inner}.{node.field}"
    if isinstance(node, Index):
        inner = path_of(node.operand)
        if inner is None:
            return None
        if isinstance(node.index, Constant):
            text = node.index.value
            return f'{inner}["{text}"]' if isinstance(text, str) else f"{inner}[{text}]"
        index = path_of(node.index)
        return None if index is None else f"{inner}[{index}]"
    return None


class _Checking:
    """One check: the variables in scope, the fields that are known to be present, and the problems found."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._variables = dict(scope.variables)
        self._present: frozenset[str] = frozenset()
        self.findings: list[Finding] = []

    def of(self, node: Node) -> Type:
        return _NODES[type(node)](self, node)

    def _error(self, at: int, message: str) -> Type:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(at, message))
        return DYN

    def _warn(self, at: int, message: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(at, message, is_warning=True))

    def constant(self, node: Constant) -> Type:
        return type_of_value(node.value)

    def name(self, node: Name) -> Type:
        found = self._variables.get(node.name)
        if found is None:
            hint = suggestion(node.name, self._variables) or f" Known are {', '.join(self._variables)}."
            return self._error(node.at, f"There is no variable {node.name!r}.{hint}")
        return found

    def select(self, node: Select) -> Type:
        operand = self.of(node.operand)
        return DYN if operand.kind == "dyn" else self._field(operand, node.field, node)

    def has(self, node: Has) -> Type:
        operand = self.of(node.target.operand)
        present, self._present = self._present, self._present | {path_of(node.target) or ""}
        if operand.kind != "dyn":
            self._field(operand, node.target.field, node.target)
        self._present = present
        return BOOL

    def index(self, node: Index) -> Type:
        operand, index = self.of(node.operand), self.of(node.index)
        if operand.kind == "object" and isinstance(node.index, Constant):
            if isinstance(node.index.value, str):
                return self._field(operand, node.index.value, node)
            return self._error(node.at, f"{self._named(node.operand)} is an object; its index is text.")
        if operand.kind == "list":
            if not accepts("number", index):
                return self._error(node.at, f"The index of a list is an integer, not {index}.")
            return operand.item or DYN
        if operand.kind == "object":
            if not accepts("string", index):
                return self._error(node.at, f"The name of a field is text, not {index}.")
            return DYN if operand.fields else operand.item or DYN
        if operand.kind == "dyn":
            return DYN
        return self._error(node.at, f"{self._named(node.operand)} is {operand}; it has no elements.")

    def _field(self, operand: Type, name: str, node: Select | Index) -> Type:
        base = node.operand
        if operand.kind == "list":
            hint = f"Take one element with [0], or all with .map(x, x.{name})"
            return self._error(node.at, f"{self._named(base)} is a list without field {name!r}. {hint}.")
        if operand.kind != "object":
            return self._error(node.at, f"{self._named(base)} is {operand}, without field {name!r}.")
        reason = self._scope.unavailable.get((base.name, name)) if isinstance(base, Name) else None
        if reason is not None:
            return self._error(node.at, reason)
        if name in operand.fields:
            if name in operand.optional:
                self._require_present(name, node, operand.fields[name])
            return operand.fields[name]
        if operand.item is not None:
            return operand.item
        return self._missing(operand, name, node)

    def _require_present(self, name: str, node: Select | Index, kind: Type) -> None:
        """Warn of a field that may be missing, unless a condition has checked it."""
        path = path_of(node)
        if path is None or path not in self._present:
            shown = path or name
            fix = (
                f"Write has({shown}) ? {shown} : {_EMPTY.get(kind.kind, '…')}"
                if isinstance(node, Select)
                else "Check it first"
            )
            self._warn(node.at, f"{shown} may be missing, and the flow fails then. {fix}.")

    def _missing(self, operand: Type, name: str, node: Select | Index) -> Type:
        known = sorted(operand.fields)
        hint = suggestion(name, known)
        if not hint:
            listed = ", ".join(map(repr, known[:10])) + (", …" if len(known) > 10 else "")
            hint = f" It has {listed}." if known else " It has no fields."
        path = path_of(node) or name
        return self._error(node.at, f"{path}: there is no field {name!r}.{hint}")

    def _named(self, node: Node) -> str:
        return path_of(node) or "This value"

    def list_of(self, node: ListOf) -> Type:
        kinds = [self.of(item) for item in node.items]
        item = kinds[0] if kinds else DYN
        for kind in kinds[1:]:
            item = common(item, kind)
        return list_of(item)

    def map_of(self, node: MapOf) -> Type:
        fields: dict[str, Type] = {}
        is_known = True
        for key, value in node.entries:
            kind, value_kind = self.of(key), self.of(value)
            if isinstance(key, Constant) and isinstance(key.value, str):
                if key.value in fields:
                    self._error(key.at, f"The object has the key {key.value[:40]!r} twice.")
                fields[key.value] = value_kind
                continue
            is_known = False
            if not accepts("string", kind):
                self._error(key.at, f"The key of an object is text, not {kind}.")
        return object_of(fields) if is_known else Type("object", DYN)

    def call(self, node: Call) -> Type:
        special = _OPERATORS.get(node.function)
        if special is not None:
            return special(self, node)
        kinds = [self.of(argument) for argument in node.arguments]
        function = FUNCTIONS.get(node.function)
        if function is None:
            shown = node.function.strip("_@")
            hint = suggestion(shown, FUNCTIONS) or f" Functions are {', '.join(sorted(FUNCTIONS))}."
            return self._error(node.at, f"There is no function {shown!r}.{hint}")
        if not (function.is_method if node.is_method else function.is_plain):
            form = f"text.{node.function}(…)" if function.is_method else f"{node.function}(…)"
            return self._error(node.at, f"{node.function!r} is called as {form}.")
        for expected, result in function.overloads:
            if len(expected) == len(kinds) and all(map(accepts, expected, kinds)):
                return result(kinds[0]) if callable(result) else result
        if any(len(expected) == len(kinds) for expected, _ in function.overloads):
            given = ", ".join(map(str, kinds))
            return self._error(node.at, f"{node.function}() does not accept {given}.")
        counts = sorted({len(expected) - node.is_method for expected, _ in function.overloads})
        wanted = " or ".join(map(str, counts))
        return self._error(
            node.at, f"{node.function}() takes {wanted} arguments, not {len(kinds) - node.is_method}."
        )

    def arithmetic(self, node: Call) -> Type:
        first, second = (self.of(argument) for argument in node.arguments)
        sign = node.function[1]
        kinds = {first.kind, second.kind}
        if "dyn" in kinds:
            other = first if second.kind == "dyn" else second
            allowed = NUMERIC | {"dyn"} | ({"string", "list"} if sign == "+" else set())
            if other.kind in allowed:
                return DYN
        elif first.kind == second.kind and (first.kind == "int" or (first.kind == "double" and sign != "%")):
            return replace(first, is_nullable=False)
        elif sign == "+" and first.kind == second.kind == "string":
            return STRING
        elif sign == "+" and first.kind == second.kind == "list":
            return list_of(common(first.item or DYN, second.item or DYN))
        elif kinds <= NUMERIC and sign != "%":
            return self._mixed(node, first, second)
        return self._error(
            node.at, f"{sign!r} is not defined for {first} and {second}.{_joining(sign, kinds)}"
        )

    def _mixed(self, node: Call, first: Type, second: Type) -> Type:
        """Report numbers of which only one has decimals, or may have."""
        unclear = next(
            (
                part
                for part, kind in zip(node.arguments, (first, second), strict=True)
                if kind.kind == "number"
                or (kind.kind == "int" and NUMBER.kind not in (first.kind, second.kind))
            ),
            node.arguments[0],
        )
        shown = path_of(unclear) or (
            "this value" if not isinstance(unclear, Constant) else str(unclear.value)
        )
        fix = f"Write double({shown})"
        if isinstance(unclear, Constant):
            fix = f"Write {float(unclear.value or 0)!r}"
        return self._error(
            node.at,
            f"{node.function[1]!r} does not mix integers and decimal numbers: {first} and {second}. {fix}.",
        )

    def order(self, node: Call) -> Type:
        first, second = (self.of(argument) for argument in node.arguments)
        for kind in (first, second):
            if kind.kind not in NUMERIC | {"dyn", "string", "bool"}:
                self._error(node.at, f"{node.function.strip('_')!r} is not defined for {kind}.")
                return BOOL
        if not _are_comparable(first, second):
            self._error(node.at, f"{first} and {second} have no order.")
        return BOOL

    def equality(self, node: Call) -> Type:
        first, second = (self.of(argument) for argument in node.arguments)
        if not _are_comparable(first, second):
            self._error(node.at, f"{first} and {second} are never equal.")
        return BOOL

    def membership(self, node: Call) -> Type:
        value, container = (self.of(argument) for argument in node.arguments)
        if container.kind == "object":
            if not accepts("string", value):
                self._error(node.at, f"The fields of an object are text, not {value}.")
        elif container.kind not in ("list", "dyn"):
            self._error(node.at, f"'in' needs a list or an object, not {container}.")
        elif container.item is not None and not _are_comparable(value, container.item):
            self._error(node.at, f"The list contains no {value}, only {container.item}.")
        return BOOL

    def negation(self, node: Call) -> Type:
        kind = self.of(node.arguments[0])
        if kind.kind not in NUMERIC | {"dyn"}:
            return self._error(node.at, f"'-' is not defined for {kind}.")
        return kind

    def logic(self, node: Call) -> Type:
        first, second = node.arguments
        self._condition(first)
        outer = self._present
        self._present = outer | _present_if(first, value=node.function == "_&&_")
        self._condition(second)
        self._present = outer
        return BOOL

    def not_(self, node: Call) -> Type:
        self._condition(node.arguments[0])
        return BOOL

    def conditional(self, node: Call) -> Type:
        condition, then, otherwise = node.arguments
        self._condition(condition)
        outer = self._present
        self._present = outer | _present_if(condition, value=True)
        first = self.of(then)
        self._present = outer | _present_if(condition, value=False)
        second = self.of(otherwise)
        self._present = outer
        return common(first, second)

    def _condition(self, node: Node) -> None:
        kind = self.of(node)
        if kind.kind not in ("bool", "dyn"):
            self._error(node.at, f"A condition is true or false, not {kind}.{_boolean_hint(kind)}")

    def macro(self, node: Macro) -> Type:
        source = self.of(node.source)
        if source.kind not in ("list", "object", "dyn"):
            self._error(node.at, f"{node.kind}() needs a list, not {source}.")
            source = DYN
        element = STRING if source.kind == "object" else source.item or DYN
        if node.variable in self._scope.variables:
            self._error(
                node.at, f"{node.variable!r} already is a variable. Use another name in {node.kind}()."
            )
        outer = self._variables
        self._variables = {**outer, node.variable: element}
        if node.condition is not None:
            self._condition(node.condition)
        if node.kind == "map":
            result = list_of(self.of(node.body))
        else:
            self._condition(node.body)
            result = list_of(element) if node.kind == "filter" else BOOL
        self._variables = outer
        return result


def _present_if(node: Node, *, value: bool) -> frozenset[str]:
    """Return the fields that are present if a condition has a value."""
    if isinstance(node, Has):
        path = path_of(node.target)
        return frozenset({path}) if value and path else frozenset()
    if isinstance(node, Call) and node.function == "!_":
        return _present_if(node.arguments[0], value=not value)
    if isinstance(node, Call) and node.function == ("_&&_" if value else "_||_"):
        return _present_if(node.arguments[0], value=value) | _present_if(node.arguments[1], value=value)
    return frozenset()


def _are_comparable(first: Type, second: Type) -> bool:
    if "dyn" in (first.kind, second.kind) or first.kind == second.kind:
        return True
    if "null" in (first.kind, second.kind):
        return first.kind == second.kind or first.is_nullable or second.is_nullable
    return first.kind in NUMERIC and second.kind in NUMERIC


def _joining(sign: str, kinds: set[Any]) -> str:
    return " Convert with string(…)." if sign == "+" and "string" in kinds else ""


def _boolean_hint(kind: Type) -> str:
    return " Compare it, as in size(list) > 0." if kind.kind in ("list", "string", "object") else ""


_NODES: Final[dict[type, Callable[[_Checking, Any], Type]]] = {
    Constant: _Checking.constant,
    Name: _Checking.name,
    Select: _Checking.select,
    Has: _Checking.has,
    Index: _Checking.index,
    ListOf: _Checking.list_of,
    MapOf: _Checking.map_of,
    Call: _Checking.call,
    Macro: _Checking.macro,
}
_OPERATORS: Final[dict[str, Callable[[_Checking, Call], Type]]] = {
    **dict.fromkeys(_ARITHMETIC, _Checking.arithmetic),
    **dict.fromkeys(_ORDER, _Checking.order),
    "_==_": _Checking.equality,
    "_!=_": _Checking.equality,
    "@in": _Checking.membership,
    "-_": _Checking.negation,
    "!_": _Checking.not_,
    "_&&_": _Checking.logic,
    "_||_": _Checking.logic,
    "_?_:_": _Checking.conditional,
}
