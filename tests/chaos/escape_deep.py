"""More attacks: system calls, processes and links of other jobs, and files that other jobs trust.

The file is next to `main.py` in the bundle of the attacker. Each attempt returns what it accessed, or raises.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH109, PTH112, PTH116, PTH120, PTH123, PTH207, PTH208, PTH211, SIM115
# (the code imitates that of an attacker)

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
MEMORY = bytearray(b"as it was imported")
NEWEST_CALL = 500  # more than any kernel has
# uretprobe and uprobe: Linux runs no filter for them, and accepts them only from its own traps.
UNFILTERED = (335, 336) if X86 else ()
OTHER_KINDS = (signal.SIGTERM, signal.SIGSTOP, signal.SIGUSR1)


def against_kernel():
    """Return an attack for every system call that a sandbox denies, with arguments that have no effect."""
    from puras_inside.syscalls import ALLOWED

    allowed = {pair[COLUMN] for pair in ALLOWED.values()}
    return {
        f"call {number}": lambda number=number: refused_by_filter(number)
        for number in range(NEWEST_CALL)
        if number not in allowed and number not in UNFILTERED
    }


def against_machine(facts):
    """Return the attacks against the host that the zygote and a job both run."""
    return {
        "have capabilities": capabilities,
        "gain rights from a program": gain_rights,
        "escape the killer of the memory": lambda: write("/proc/self/oom_score_adj", "-1000"),
        "map a user into itself": lambda: write("/proc/self/uid_map", "0 0 1"),
        "change what a crash runs": lambda: write("/proc/sys/kernel/core_pattern", "|/deployment/x"),
        "read files of the mounts of the host": lambda: open("/proc/1/root/etc/shadow").read(),
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
        "enter the kernel as a 32-bit program": lambda: enter_as_32_bit_program(),
        "write a program into the environment": lambda: write(f"{sys.prefix}/bin/planted", "x"),
        "replace the interpreter": lambda: os.rename("/environment/bin/python", "/environment/bin/other"),
        "plant a .pth": lambda: write(f"{packages()}/planted.pth", "import os"),
        "plant bytecode": lambda: write(bytecode(), "x"),
        "append to a package": lambda: open(f"{packages()}/tinywheel.py", "a"),
        "plant a module in the bundle": lambda: write("/deployment/skills/attack/planted.py", "x"),
        "plant bytecode in the bundle": lambda: os.mkdir("/deployment/skills/attack/__pycache__"),
        "plant a module next to the kit": lambda: write("/puras/planted.py", "x"),
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


def against_neighbor(neighbor):
    """Return the attacks of a job against another job of the same skill, and against their parent."""
    parent = os.getppid()
    attempts = {
        "write the parent's memory": lambda: poke(parent),
        "write the neighbor's memory": lambda: poke(neighbor),
        "write across processes": lambda: refused_by_filter(311 if X86 else 271, neighbor),
        "see the parent's memory addresses": lambda: open(f"/proc/{parent}/maps").read(),
        "see the neighbor's memory addresses": lambda: open(f"/proc/{neighbor}/maps").read(),
        "enter the parent's folder": lambda: os.listdir(f"/proc/{parent}/cwd/"),
        "use the parent's descriptors": lambda: os.open(f"/proc/{parent}/fd/3", os.O_RDWR),
        "speak for the parent": lambda: os.write(os.open(f"/proc/{parent}/fd/1", os.O_WRONLY), b"x"),
        "follow the neighbor's root": lambda: os.listdir(f"/proc/{neighbor}/root/jobs"),
        "read the neighbor's call": lambda: open(f"/proc/{neighbor}/syscall").read(),
        "read the neighbor's stack": lambda: open(f"/proc/{neighbor}/stack").read(),
        "slow the neighbor down": lambda: os.setpriority(os.PRIO_PROCESS, neighbor, 19),
        "make the neighbor's disk slow": lambda: ioprio(neighbor),
        "choose who dies of memory": lambda: write(f"/proc/{neighbor}/oom_score_adj", "1000"),
        "signal a thread of the neighbor": lambda: call(234 if X86 else 131, neighbor, neighbor, 9),
        "queue a signal for the neighbor": lambda: queue_signal(neighbor),
        "signal the neighbor by a handle": lambda: by_handle(neighbor),
        "move the neighbor's pages": lambda: call(256 if X86 else 238, neighbor, 0, 0, 0),
        "link the neighbor's secret": lambda: os.link(f"{neighbors_folder()}/secret.txt", "stolen"),
        "move the neighbor's folder": lambda: os.rename(neighbors_folder(), "moved"),
        "remove the neighbor's files": lambda: shutil.rmtree(neighbors_folder()),
        "create the folder of the next job": lambda: os.mkdir(f"{os.path.dirname(os.getcwd())}/99999"),
    }
    for kind in OTHER_KINDS:
        attempts[f"send {kind.name} to the parent"] = lambda kind=kind: os.kill(parent, kind)
    return attempts


def poison():
    """Change everything that the next job would use if it were forked from this process."""
    STATE["poisoned"] += 1
    MEMORY[:] = b"changed by another"
    builtins.open = json.loads = random.random = None
    sys.modules["json"] = sys.modules["random"] = None
    sys.path[:] = ["/nowhere"]
    os.environ["POISON"] = "1"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0)
    return STATE["poisoned"]


def poisoned():
    """Return the changes of the previous job that this job can see."""
    return {
        "state": STATE["poisoned"],
        "kept": MEMORY.decode(),
        "modules": sys.modules.get("json") is json and callable(json.loads) and callable(random.random),
        "path": "/nowhere" in sys.path,
        "variable": os.environ.get("POISON"),
        "signal": signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
        "umask": os.umask(0o077),
    }


def refused_by_filter(number, *arguments):
    """Make a system call with invalid arguments; the filter must deny it before the kernel reads them."""
    ctypes.set_errno(0)
    result = libc.syscall(number, *(arguments or (-1, -1, -1, -1, -1)))
    error = ctypes.get_errno()
    if result < 0 and error in (errno.EPERM, errno.ENOSYS):
        raise OSError(error, "by the filter")
    return f"returned {result}, {errno.errorcode.get(error)}"


def call(number, *arguments):
    """Make a system call, and return its result."""
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def write(path, text):
    """Write a text to a path, and return the path."""
    with open(path, "w") as file:
        file.write(text)
    return path


def capabilities():
    """Return the capabilities of the process, of any kind, and whether a program could add some."""
    lines = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines())
    held = {name: lines[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb") if int(lines[name], 16)}
    if lines["NoNewPrivs"].strip() != "1":
        held["NoNewPrivs"] = lines["NoNewPrivs"]
    return held or refuse("none")


def gain_rights():
    """Run programs with the set-user-ID bit, and return the user ID."""
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
    """Create a device file and open it."""
    where = "tmp/device" if os.path.isdir("tmp") else "/jobs/device"
    os.mknod(where, kind | 0o600, os.makedev(major, minor))
    return os.open(where, os.O_RDONLY)


def queue():
    """Create a POSIX message queue."""
    made = call(240 if X86 else 180, b"puras", os.O_CREAT | os.O_RDWR, 0o600, 0)
    return f"queue {made}"


def enter_as_32_bit_program():
    """Enter the kernel through `int 0x80`, where system calls have other numbers: 20 is getpid."""
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
    """Return the lists of mounts, which would contain paths of the host."""
    found = [line for pid in ("self", "1") for line in open(f"/proc/{pid}/mountinfo")]
    found += [*open("/proc/mounts"), *open("/proc/self/mountstats")]
    return found or refuse("no mount is listed")


def enter_namespaces():
    """Enter a namespace through a descriptor that the sandbox left open, or through the file in /proc."""
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    try:
        for number in {*range(3, 64), own}:
            if tried(number, 308 if X86 else 268):
                return number
    finally:
        os.close(own)
    return refuse("none can be entered")


def tried(number, setns):
    """Return whether the process could enter the namespace of a descriptor."""
    ctypes.set_errno(0)
    return libc.syscall(setns, number, 0) == 0


def filter_packets():
    """Attach a packet filter to a socket."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    one, _ = socket.socketpair()
    return one.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def reserve_blocks():
    """Reserve disk blocks without writing them."""
    with open("tmp/reserved" if os.path.isdir("tmp") else "/jobs/reserved", "wb") as file:
        space = bytearray(struct.pack("hhiqqiI16x", 0, 0, 0, 0, 1 << 20, 0, 0))
        return fcntl.ioctl(file, 0x4030582A, space)


