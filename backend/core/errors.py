"""The base class of all errors that a caller can act on, and one subclass for each HTTP status.

The API returns `{"detail", "code", …}`; the studio, the CLI and MCP show the same detail. Each noun declares its own
errors in `<noun>/errors.py`, as subclasses of these:

    PurasError
    ├── Malformed        400  the request cannot be parsed
    ├── NotSignedIn      401  no credentials, or invalid ones
    ├── PaymentRequired  402  the wallet or a budget does not allow it
    ├── NotAllowed       403  the caller is known and may not do this
    ├── Missing          404  does not exist, or belongs to another project
    ├── Conflict         409  contradicts the current state
    ├── TooLarge         413  exceeds a size limit
    ├── Unsupported      415  unsupported content type
    ├── Invalid          422  understood, but wrong: reports every problem with its path
    ├── NotOffered       501  part of the API that this instance does not provide
    ├── TooMany          429  exceeds a rate limit, with `retry_after_s`
    └── Unavailable      503  a part of the instance is unavailable, with `retry_after_s`

A class declares its message and its fields, and its constructor is generated, as for a dataclass:

    class StepNotFound(Missing):
        code = "step_not_found"
        message = "Job {job_id!r} has no step {step}."
        job_id: UUID
        step: int

    raise StepNotFound(job.id, 3)

- The body has all fields except those that are declared with `field(in_body=False)`.
- A class whose text needs more than a format string overrides `describe`.
- A class without fields keeps the constructor of its base, which takes the text. Its `message` is the default.
- A class with its own `__init__` calls the one of its base with the text and the fields of the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter, Signature, get_annotations
from pathlib import PurePath
from typing import Any, ClassVar, Final, NamedTuple, dataclass_transform
from uuid import UUID

_AS_TEXT: Final = (UUID, PurePath)
_CURRENT_CODES: Final[dict[str, str]] = {}


def current_code(code: str) -> str:
    """Return the present name of an error code, which a row of an earlier release may have under its former name."""
    return _CURRENT_CODES.get(code, code)


class _Field(NamedTuple):
    default: Any = Parameter.empty
    in_body: bool = True
    max_length: int | None = None
    is_keyword_only: bool = False

    def parameter(self, name: str) -> Parameter:
        kind = Parameter.KEYWORD_ONLY if self.is_keyword_only else Parameter.POSITIONAL_OR_KEYWORD
        return Parameter(name, kind, default=self.default)


def field(*, default: Any = Parameter.empty, in_body: bool = True, max_length: int | None = None) -> Any:
    """Declare a field of an error.

    Args:
        default: The value if the caller passes none.
        in_body: Whether the response has the field.
        max_length: The number of characters after which a text is cut.
    """
    return _Field(default, in_body, max_length)


@dataclass_transform(eq_default=False, field_specifiers=(field,))
class PurasError(Exception):
    """An error that a caller can act on: what failed, which value, and how to fix it."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    former_code: ClassVar[str] = ""
    """The code of an earlier release, if it was renamed. The body has it for one release."""
    message: ClassVar[str] = ""
    """The format string of the detail, with the names of fields. IDs and paths are formatted as text."""

    _fields: ClassVar[Mapping[str, _Field]] = {}
    _signature: ClassVar[Signature]

    def __init__(self, detail: str = "", **fields: Any) -> None:
        self.detail = detail or self.describe()
        super().__init__(self.detail)
        self.fields: Mapping[str, Any] = fields
        """What the body has in addition to the detail and the code."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "former_code" in vars(cls):
            _CURRENT_CODES[cls.former_code] = cls.code
        elif "code" in vars(cls):
            cls.former_code = ""
        cls._fields = {**cls._fields, **dict(_declared(cls))}
        if cls._fields and "__init__" not in vars(cls):
            cls._signature = Signature([one.parameter(name) for name, one in cls._fields.items()])
            cls.__init__ = _init_from_fields  # type: ignore[method-assign]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error with its attributes, since its constructor takes other arguments than `args`."""
        return _restored, (type(self), self.args, self.__dict__)

    def describe(self) -> str:
        """Return the detail: what failed, which value, and how to fix it."""
        values = {name: getattr(self, name) for name in self._fields}
        return self.message.format_map(
            {name: str(value) if isinstance(value, _AS_TEXT) else value for name, value in values.items()}
        )

    def as_body(self) -> dict[str, Any]:
        """Return the body of the response as JSON."""
        former = {"former_code": self.former_code} if self.former_code else {}
        return {"detail": self.detail, "code": self.code, **former, **self.fields}


