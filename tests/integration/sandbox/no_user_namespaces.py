"""Start a program that cannot create user namespaces: `python no_user_namespaces.py UID PROGRAM…`.

The program runs in a new user namespace whose limit is zero, so that nothing changes on the host.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
UNAVAILABLE = 77


def main(uid: int, program: list[str]) -> None:
    """Run the program as the user `uid` in a new user namespace."""
    outer_uid, outer_gid = os.getuid(), os.getgid()
    entered, enter = os.pipe()
    mapped, continue_child = os.pipe()
    child = os.fork()
    if child == 0:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
            os._exit(UNAVAILABLE)
        os.write(enter, b"x")
        os.read(mapped, 1)
        Path("/proc/sys/user/max_user_namespaces").write_text("0", encoding="ascii")
        if outer_uid == 0:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        os.execvp(program[0], program)
    os.close(enter)
    if os.read(entered, 1):
        process = Path(f"/proc/{child}")
        if outer_uid == 0:
            _map(process, "0 0 65536", "0 0 65536")
        else:
            (process / "setgroups").write_text("deny", encoding="ascii")
            _map(process, f"{outer_uid} {outer_uid} 1", f"{outer_gid} {outer_gid} 1")
    os.write(continue_child, b"x")
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def _map(process: Path, users: str, groups: str) -> None:
    (process / "uid_map").write_text(users, encoding="ascii")
    (process / "gid_map").write_text(groups, encoding="ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