def packages():
    """Return the folder of the installed packages."""
    return next(path for path in site.getsitepackages() if path.startswith(sys.prefix))


def bytecode():
    """Return the bytecode file of an installed package."""
    (found,) = glob.glob(f"{packages()}/__pycache__/tinywheel.*.pyc")
    return found


def through_link(drive, target):
    """Write to a target outside of the drive through a symbolic link."""
    name = f"{drive}/written-through"
    if os.path.lexists(name):
        os.unlink(name)
    os.symlink(target, name)
    return write(name, "x")


def others_files():
    """Return readable files of other users in the folders that jobs can access."""
    found = [path for path in glob.glob("/drive/../*/*") if "private" in path]
    return found or refuse("none")


def neighbors_folder():
    """Return the folder of the job that was started before or after this one."""
    jobs, own = os.path.split(os.getcwd())
    return f"{jobs}/{int(own) - 1}" if int(own) > 1 else f"{jobs}/{int(own) + 1}"


def poke(pid):
    """Open the memory of another process for writing."""
    with open(f"/proc/{pid}/mem", "r+b") as memory:
        memory.seek(id(MEMORY))
        return memory.read(8)


def queue_signal(pid):
    """Queue a signal for another process."""
    info = struct.pack("iiii112x", int(signal.SIGUSR1), 0, -1, 0)
    return call(129 if X86 else 138, pid, int(signal.SIGUSR1), info)


def by_handle(pid):
    """Send a signal through a process descriptor."""
    handle = os.pidfd_open(pid)
    return call(424, handle, 9, 0, 0)


def ioprio(pid):
    """Lower the I/O priority of another process."""
    return call(251 if X86 else 30, 1, pid, (3 << 13))


def refuse(why):
    """Raise the error of an attempt that failed."""
    raise OSError(why)
