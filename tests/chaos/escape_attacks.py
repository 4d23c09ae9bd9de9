"""The attacker: a skill that attempts every known escape. Each attempt returns "closed: …" or "OPEN: …".

The file is copied into a bundle unchanged and runs inside the sandbox, at import (in the zygote) and in a job.
"""

# ruff: noqa: PTH102, PTH108, PTH109, PTH110, PTH112, PTH115, PTH116, PTH120, PTH123, PTH208, PTH211, SIM115, PERF403
# (the code imitates that of an attacker)

import ctypes
import os
import resource
import signal
import socket
import stat
import time

import deep

libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"


def run(inputs):
    """Run the function that the inputs name."""
    return globals()[inputs["do"]](inputs)


def victim(inputs):
    """Act as the neighbor: report that it runs, and return its state when it is to stop."""
    with open("secret.txt", "w") as file:
        file.write("the neighbor's secret")
    with open("drive/victim", "w") as file:
        file.write(str(os.getpid()))
    while not os.path.exists("drive/stop"):
        time.sleep(0.02)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"secret": open("secret.txt").read(), "files": limits[0], "names": sorted(os.listdir("."))}


def attack(inputs):
    """Return the result of every attack of a job against the host and its neighbors."""
    neighbor = int(open("drive/victim").read())
    found = {**machine(inputs), **{f"import: {name}": result for name, result in AT_IMPORT.items()}}
    for name, attempt in {
        "read the neighbor's folder": lambda: other_folders(),
        "list all jobs": lambda: os.listdir(os.path.dirname(os.getcwd())),
        "read the neighbor's variables": lambda: open(f"/proc/{neighbor}/environ").read(),
        "read the neighbor's memory": lambda: open(f"/proc/{neighbor}/mem", "rb").read(1),
        "enter the neighbor's folder": lambda: os.listdir(f"/proc/{neighbor}/cwd/"),
        "result for the neighbor": lambda: open(f"/proc/{neighbor}/fd/3", "w").write("{}"),
        "read the parent's variables": lambda: open(f"/proc/{os.getppid()}/environ").read(),
        "read the parent's memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb").read(1),
        "trace the neighbor": lambda: call("ptrace", 101, 117, 16, neighbor, 0, 0),
        "read across processes": lambda: call("process_vm_readv", 310, 270, neighbor, 0, 0, 0, 0, 0),
        "take the neighbor's descriptor": lambda: call("pidfd_getfd", 438, 438, 0, 3, 0),
        "signal the neighbor": lambda: os.kill(neighbor, signal.SIGKILL),
        "signal the neighbor's group": lambda: os.killpg(neighbor, signal.SIGKILL),
        "signal the parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
        "stop the neighbor": lambda: os.kill(neighbor, signal.SIGSTOP),
        "limit the neighbor": lambda: resource.prlimit(neighbor, resource.RLIMIT_NOFILE, (3, 3)),
        "more limits": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1 << 20, 1 << 20)),
        "keep descriptors of the parent": lambda: inherited_descriptors(),
        "talk over shared abstract sockets": lambda: abstract_neighbor(),
        "listen on a port": lambda: socket.socket().bind(("127.0.0.1", 0)),
        **deep.against_neighbor(neighbor),
    }.items():
        found[name] = tried(attempt)
    return found