def _declared(error: type[PurasError]) -> Iterator[tuple[str, _Field]]:
    """Yield the fields that a class declares; those after `_: KW_ONLY` are keyword-only."""
    is_keyword_only = False
    for name, annotation in get_annotations(error).items():
        if annotation == "KW_ONLY":
            is_keyword_only = True
        elif "ClassVar" not in annotation:
            value = vars(error).get(name, Parameter.empty)
            declared = value if isinstance(value, _Field) else _Field(value)
            yield name, declared._replace(is_keyword_only=is_keyword_only)


def _init_from_fields(self: PurasError, *arguments: Any, **named: Any) -> None:
    """Set the fields, and pass the text and the fields of the body to the constructor of the base."""
    bound = self._signature.bind(*arguments, **named)
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        setattr(self, name, value[:limit] if (limit := self._fields[name].max_length) else value)
    inits = (vars(base).get("__init__") for base in type(self).__mro__)
    init = next(one for one in inits if one not in (None, _init_from_fields))
    in_body = [name for name, one in self._fields.items() if one.in_body]
    init(self, self.describe(), **{name: _json_value(getattr(self, name)) for name in in_body})


def _json_value(value: Any) -> Any:
    """Return a field as JSON: IDs and paths as text, times as ISO 8601, sets as sorted lists."""
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return sorted(value) if isinstance(value, frozenset) else value


def _restored(error: type[PurasError], args: tuple[Any, ...], state: dict[str, Any]) -> PurasError:
    restored = error.__new__(error, *args)
    restored.__dict__.update(state)
    return restored


class Malformed(PurasError):
    """The request cannot be parsed."""

    status = 400
    code = "malformed"


class NotSignedIn(PurasError):
    """No credentials were given, or they are not valid."""

    status = 401
    code = "not_signed_in"


class PaymentRequired(PurasError):
    """The wallet or a budget does not allow this."""

    status = 402
    code = "payment_required"


class NotAllowed(PurasError):
    """The caller is known and may not do this."""

    status = 403
    code = "not_allowed"


class Missing(PurasError):
    """The object does not exist or belongs to another project; the response does not distinguish the two."""

    status = 404
    code = "not_found"


class Conflict(PurasError):
    """The request contradicts the current state."""

    status = 409
    code = "conflict"


class TooLarge(PurasError):
    """The content exceeds a size limit."""

    status = 413
    code = "too_large"


class Unsupported(PurasError):
    """The content type is not supported."""

    status = 415
    code = "unsupported"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, and its path."""

    path: str
    """JSON path (`inputs.items[0].name`) or file of a bundle (`skills/resize/skill.yaml`)."""
    message: str
    """What is wrong, and how to fix it."""
    line: int | None = None
    """1-based line in the file, if there is one."""
    column: int | None = None
    """1-based column in that line."""
    keys: tuple[str | int, ...] | None = None
    """Keys and indexes of the value in the file, if it is a YAML file that could be parsed."""

    def as_body(self) -> dict[str, Any]:
        """Return the problem as JSON, without the position if it has none. `keys` are for forms only."""
        position = {"line": self.line, "column": self.column}
        return {
            "path": self.path,
            "message": self.message,
            **{name: value for name, value in position.items() if value is not None},
        }


class Invalid(PurasError):
    """The request is understood, but its values are wrong. The body lists all problems."""

    status = 422
    code = "invalid"

    def __init__(self, detail: str = "", problems: Sequence[Problem] = (), **fields: Any) -> None:
        super().__init__(detail, errors=[problem.as_body() for problem in problems], **fields)
        self.problems = tuple(problems)


class NotOffered(PurasError):
    """This instance does not provide this part of the API."""

    status = 501
    code = "not_offered"


class TooMany(PurasError):
    """A rate limit is exceeded. Retry after `retry_after_s`."""

    status = 429
    code = "too_many_requests"

    def __init__(self, detail: str = "", *, retry_after_s: int, **fields: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **fields)
        self.retry_after_s = retry_after_s


class Unavailable(PurasError):
    """A part of the instance is unavailable. Retry after `retry_after_s`."""

    status = 503
    code = "unavailable"

    def __init__(self, detail: str = "", *, retry_after_s: int = 2, **fields: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **fields)
        self.retry_after_s = retry_after_s
