"""The list of system calls is long enough: libraries and programs that skills use work under the filter of jobs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workers.sandbox.isolation.paths import RUNTIME

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no filter elsewhere")

CONFINED = """
import os, platform, sys
sys.path.insert(0, {runtime!r})
from guest import confine, filters
from guest.syscalls import ARCHITECTURES
architecture = ARCHITECTURES[platform.machine()]
confine.seccomp(filters.startup(architecture))
confine.seccomp(filters.confinement(architecture, [filters.AF_UNIX, filters.AF_INET, filters.AF_INET6]))
confine.seccomp(filters.one_group(architecture))
os.chdir({folder!r})
"""
PYTHON = {
    "numpy": """
        import numpy
        a = numpy.random.default_rng(1).random((300, 300))
        assert numpy.allclose(numpy.linalg.inv(a) @ a, numpy.eye(300))
        numpy.save("a.npy", a)
        assert numpy.load("a.npy", mmap_mode="r").shape == (300, 300)
        assert abs(numpy.fft.ifft(numpy.fft.fft(a)) - a).max() < 1e-9
    """,
    "pandas": """
        import pandas
        frame = pandas.DataFrame({"a": range(1000)})
        frame.to_csv("a.csv")
        assert pandas.read_csv("a.csv")["a"].sum() == 499500
    """,
    "pillow": """
        from PIL import Image, ImageFilter
        for kind in ("png", "jpeg", "webp", "gif"):
            Image.new("RGB", (200, 200), "red").filter(ImageFilter.BLUR).resize((50, 50)).save(f"a.{kind}")
            assert Image.open(f"a.{kind}").convert("RGB").size == (50, 50)
    """,
    "threads and processes": """
        import asyncio, concurrent.futures, multiprocessing, signal, subprocess, threading, time
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda x: x, range(100))) == 4950
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                assert pool.map(abs, [-1, -2]) == [1, 2], method
        async def main():
            process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
            assert (await process.communicate(b"x"))[0] == b"x"
            server = await asyncio.start_unix_server(lambda r, w: w.close(), "socket")
            reader, _ = await asyncio.open_unix_connection("socket")
            assert await reader.read() == b""
            server.close()
        asyncio.run(main())
        assert subprocess.run("exec sleep 30", shell=True, preexec_fn=lambda: signal.alarm(1)).returncode != 0
        threading.Timer(0.01, lambda: None).start()
    """,
    "files": """
        import fcntl, glob, mmap, os, shutil, socket, sqlite3, tarfile, tempfile, zipfile
        os.makedirs("tree/a/b")
        open("tree/a/b/c", "w").write("x")
        os.symlink("c", "tree/a/b/link"); os.link("tree/a/b/c", "tree/a/b/hard"); os.mkfifo("tree/pipe")
        os.utime("tree/a/b/c", (1, 1)); os.chmod("tree/a/b/c", 0o600); os.truncate("tree/a/b/c", 100)
        shutil.copytree("tree/a", "copy", symlinks=True); os.rename("copy", "moved"); os.replace("moved", "copy")
        assert glob.glob("copy/**/c", recursive=True)
        with tarfile.open("a.tgz", "w:gz") as tar: tar.add("copy")
        with zipfile.ZipFile("a.zip", "w") as packed: packed.write("copy/b/c")
        base = sqlite3.connect("a.db"); base.execute("pragma journal_mode=wal")
        base.execute("create table t (x)"); base.execute("insert into t values (1)"); base.commit(); base.close()
        with open("locked", "w") as file: fcntl.flock(file, fcntl.LOCK_EX); os.fsync(file.fileno())
        with tempfile.NamedTemporaryFile() as file: file.write(b"x" * 4096); file.flush(); mmap.mmap(file.fileno(), 0)
        os.posix_fallocate(os.open("reserved", os.O_RDWR | os.O_CREAT), 0, 8192)
        assert os.path.getsize("reserved") == 8192
        assert os.statvfs(".").f_bavail and os.getrandom(8) and os.cpu_count() and os.getloadavg()
        one, other = socket.socketpair(); one.sendall(b"x"); assert other.recv(1) == b"x"
        shutil.rmtree("tree"); shutil.rmtree("copy")
    """,
    "network": """
        import socket, ssl, threading
        ssl.create_default_context()
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True).start()
        client = socket.create_connection(server.getsockname())
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert client.recv(5) == b"hello"
        assert socket.getaddrinfo("127.0.0.1", 80) and socket.gethostbyname("localhost") == "127.0.0.1"
    """,
    "ffmpeg": """
        import imageio_ffmpeg, subprocess
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
        subprocess.run([*ffmpeg, "-f", "lavfi", "-i", "testsrc=d=1:s=160x120", "-f", "lavfi", "-i", "sine=d=1",
                        "-c:v", "libx264", "-c:a", "aac", "a.mp4"], check=True)
        subprocess.run([*ffmpeg, "-i", "a.mp4", "-vf", "scale=80:60", "b.gif"], check=True)
        assert open("b.gif", "rb").read(3) == b"GIF"
    """,
}
SHELL = {
    "coreutils": """
        set -e
        mkdir -p a/b; seq 1000 | sort -R | sort -n | tail -n 5 > a/b/c; cp -a a d; mv d e; ln -s c e/b/link
        ls -laR . > listing; find . -type f ! -name sums -print0 | xargs -0 sha256sum > sums; sha256sum -c sums --quiet
        tar czf all.tgz a e; mkdir out; tar xzf all.tgz -C out; diff -r a out/a; gzip -k listing
        zcat listing.gz | wc -l
        du -sh .; df . > /dev/null; stat a; touch -d 2020-01-01 a/b/c; chmod 600 a/b/c; mktemp -p .; date; id; nproc
        sed -i s/9/X/ a/b/c; awk '{s+=$1} END {print s}' a/b/c; tee copy < a/b/c; cat copy | head -n 1; dd if=copy of=dd
        timeout 5 sleep 0.1; (sleep 0.1 & wait); for i in 1 2 3; do echo $i; done | while read x; do echo "$x"; done
        diff <(seq 3) <(seq 3); echo text > /dev/null; kill -0 $$; nice -n 1 true; rm -rf a e out; env > /dev/null
    """,
    "git": """
        set -e
        export GIT_CONFIG_GLOBAL=/dev/null HOME=$PWD
        git init -q -b main one; cd one; git config user.email a@example.org; git config user.name a
        for i in 1 2 3; do echo $i > file$i; git add .; git commit -q -m $i; done
        git gc -q; git status; git log --oneline | cat; git checkout -q -b next HEAD~1; git stash list; cd ..
        git clone -q one two; git -C two log -1 --format=%s
        git -C one archive main | tar t; git -C one diff main next | cat; git -C one worktree add -q ../three main
    """,
}


@pytest.mark.parametrize("name", PYTHON)
def test_library_works_under_the_filter(name: str, tmp_path: Path) -> None:
    lines = PYTHON[name].splitlines()
    body = "\n".join(line[8:] for line in lines)
    start = CONFINED.format(runtime=str(RUNTIME.parent), folder=str(tmp_path))
    file = tmp_path / "program.py"
    guarded = "\n".join(f"    {line}" for line in [*start.splitlines(), *body.splitlines()])
    file.write_text(f"if __name__ == '__main__':\n{guarded}\n    print('ok')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("ok\n")


@pytest.mark.parametrize("name", SHELL)
def test_shell_programs_work_under_the_filter(name: str, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None or (name == "git" and shutil.which("git") is None):
        pytest.skip(f"{name} is not installed")
    start = CONFINED.format(runtime=str(RUNTIME.parent), folder=str(tmp_path))
    command = json.dumps([bash, "-c", SHELL[name]])
    done = subprocess.run(
        [sys.executable, "-c", f"{start}\nimport json\nos.execv({bash!r}, json.loads({command!r}))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.stdout[-1000:], done.stderr[-3000:])
    assert "not implemented" not in done.stderr.lower(), done.stderr
