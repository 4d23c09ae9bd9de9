"""The code that hostile packages run: it reports its confinement. It must work while Python itself starts.

The text of this file is inserted into wheels and sources. A report is one line, `EVIDENCE {json}`, on standard error
and in the first writable file of `FILES`.
"""

# ruff: noqa: BLE001, B905
# (the code imitates that of an attacker)

import posix
import sys

WHERE = "?"
KEY = "?"
FILES = ()


def _read(path):
    try:
        descriptor = posix.open(path, posix.O_RDONLY)
    except OSError as error:
        return f"closed: {error.errno}"
    try:
        return posix.read(descriptor, 65536).decode("latin-1")
    finally:
        posix.close(descriptor)


def _opens(path, flags):
    try:
        posix.close(posix.open(path, flags))
    except OSError:
        return False
    return True


def _status(name):
    text = _read("/proc/self/status")
    return text.partition(f"\n{name}:\t")[2].partition("\n")[0]


def _call(number, *arguments):
    """Make a system call by its number on x86_64, and return the error number or 0."""
    try:
        import ctypes
    except Exception:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if libc.syscall(number, *arguments) < 0 else 0


def _prctl(option):
    """Return a status from the kernel, for processes that cannot read it in /proc."""
    import ctypes

    return str(ctypes.CDLL(None).prctl(option, 0, 0, 0, 0))


def _socket(family, kind):
    try:
        import _socket
    except Exception:
        return None
    try:
        _socket.socket(family, kind).close()
    except OSError:
        return False
    return True


def report(where):
    """Report from a child process, so that attacks that succeed do not affect this process."""
    process = posix.fork()
    if process == 0:
        try:
            _report(where)
        finally:
            posix._exit(0)
    posix.waitpid(process, 0)


def _report(where):
    import json

    found = {
        "where": where,
        "uid": list(posix.getresuid()),
        "seccomp": _status("Seccomp") or _prctl(21),
        "no_new_privs": _status("NoNewPrivs") or _prctl(39),
        "capabilities": _status("CapEff") or "0",
        "core_pattern": _opens("/proc/sys/kernel/core_pattern", posix.O_WRONLY),
        "key": "closed" if _read(KEY).startswith("closed") else "READ",
        "io_uring": _call(425, 1, 0),
        "vsock": _socket(40, 1),
        "netlink": _socket(16, 3),
        "datagram": _socket(2, 2),
        "mounts": [line for line in _read("/proc/self/mountinfo").splitlines() if "puras-hostile" in line],
        "executable": sys.executable,
    }
    owners = [_owner(path) for path in FILES]
    found["user_namespace"] = _in_child(lambda: _call(272, 0x10000000))
    line = f"EVIDENCE {json.dumps(found)}\n".encode()
    posix.write(2, line)
    _append(line, owners)


def _in_child(probe):
    """Return the number that a probe returns in a child process."""
    process = posix.fork()
    if process == 0:
        result = probe()
        posix._exit(255 if result is None else result)
    return posix.waitpid(process, 0)[1] >> 8


def _owner(path):
    try:
        return posix.stat(path.rpartition("/")[0])
    except OSError:
        return None


def _append(line, owners):
    """Append a line to the first writable file, as the owner of its folder if possible."""
    for path, owner in zip(FILES, owners):
        if owner is None:
            continue
        try:
            if posix.getuid() == 0:
                posix.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
                posix.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
            descriptor = posix.open(path, posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT, 0o666)
        except OSError:
            continue
        posix.write(descriptor, line)
        posix.close(descriptor)
        return


report(WHERE)