def machine(inputs):
    """Return the result of every attack against the host that the zygote and a job both run."""
    attempts = {
        f"open {path}": (
            lambda path=path: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
        )
        for path in inputs["paths"]
    }
    for name, attempt in {
        "see the worker's process": lambda: os.stat(f"/proc/{inputs['worker']}/status"),
        "signal the worker": lambda: os.kill(inputs["worker"], 0),
        "see more processes than the sandbox's": lambda: other_processes(),
        "reach the worker's TCP port": lambda: connect(socket.AF_INET, ("127.0.0.1", inputs["tcp"])),
        "reach the worker's port over IPv6": lambda: connect(socket.AF_INET6, ("::1", inputs["tcp"])),
        "reach its unix socket": lambda: connect(socket.AF_UNIX, inputs["unix"]),
        "reach its abstract socket": lambda: connect(socket.AF_UNIX, "\0" + inputs["abstract"]),
        "reach the metadata address": lambda: connect(socket.AF_INET, ("169.254.169.254", 80)),
        "send UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)),
        "resolve a name": lambda: socket.getaddrinfo("example.org", 80),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
        "open a vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
        "open a kernel crypto socket": lambda: socket.socket(38, socket.SOCK_SEQPACKET),
        "become root": lambda: os.setresuid(0, 0, 0),
        "become another user": lambda: os.setresuid(65533, 65533, 65533),
        "join a group": lambda: os.setgroups([0]),
        "mount": lambda: call("mount", 165, 40, b"none", b"/jobs", b"tmpfs", 0, 0),
        "unmount": lambda: call("umount2", 166, 39, b"/deployment", 2),
        "make a user namespace": lambda: call("unshare", 272, 97, 0x10000000),
        "clone into a user namespace": lambda: call(
            "clone", 56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0
        ),
        "join a namespace": lambda: call("setns", 308, 268, 0, 0),
        "change root": lambda: os.chroot("/jobs"),
        "load a program into the kernel": lambda: call("bpf", 321, 280, 0, 0, 0),
        "use the key ring": lambda: call("keyctl", 250, 219, 0, -3, 0),
        "use io_uring": lambda: call("io_uring_setup", 425, 425, 8, ctypes.create_string_buffer(256)),
        "handle page faults": lambda: call("userfaultfd", 323, 282, 1),
        "measure the kernel": lambda: call("perf_event_open", 298, 241, 0, 0, -1, -1, 0),
        "hide memory in a nameless file": lambda: call("memfd_create", 319, 279, b"x", 0),
        "hide memory in shared segments": lambda: call("shmget", 29, 194, 0, 1 << 20, 0o1600),
        "outlive the worker": lambda: libc.prctl(1, 0, 0, 0, 0) == 0 or refuse("not permitted"),
        "open by handle": lambda: call("open_by_handle_at", 304, 265, -100, 0, 0),
        "write to the bundle": lambda: open(os.environ["PURAS_DEPLOYMENT_ROOT"] + "/planted", "w"),
        "write to the system": lambda: open("/usr/planted", "w"),
        "write to the root": lambda: open("/planted", "w"),
        "write to our runtime": lambda: open("/puras/puras_inside/planted", "w"),
        "write a kernel setting": lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/x"),
        "trigger a system request of the host": lambda: open("/proc/sysrq-trigger", "w").write("h"),
        "open the terminal": lambda: open("/dev/tty", "w"),
        "see devices of the host": lambda: devices(),
        "see the hardware of the host": lambda: os.listdir("/sys"),
        "follow a link out of the drive": lambda: link(inputs["drive"], "/etc/shadow"),
        "follow a link to another drive": lambda: link(inputs["drive"], inputs["other_drive"]),
        "make a device in the drive": lambda: os.mknod(
            f"{inputs['drive']}/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)
        ),
        "use the other set of system calls": lambda: second_abi(),
        **deep.against_machine(inputs),
        **deep.against_kernel(),
    }.items():
        attempts[name] = attempt
    return {name: tried(attempt) for name, attempt in attempts.items()}


def tried(attempt):
    """Run an attempt, and return its result as text that starts with "closed: " or "OPEN: "."""
    try:
        result = attempt()
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        return f"closed: {type(error).__name__}: {error}"[:150]
    return f"OPEN: {result!r}"[:150]


def call(name, x86_64, aarch64, *arguments):
    """Make a system call by its number on this architecture, and return its result."""
    ctypes.set_errno(0)
    result = libc.syscall(x86_64 if X86 else aarch64, *arguments)
    if name == "clone" and result == 0:
        os._exit(0)
    return result if result >= 0 else refuse(os.strerror(ctypes.get_errno()))


