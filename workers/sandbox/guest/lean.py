"""Replace parts of the standard library that a zygote does not import.

`typing` and `contextlib`, and the modules that they import, would take a megabyte of each zygote and a part of the time
of its start. So the modules of this package that a zygote imports get their types from here or only for type checkers.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter  # what `collections.namedtuple` uses

    class _Kind(type):
        """Makes the annotated names of a class the fields of a tuple."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            names = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in names if field in namespace}
            namespace.update(__slots__=(), _fields=names, _defaults=defaults)
            namespace.update(
                (field, _tuplegetter(index, f"Field {index}.")) for index, field in enumerate(names)
            )
            return type.__new__(cls, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_Kind):
        """A tuple with named fields, which works as that of `typing`."""

        def __new__(cls, *values: Any, **named: Any) -> NamedTuple:  # noqa: D102
            if len(values) < len(cls._fields):
                named = {**cls._defaults, **named}
                values += tuple(named.pop(field) for field in cls._fields[len(values) :] if field in named)
            if named or len(values) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")
            return tuple.__new__(cls, values)

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes: Any) -> NamedTuple:
            return type(self)(**{**self._asdict(), **changes})


class suppress:  # noqa: N801 - as that of `contextlib`
    """Suppress these exceptions in a block."""

    __slots__ = ("_kinds",)

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)
