"""The attacker's second bag: calls of the kernel, other jobs' processes and links, files that others will trust.

Lies beside `main.py` in the attacker's bundle. Each attempt returns what it reached, or raises.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH109, PTH112, PTH116, PTH120, PTH123, PTH207, PTH208, PTH211, SIM115
# (an attacker writes as attackers do)

import builtins
import ctypes
import errno
import fcntl
import glob
import json
import mmap
import os
import random
import shutil
import signal
import site
import socket
import stat
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
COLUMN = 0 if X86 else 1
STATE = {"poisoned": 0}
KEPT = bytearray(b"as it was imported")
NEWEST_CALL = 500  # no kernel has as many
UNFILTERED = (
    (335, 336) if X86 else ()
)  # uretprobe and uprobe: Linux runs no filter, and answers its own traps alone
OTHER_KINDS = (signal.SIGTERM, signal.SIGSTOP, signal.SIGUSR1)


def against_kernel():
    """Every call that a sandbox does not have, with arguments that would do nothing where it were allowed."""
    from puras_inside.syscalls import ALLOWED

    allowed = {pair[COLUMN] for pair in ALLOWED.values()}
    return {
        f"call {number}": lambda number=number: refused_by_filter(number)
        for number in range(NEWEST_CALL)
        if number not in allowed and number not in UNFILTERED
    }


def against_machine(facts):
    """What both the warm parent and a job may try."""
    return {
        "have capabilities": capabilities,
        "gain rights from a program": gain_rights,
        "escape the killer of the memory": lambda: write("/proc/self/oom_score_adj", "-1000"),
        "map a user into itself": lambda: write("/proc/self/uid_map", "0 0 1"),
        "change what a crash runs": lambda: write("/proc/sys/kernel/core_pattern", "|/deployment/x"),
        "read the machine's mounts' files": lambda: open("/proc/1/root/etc/shadow").read(),
        "leave by process 1's folder": lambda: os.listdir("/proc/1/cwd/../home"),
        "see paths of the host in the list of mounts": lambda: paths_of_the_host(),
        "list mounts by their numbers": lambda: refused_by_filter(458),
        "enter the namespace that has the mounts": lambda: enter_namespaces(),
        "read the kernel's keys": lambda: open("/proc/keys").read(),
        "read the kernel's symbols": lambda: open("/proc/kallsyms").read(1),
        "read how the kernel was started": lambda: open("/proc/cmdline").read(),
        "see the locks of other processes": lambda: open("/proc/locks").read(),
        "change how the kernel behaves": lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        "speak multipath TCP": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
        "pair sockets of packets": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
        "filter packets in the kernel": lambda: filter_packets(),
        "reserve blocks without writing": lambda: reserve_blocks(),
        "read the kernel's log": lambda: open("/dev/kmsg").read(1),
        "open a disk": lambda: open_device(stat.S_IFBLK, 8, 0),
        "open the memory": lambda: open_device(stat.S_IFCHR, 1, 1),
        "use a virtual machine": lambda: os.open("/dev/kvm", os.O_RDWR),
        "use a file system of one's own": lambda: os.open("/dev/fuse", os.O_RDWR),
        "use a tunnel": lambda: os.open("/dev/net/tun", os.O_RDWR),
        "talk over message queues": lambda: queue(),
        "enter by the 32-bit door": lambda: second_door(),
        "write a program into the environment": lambda: write(f"{sys.prefix}/bin/planted", "x"),
        "replace the interpreter": lambda: os.rename("/environment/bin/python", "/environment/bin/other"),
        "plant a .pth": lambda: write(f"{packages()}/planted.pth", "import os"),
        "plant bytecode": lambda: write(bytecode(), "x"),
        "append to a package": lambda: open(f"{packages()}/tinywheel.py", "a"),
        "plant a module in the bundle": lambda: write("/deployment/skills/attack/planted.py", "x"),
        "plant bytecode in the bundle": lambda: os.mkdir("/deployment/skills/attack/__pycache__"),
        "plant a module beside the kit": lambda: write("/puras/planted.py", "x"),
        "open up the bundle": lambda: os.chmod("/deployment/skills/attack/main.py", 0o777),
        "take the bundle": lambda: os.chown("/deployment", os.getuid(), -1),
        "follow a link in the bundle": lambda: open("/deployment/skills/attack/way-out").read(),
        "follow a link to a folder": lambda: os.listdir("/deployment/skills/attack/way-home"),
        "link a file of the bundle": lambda: os.link(
            "/deployment/skills/attack/main.py", f"{facts['drive']}/main"
        ),
        "write through a link in the drive": lambda: through_link(facts["drive"], "/deployment/planted"),
        "mount over the drive": lambda: refused_by_filter(165 if X86 else 40),
        "see another project's user": lambda: others_files(),
    }


def against_neighbour(neighbour):
    """What one job may try against another of the same skill, and against their parent."""
    parent = os.getppid()
    attempts = {
        "write the parent's memory": lambda: poke(parent),
        "write the neighbour's memory": lambda: poke(neighbour),
        "write across processes": lambda: refused_by_filter(311 if X86 else 271, neighbour),
        "see where the parent's memory lies": lambda: open(f"/proc/{parent}/maps").read(),
        "see where the neighbour's memory lies": lambda: open(f"/proc/{neighbour}/maps").read(),
        "enter the parent's folder": lambda: os.listdir(f"/proc/{parent}/cwd/"),
        "use the parent's descriptors": lambda: os.open(f"/proc/{parent}/fd/3", os.O_RDWR),
        "speak for the parent": lambda: os.write(os.open(f"/proc/{parent}/fd/1", os.O_WRONLY), b"x"),
        "follow the neighbour's root": lambda: os.listdir(f"/proc/{neighbour}/root/jobs"),
        "read the neighbour's call": lambda: open(f"/proc/{neighbour}/syscall").read(),
        "read the neighbour's stack": lambda: open(f"/proc/{neighbour}/stack").read(),
        "slow the neighbour down": lambda: os.setpriority(os.PRIO_PROCESS, neighbour, 19),
        "make the neighbour's disk slow": lambda: ioprio(neighbour),
        "choose who dies of memory": lambda: write(f"/proc/{neighbour}/oom_score_adj", "1000"),
        "signal a thread of the neighbour": lambda: call(234 if X86 else 131, neighbour, neighbour, 9),
        "queue a signal for the neighbour": lambda: queue_signal(neighbour),
        "signal the neighbour by a handle": lambda: by_handle(neighbour),
        "move the neighbour's pages": lambda: call(256 if X86 else 238, neighbour, 0, 0, 0),
        "link the neighbour's secret": lambda: os.link(f"{neighbours_folder()}/secret.txt", "stolen"),
        "move the neighbour's folder": lambda: os.rename(neighbours_folder(), "moved"),
        "remove the neighbour's files": lambda: shutil.rmtree(neighbours_folder()),
        "take the place of the next job": lambda: os.mkdir(f"{os.path.dirname(os.getcwd())}/99999"),
    }
    for kind in OTHER_KINDS:
        attempts[f"send {kind.name} to the parent"] = lambda kind=kind: os.kill(parent, kind)
    return attempts


def poison():
    """Change everything that the next job would use, if it came from this process."""
    STATE["poisoned"] += 1
    KEPT[:] = b"changed by another"
    builtins.open = json.loads = random.random = None
    sys.modules["json"] = sys.modules["random"] = None
    sys.path[:] = ["/nowhere"]
    os.environ["POISON"] = "1"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0)
    return STATE["poisoned"]


def poisoned():
    """What a job finds of the one before it."""
    return {
        "state": STATE["poisoned"],
        "kept": KEPT.decode(),
        "modules": sys.modules.get("json") is json and callable(json.loads) and callable(random.random),
        "path": "/nowhere" in sys.path,
        "variable": os.environ.get("POISON"),
        "signal": signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
        "umask": os.umask(0o077),
    }


def refused_by_filter(number, *arguments):
    """Refused before the kernel looks at the arguments, which are rubbish."""
    ctypes.set_errno(0)
    answer = libc.syscall(number, *(arguments or (-1, -1, -1, -1, -1)))
    error = ctypes.get_errno()
    if answer < 0 and error in (errno.EPERM, errno.ENOSYS):
        raise OSError(error, "by the filter")
    return f"answered {answer}, {errno.errorcode.get(error)}"


def call(number, *arguments):
    ctypes.set_errno(0)
    answer = libc.syscall(number, *arguments)
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def capabilities():
    """None may be effective, permitted, inheritable or ambient, and no program may add any."""
    lines = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines())
    held = {name: lines[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb") if int(lines[name], 16)}
    if lines["NoNewPrivs"].strip() != "1":
        held["NoNewPrivs"] = lines["NoNewPrivs"]
    return held or refuse("none")


def gain_rights():
    """Run a program that belongs to root and has the set-user-id bit."""
    for path in glob.glob("/usr/bin/*"):
        if os.stat(path).st_mode & stat.S_ISUID:
            pid = os.fork()
            if pid == 0:
                os.execv(path, [path, "--help"])
            os.waitpid(pid, 0)
    own = "tmp/own-sh" if os.path.isdir("tmp") else "/jobs/own-sh"
    shutil.copy("/bin/sh", own)
    os.chmod(own, 0o6755)
    pipe, end = os.pipe()
    if os.fork() == 0:
        os.dup2(end, 1)
        os.execv(own, [own, "-p", "-c", "id -u"])
    os.close(end)
    found = os.read(pipe, 100).decode().strip()
    os.close(pipe)
    os.unlink(own)
    return found if found != str(os.getuid()) else refuse("still the same user")


def open_device(kind, major, minor):
    where = "tmp/device" if os.path.isdir("tmp") else "/jobs/device"
    os.mknod(where, kind | 0o600, os.makedev(major, minor))
    return os.open(where, os.O_RDONLY)


def queue():
    made = call(240 if X86 else 180, b"puras", os.O_CREAT | os.O_RDWR, 0o600, 0)
    return f"queue {made}"


def second_door():
    """`int 0x80` enters the kernel as a 32-bit program does, with other numbers: 20 is getpid there."""
    if not X86:
        refuse("this architecture has none")
    pid = os.fork()
    if pid == 0:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        ctypes.CFUNCTYPE(ctypes.c_long)(address)()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return "ran" if os.WIFEXITED(status) else refuse(f"ended by signal {os.WTERMSIG(status)}")


def paths_of_the_host():
    """The list of mounts names folders of the host, for every process of the sandbox."""
    found = [line for pid in ("self", "1") for line in open(f"/proc/{pid}/mountinfo")]
    found += [*open("/proc/mounts"), *open("/proc/self/mountstats")]
    return found or refuse("no mount is listed")


def enter_namespaces():
    """Through a descriptor that the start of the sandbox may have left open, or the file in /proc."""
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    try:
        for number in {*range(3, 64), own}:
            if tried(number, 308 if X86 else 268):
                return number
    finally:
        os.close(own)
    return refuse("none can be entered")


def tried(number, setns):
    ctypes.set_errno(0)
    return libc.syscall(setns, number, 0) == 0


def filter_packets():
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    one, _ = socket.socketpair()
    return one.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def reserve_blocks():
    with open("tmp/reserved" if os.path.isdir("tmp") else "/jobs/reserved", "wb") as file:
        space = bytearray(struct.pack("hhiqqiI16x", 0, 0, 0, 0, 1 << 20, 0, 0))
        return fcntl.ioctl(file, 0x4030582A, space)


def packages():
    return next(path for path in site.getsitepackages() if path.startswith(sys.prefix))


def bytecode():
    (found,) = glob.glob(f"{packages()}/__pycache__/tinywheel.*.pyc")
    return found


def through_link(drive, target):
    name = f"{drive}/written-through"
    if os.path.lexists(name):
        os.unlink(name)
    os.symlink(target, name)
    return write(name, "x")


def others_files():
    """Files of other users that can be read where jobs may look at all."""
    found = [path for path in glob.glob("/drive/../*/*") if "private" in path]
    return found or refuse("none")


def neighbours_folder():
    jobs, own = os.path.split(os.getcwd())
    return f"{jobs}/{int(own) - 1}" if int(own) > 1 else f"{jobs}/{int(own) + 1}"


def poke(pid):
    with open(f"/proc/{pid}/mem", "r+b") as memory:
        memory.seek(id(KEPT))
        return memory.read(8)


def queue_signal(pid):
    info = struct.pack("iiii112x", int(signal.SIGUSR1), 0, -1, 0)
    return call(129 if X86 else 138, pid, int(signal.SIGUSR1), info)


def by_handle(pid):
    handle = os.pidfd_open(pid)
    return call(424, handle, 9, 0, 0)


def ioprio(pid):
    return call(251 if X86 else 30, 1, pid, (3 << 13))


def refuse(why):
    raise OSError(why)
