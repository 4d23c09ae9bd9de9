"""Read parts of skill.yaml and puras.yaml as their classes describe them, and report every problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast, get_args, get_origin

from backend.core.names import suggestion
from backend.skills.manifest.keys import MAX_TEXT, PLAIN, Field, Key, Part, described, fields_of
from backend.skills.schemas.messages import shown

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section

MAX_LIST: Final = 1_000
_P = TypeVar("_P", bound=Part)
_RULES: dict[type[Part], Callable[[Any, Section], Any]] = {}


def add_rules(rules: Mapping[type[Part], Callable[[Any, Section], Part]]) -> None:
    """Register the rules of parts that concern several keys, or other files of the bundle.

    A rule gets the part and its section, reports problems there, and returns the part, possibly changed. Keys with
    problems have their defaults in that part, and required ones `None`.
    """
    _RULES.update(rules)


def read_part(model: type[_P], section: Section) -> _P:
    """Return the part that a mapping describes, and report problems in it."""
    before = section.error_count
    variant = model.variant_of(section.value)
    found: dict[str, Any] = {}
    for field in fields_of(model):
        if variant is None or field.key in variant.keys:
            is_required = field.is_required or (variant is not None and field.key in variant.required)
            value = _read_field(section, field, is_required=is_required)
            if value is not None:
                found[field.name] = value
    if section.error_count == before:
        part = model.model_validate(found, strict=True)
    else:
        fields = dict.fromkeys(model.model_fields) | _defaults(model) | found
        part = cast(_P, model.model_construct(**fields))
    if model in _RULES:
        part = _RULES[model](part, section)
    noun = variant.noun if variant else model.noun
    if noun:
        section.finish(noun)
    return part


def read_parts(model: type[_P], section: Section, key: str, rule: Key = PLAIN) -> tuple[_P, ...]:
    """Return the parts that a list of mappings describes."""
    found: list[_P] = []
    for entry in section.entries(key, model.plural):
        if len(found) >= rule.most:
            section.error(key, f"There are more than {rule.most:,.10g} {model.plural}. {rule.advice}")
            break
        if entry.is_late:
            section.error(key, f"The validation of the {model.plural} takes too long. {rule.advice}")
            break
        part = read_part(model, entry)
        name = getattr(part, "name", None)
        if name and any(name == getattr(other, "name", None) for other in found):
            entry.error("name", f"Two {model.plural} have the name {name!r}. Rename one of them.")
        found.append(part)
    return tuple(found)


def _defaults(model: type[Part]) -> dict[str, Any]:
    fields = model.model_fields.items()
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in fields
        if not field.is_required()
    }


def _read_field(section: Section, field: Field, *, is_required: bool) -> Any:
    raw = section.raw(field.key)
    is_empty = raw is None or (isinstance(raw, str) and not raw.strip())
    if is_required and (is_empty or (raw == [] and get_origin(field.type) is tuple)):
        section.error(field.key, f"{field.key!r} is required. {_wanted(field)}")
        return None
    value = read_value(section, field.key, field.type, field.rule)
    return field.rule.check(section, field.key, value) if value is not None and field.rule.check else value


def read_value(section: Section, key: str, kind: Any, rule: Key = PLAIN) -> Any:
    """Return the value of a key that has a type; `None` if it is absent or wrong, which is reported."""
    origin = get_origin(kind)
    if rule.read is not None:
        return rule.read(section, key)
    if isinstance(kind, type) and issubclass(kind, Part):
        inner = section.inner(key)
        return None if inner is None else read_part(kind, inner)
    if origin is tuple:
        return _read_list(section, key, get_args(kind)[0], rule)
    if origin is dict:
        return _read_mapping(section, key, get_args(kind)[1], rule)
    value = section.raw(key)
    if value is None:
        return None
    if origin is Literal:
        return _choice(section, key, get_args(kind))
    return _SCALARS[kind](section, key, value, rule)


def _wanted(field: Field) -> str:
    kind = get_args(field.type)[0] if get_origin(field.type) is tuple else field.type
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return f"Add one of {', '.join(words)}." if len(words) > 1 else f"Write '{field.key}: {words[0]}'."
    return f"Add {_range(kind, field.rule)}." if kind in (int, float) else field.rule.advice or "Add it."


def _range(kind: Any, rule: Key) -> str:
    what = "an integer" if kind is int else "a number"
    if rule.above is not None:
        return f"{what} above {rule.above:g} up to {rule.most:,.10g}"
    return f"{what} from {rule.least:g} to {rule.most:,.10g}"


def _text(section: Section, key: str, value: Any, rule: Key) -> str | None:
    if rule.is_loose and isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str):
        section.error(key, f"{key!r} must be text, not {shown(value)}. Quote it.")
    elif len(value) > rule.most or "\0" in value:
        limit = f"at most {rule.most:,.10g} are allowed, without NUL"
        section.error(key, f"{key!r} has {len(value):,} characters; {limit}.")
    else:
        return value.strip() or None
    return None


def _flag(section: Section, key: str, value: Any, rule: Key) -> bool | None:
    if isinstance(value, bool):
        return value
    section.error(key, f"{key!r} must be true or false, not {shown(value)}.")
    return None


def _number(kind: type[int | float]) -> Callable[[Section, str, Any, Key], Any]:
    def read(section: Section, key: str, value: Any, rule: Key) -> Any:
        is_number = isinstance(value, kind | int) and not isinstance(value, bool)
        if is_number and rule.least <= value <= rule.most and (rule.above is None or value > rule.above):
            return kind(value)
        section.error(key, f"{key!r} must be {_range(kind, rule)}, not {shown(value)}.")
        return None

    return read


def _anything(section: Section, key: str, value: Any, rule: Key) -> Any:
    return value


_SCALARS: Final[Mapping[Any, Callable[[Section, str, Any, Key], Any]]] = {
    str: _text,
    bool: _flag,
    int: _number(int),
    float: _number(float),
    Any: _anything,
}


def _choice(section: Section, key: str, words: tuple[str, ...]) -> str | None:
    value = section.raw(key)
    if isinstance(value, str) and value in words:
        return value
    hint = suggestion(value, words) if isinstance(value, str) else ""
    section.error(key, f"{key!r} must be one of {', '.join(map(repr, words))}, not {shown(value)}.{hint}")
    return None


def _read_list(section: Section, key: str, annotation: Any, rule: Key) -> tuple[Any, ...] | None:
    kind, of_entry = described(annotation)
    if isinstance(kind, type) and issubclass(kind, Part):
        return read_parts(kind, section, key, rule)
    if key not in section.value:
        return None
    words, raw = get_args(kind) or rule.words, section.raw(key)
    if rule.everything and raw == rule.everything:
        return words
    if rule.is_one_or_many and raw is not None and not isinstance(raw, list):
        word = _choice(section, key, (*filter(None, [rule.everything]), *words))
        return (word,) if word else None
    return texts(section, key, of_entry, words)


def texts(section: Section, key: str, rule: Key = PLAIN, words: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a list of texts; with `words` only those, each once."""
    value = section.raw(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        section.error(key, f"{key!r} must be a list of texts, not {shown(value)}.")
        return ()
    if len(value) > MAX_LIST:
        section.error(key, f"{key!r} has {len(value):,} entries; at most {MAX_LIST:,} are allowed.")
        return ()
    found = []
    for index, item in enumerate(value):
        text = item.strip() if isinstance(item, str) else ""
        if not text:
            section.error((key, index), f"{key!r} must contain only texts, not {shown(item)}. Quote it.")
        elif words and text not in words:
            known = ", ".join(map(repr, words))
            section.error((key, index), f"{text!r} is not one of {known}.{suggestion(text, words)}")
        elif len(text) > rule.most:
            section.error(
                (key, index), f"{key!r} must contain only texts of at most {rule.most:,.10g} characters."
            )
        else:
            found.append(text)
    return tuple(dict.fromkeys(found) if words else found)


def _read_mapping(section: Section, key: str, annotation: Any, rule: Key) -> dict[str, Any] | None:
    kind, of_value = described(annotation)
    inner = section.inner(key)
    if inner is None:
        return None
    if kind is Any:
        return inner.value
    if rule.most < MAX_TEXT and len(inner.value) > rule.most:
        inner.error(None, f"There are more than {rule.most:,.10g} {key}. {rule.advice}")
        return None
    fields = (Field(name, name, kind, of_value, kind is str) for name in inner.value)
    found = {field.key: _read_field(inner, field, is_required=field.is_required) for field in fields}
    return {name: value for name, value in found.items() if value is not None}
