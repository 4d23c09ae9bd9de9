"""An interpreter that runs system-call filters as the kernel does."""

from __future__ import annotations

import struct
from typing import Final

from workers.sandbox.guest import filters
from workers.sandbox.guest.syscalls import Architecture

ALLOWED: Final = "allowed"
KILLED: Final = "killed"


def run(
    program: filters.Program,
    architecture: Architecture,
    number: int,
    argument: int = 0,
    audit: int | None = None,
    second: int = 0,
    third: int = 0,
) -> str | int:
    """Return the decision of the kernel for a call: allowed, killed, or an error number."""
    data = struct.pack(
        "<IIQ6Q", number, architecture.audit if audit is None else audit, 0, argument, second, third, 0, 0, 0
    )
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x15:
            at += if_true if accumulator == value else if_false
        elif code == 0x35:
            at += if_true if accumulator >= value else if_false
        elif code == 0x45:
            at += if_true if accumulator & value else if_false
        else:
            assert code == 0x06
            break
    return ALLOWED if value == 0x7FFF0000 else KILLED if value == 0x80000000 else value & 0xFFFF
