"""Call functions of the C library with `_ctypes`, on which `ctypes` is built.

The classes of `ctypes`, and the modules that it imports, would take a quarter of a megabyte of process 1 of a sandbox,
and as much of each zygote.
"""

from __future__ import annotations

import _ctypes
from _ctypes import Structure, byref, get_errno

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Any, Final

__all__ = ["CBytes", "CSize", "CUnsignedShort", "Structure", "byref", "get_errno", "libc"]


class _CInt(_ctypes._SimpleCData):  # type: ignore[type-arg]  # the class takes no parameter at run time
    _type_ = "i"


class _CLong(_ctypes._SimpleCData):  # type: ignore[type-arg]  # likewise
    _type_ = "l"


class CUnsignedShort(_ctypes._SimpleCData):  # type: ignore[type-arg]  # likewise
    """An `unsigned short`."""

    _type_ = "H"


class CSize(_ctypes._SimpleCData):  # type: ignore[type-arg]  # likewise
    """A `size_t`, which is as long as an `unsigned long` on all supported systems."""

    _type_ = "L"


class CBytes(_ctypes._SimpleCData):  # type: ignore[type-arg]  # likewise
    """A `char *`, to bytes that the value keeps alive."""

    _type_ = "z"


class _IntFunction(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _CInt


class _LongFunction(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _CLong


class _Library:
    """The C library of this process. Its functions are attributes that return an `int`; `syscall` returns a `long`."""

    def __init__(self) -> None:
        self._handle = _ctypes.dlopen(None, _ctypes.RTLD_LOCAL)  # type: ignore[arg-type]  # the process itself

    def __getattr__(self, name: str) -> Any:
        try:
            address = _ctypes.dlsym(self._handle, name)
        except OSError as error:
            raise AttributeError(str(error)) from None
        function = (_LongFunction if name == "syscall" else _IntFunction)(address)
        setattr(self, name, function)
        return function


libc: Final = _Library()
