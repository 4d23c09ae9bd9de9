"""Split the text of an expression into tokens."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from backend.skills.flows.cel.syntax import MAX_CHARACTERS, ExpressionError

Kind = Literal["name", "int", "float", "text", "sign", "end"]

_TOKEN: Final = re.compile(
    r"""
    (?P<space>[\ \t\r\n\f]+|//[^\n]*)
  | (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
  | (?P<int>0[xX][0-9a-fA-F]+|[0-9]+)
  | (?P<text>[rRbB]{0,2}(?:\"\"\"|'''|"|'))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_SIMPLE_ESCAPES: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{one: one for one in ("\\", "?", '"', "'", "`")},
}
_CODE_LENGTHS: Final = {"x": 2, "X": 2, "u": 4, "U": 8}
_MAX_DIGITS: Final = 40


class Token(NamedTuple):
    """One token of an expression."""

    kind: Kind
    text: str
    at: int
    value: str | int | float | None = None


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of an expression, with an `end` token as the last one.

    Raises:
        ExpressionError: a character or a literal is not valid.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"The expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed."
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(_unknown(text[at]), at)
        kind, raw = match.lastgroup, match.group()
        if kind == "text":
            token, at = _text(text, at, raw)
            found.append(token)
            continue
        if kind in ("int", "float"):
            found.append(_number(text, raw, at, is_float=kind == "float"))
        elif kind in ("name", "sign"):
            found.append(Token("name" if kind == "name" else "sign", raw, at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found


def _unknown(character: str) -> str:
    hints = {"=": "Compare with '=='.", "&": "Write '&&'.", "|": "Write '||'.", "$": "Remove it."}
    hint = hints.get(character, "Remove it, or quote the text.")
    return f"The character {character!r} is not part of an expression. {hint}"


def _number(text: str, raw: str, at: int, *, is_float: bool) -> Token:
    end = at + len(raw)
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        if text[end] in "uU":
            raise ExpressionError("Unsigned integers are not supported. Remove the 'u'.", end)
        raise ExpressionError(f"{raw + text[end]!r} is not a number.", at)
    if len(raw) > _MAX_DIGITS:
        raise ExpressionError(f"The number has more than {_MAX_DIGITS} characters.", at)
    if is_float:
        value = float(raw)
        if value in (float("inf"), float("-inf")):
            raise ExpressionError(f"{raw} is too large for a number.", at)
        return Token("float", raw, at, value)
    return Token("int", raw, at, int(raw, 16) if raw[:2] in ("0x", "0X") else int(raw))


def _text(text: str, at: int, opening: str) -> tuple[Token, int]:
    quote = opening.lstrip("rRbB")
    prefix = opening[: len(opening) - len(quote)].lower()
    if "b" in prefix:
        raise ExpressionError("Bytes are not supported, since JSON has none. Remove the 'b'.", at)
    if len(prefix) > 1:
        raise ExpressionError(f"{opening!r} does not start a text.", at)
    start = at + len(opening)
    parts: list[str] = []
    position = start
    while not text.startswith(quote, position):
        if position >= len(text) or (len(quote) == 1 and text[position] in "\r\n"):
            raise ExpressionError(f"The text has no closing {quote}. Add it.", at)
        if text[position] == "\\" and not prefix:
            decoded, position = _escape(text, position)
            parts.append(decoded)
        else:
            parts.append(text[position])
            position += 1
    end = position + len(quote)
    return Token("text", text[at:end], at, "".join(parts)), end


def _escape(text: str, at: int) -> tuple[str, int]:
    mark = text[at + 1 : at + 2]
    if mark and mark in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[mark], at + 2
    if mark and mark in "0123":
        digits = text[at + 1 : at + 4]
        if len(digits) == 3 and all(one in "01234567" for one in digits):
            return _character(int(digits, 8), at), at + 4
    length = _CODE_LENGTHS.get(mark)
    if length is not None:
        digits = text[at + 2 : at + 2 + length]
        if re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
            return _character(int(digits, 16), at), at + 2 + length
    raise ExpressionError(f"'\\{mark}' is not a valid escape sequence. Write '\\\\' for a backslash.", at)


def _character(code: int, at: int) -> str:
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionError(f"The character with code {code:#x} cannot be stored.", at)
    return chr(code)