def refuse(why):
    """Raise the error of an attempt that failed."""
    raise OSError(why)


def connect(family, address):
    """Connect to an address within a second."""
    with socket.socket(family) as one:
        one.settimeout(1)
        one.connect(address)
    return address


def other_processes():
    """Return the visible processes if there are more than a sandbox has."""
    seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return seen if os.getpid() > 1 and len(seen) > 64 else refuse(f"{len(seen)} processes")


def other_folders():
    """Read the secret of another job, whose folder has another number."""
    jobs, own = os.path.split(os.getcwd())
    for number in range(1, 200):
        path = f"{jobs}/{number}/secret.txt"
        if str(number) != own and tried(lambda path=path: open(path).read()).startswith("OPEN"):
            return path
    return refuse("none of 200 can be read")


def inherited_descriptors():
    """Return the open descriptors beyond those that every job has."""
    known = {0, 1, 2, 3, 4}
    found = {}
    for number in range(5, 256):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
    return found if set(found) - known else refuse("none")


def abstract_neighbor():
    """Connect to the abstract socket of another job; sockets of the same job are allowed."""
    return connect(socket.AF_UNIX, "\0of-the-neighbor")


def devices():
    """Return the block devices in /dev."""
    found = [name for name in os.listdir("/dev") if stat.S_ISBLK(os.stat(f"/dev/{name}").st_mode)]
    return found or refuse("none")


def link(drive, target):
    """Follow a symbolic link in the drive to a target outside of it."""
    name = f"{drive}/way-out"
    if os.path.lexists(name):
        os.unlink(name)
    os.symlink(target, name)
    return os.listdir(name) if os.path.isdir(name) else open(name).read()


def second_abi():
    """Make a system call of the x32 ABI."""
    if not X86:
        refuse("this architecture has none")
    pid = os.fork()
    if pid == 0:
        libc.syscall(0x40000000 + 39)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return "ran" if os.WIFEXITED(status) else refuse(f"ended by signal {os.WTERMSIG(status)}")


def bomb_forks(inputs):
    """Fork without end."""
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)


def bomb_memory(inputs):
    """Allocate memory in several processes."""
    for _ in range(16):
        try:
            if os.fork() == 0:
                break
        except BlockingIOError:  # some processes of the previous fork bomb still exist
            time.sleep(0.01)
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 16)) * 64)


def bomb_sockets(inputs):
    """Allocate memory that belongs to no process: data in sockets that is never read."""
    for _ in range(3):
        if os.fork() == 0:
            break
    held = []
    while len(held) < 1000:
        held += socket.socketpair()
        for end in held[-2:]:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 20)
            end.setblocking(False)
            try:
                while True:
                    end.send(bytes(1 << 16))
            except BlockingIOError:
                pass
    time.sleep(60)


def bomb_tables(inputs):
    """Allocate page tables by reading memory that is never written."""
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *3 * [ctypes.c_int], ctypes.c_long]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = 2 << 40
    start = libc.mmap(None, size, 1, 0x4022, -1, 0)
    libc.madvise(start, size, 15)
    for place in range(start, start + size, 2 << 20):
        ctypes.string_at(place, 1)
    time.sleep(60)


def bomb_disk(inputs):
    """Write files until the disk is full."""
    for number in range(100_000):
        with open(f"{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
        time.sleep(0.001)


def bomb_depth(inputs):
    """Create nested folders without end."""
    while True:
        os.mkdir("deep")
        os.chdir("deep")


def kill_everyone(inputs):
    """Kill all processes that this process can signal."""
    os.kill(-1, signal.SIGKILL)
    return "alone"


def poison(inputs):
    """Change the state of this process."""
    return deep.poison()


def poisoned(inputs):
    """Return the state that this job sees."""
    return deep.poisoned()


def fine(inputs):
    """Return a result, as a normal function."""
    return "fine"


AT_IMPORT = machine(FACTS) if (FACTS := globals().get("FACTS")) else {}
