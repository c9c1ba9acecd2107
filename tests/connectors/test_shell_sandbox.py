"""Ways out of the sandbox, each tried: with every kind that works here, as root and as nobody.

Each attempt is harmless where it succeeds, too: it repeats a setting, or aims at what is ours.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shell_scene import opened, processes

from m2agent_connectors.shell import confine, seatbelt
from m2agent_connectors.shell.sandbox import Kind, Sandbox, furnish, probe, works

NOBODY = 65_534
KINDS: tuple[Kind, ...] = ("bubblewrap", "namespaces", "landlock")

linux = pytest.mark.skipif(sys.platform != "linux", reason="these sandboxes are Linux's")


@dataclass
class Cage:
    """A folder with secrets, and in it a work folder in which a sandbox holds commands."""

    sandbox: Sandbox
    folder: Path
    user: int | None

    @property
    def work(self) -> Path:
        return self.folder / "state" / "offices" / "work"

    def run(self, script: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a script inside; its words are $1 and so on."""
        program = ["bash", "-c", script, "bash", *map(str, words)]
        own = self.folder / "own"
        return subprocess.run(
            self.sandbox.wrap(program, work=self.work, own=own, cwd=self.work),
            env=self.sandbox.environment(self.work, own),
            cwd=self.work,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def outside(self, *program: str) -> subprocess.Popen[bytes]:
        """A process of the same user outside."""
        return subprocess.Popen(program, user=self.user, group=self.user, start_new_session=True)


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    if kind == "bubblewrap" and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    if kind in ("namespaces", "landlock") and not confine.landlock_abi():
        pytest.skip("this kernel has no Landlock")
    if kind != "none" and not works(Sandbox(kind)):
        pytest.skip(f"{kind} does not work here")
    return kind


@pytest.fixture(params=["as we are", "as nobody"])
def cage(
    kind: Kind, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cage]:
    user = None
    if request.param == "as nobody":
        if os.geteuid() != 0:
            pytest.skip("only root can become nobody")
        user = NOBODY
        monkeypatch.setattr(sys, "executable", python_for(user))
        monkeypatch.setattr(sys, "base_prefix", "/usr")
    folder = Path(tempfile.mkdtemp(prefix="m2agent-cage-", dir="/var/tmp")).resolve()
    try:
        folder.chmod(0o755)
        cage = Cage(Sandbox(kind), folder, user)
        monkeypatch.setenv("HOME", str(folder / "home"))
        monkeypatch.setenv("M2AGENT_HOME", str(folder / "state"))
        (folder / "home" / ".ssh").mkdir(parents=True)
        (folder / "home" / ".ssh" / "id_ed25519").write_text("canary key")
        cage.work.mkdir(parents=True)
        (folder / "state" / "journal.db").write_text("canary journal")
        (folder / "own").mkdir()
        furnish(folder / "own")
        (cage.work / "mine").write_text("mine")
        if user is not None:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, user, user)
        if user is not None and cage.run("true").returncode != 0:
            pytest.skip(f"{kind} does not work here as nobody")
        yield cage
    finally:
        shutil.rmtree(folder)


def python_for(user: int) -> str:
    """A Python that this user may run."""
    for python in (sys.executable, "/usr/bin/python3"):
        tried = [python, "-I", "-S", confine.__file__, "{}", "/bin/true"]
        try:
            if subprocess.run(tried, user=user, group=user, extra_groups=[]).returncode == 0:
                return python
        except OSError:
            continue
    pytest.skip("no Python that nobody may run")


def left(folder: Path) -> dict[str, bytes]:
    """All files outside the work folder and the temporary one."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"work", "own"} & set(path.relative_to(folder).parts)
    }


@linux
def test_inside_the_work_folder_and_tmp_everything_works(cage: Cage) -> None:
    ended = cage.run(
        "cat mine && mkdir -p a/b && echo x > a/b/c && mv a/b/c d && chmod 600 d && rm -r a"
        " && echo t > $TMPDIR/t && cat $TMPDIR/t && ln -s mine e && cp /etc/passwd p"
        " && python3 -c 'print(6 * 7)' && awk 'BEGIN {print 1.5}' && cat <(echo sub)"
        " && (sleep 0.01 & wait) && echo z >/dev/null && head -c4 /dev/urandom | wc -c"
    )
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert ended.stdout == "minet\n42\n1.5\nsub\n4\n"
    assert {p.name for p in cage.work.iterdir()} == {"mine", "d", "e", "p"}


@linux
def test_nothing_outside_can_be_written(cage: Cage) -> None:
    before = left(cage.folder)
    targets = [cage.folder, cage.folder / "home", cage.folder / "state", Path("/etc"), Path("/usr")]
    targets += [Path("/"), Path("/dev"), Path("/proc/sys/kernel"), Path("/var/tmp"), Path("/opt")]
    cage.run(
        'for folder; do echo x > "$folder/m2agent-escape"; mkdir "$folder/m2agent-escape-folder";'
        ' rm -rf "$folder/journal.db" "$folder/.ssh"; echo x >> "$folder/.ssh/id_ed25519";'
        ' mv "$folder/journal.db" .; ln "$folder/journal.db" linked; done; ls ..',
        *targets,
    )
    assert left(cage.folder) == before
    escaped = [path for folder in targets for path in folder.glob("m2agent-escape*")]
    for path in escaped:
        path.rmdir() if path.is_dir() else path.unlink()
    assert escaped == []
    assert not (cage.work / "journal.db").exists() and not (cage.work / "linked").exists()


@linux
def test_what_one_command_leaves_behind_does_not_lead_the_next_one_out(cage: Cage) -> None:
    before = left(cage.folder)
    home = cage.folder / "home"
    cage.run(
        "rm -rf $TMPDIR/* /dev/shm;"
        ' for name in shm tmp m2agent var; do ln -s "$1" $TMPDIR/$name; done',
        home,
    )
    cage.run('cd "$TMPDIR/.."; ln -s "$1" shm; mv tmp tmp2; ln -s "$1" tmp', home)
    cage.run("touch /dev/shm/new $TMPDIR/new /tmp/new /var/tmp/new")
    assert left(cage.folder) == before


@linux
def test_keys_journal_and_other_files_of_the_person_cannot_be_read(cage: Cage) -> None:
    key, journal = cage.folder / "home/.ssh/id_ed25519", cage.folder / "state/journal.db"
    (cage.work / "link").symlink_to(key)
    other = cage.folder / "beside"
    other.write_text("canary beside")
    ended = cage.run(
        'cat "$@" link ../../journal.db /proc/self/root"$1" /proc/self/cwd/../../journal.db;'
        " cat /etc/shadow /etc/gshadow /etc/ssl/private/* /root/.bashrc;"
        " find / -path /usr -prune -o -path /proc -prune -o -name 'id_ed25519' -print",
        key,
        journal,
        other,
    )
    assert "canary" not in ended.stdout + ended.stderr
    assert ended.stdout.strip() == ""


@linux
def test_neither_memory_nor_variables_of_other_programs_can_be_read(
    cage: Cage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M2AGENT_NOTION_TOKEN", "canary variable")
    other = cage.outside("sleep", "60")
    try:
        ended = cage.run(
            'for pid; do cat "/proc/$pid/environ" "/proc/$pid/maps"; ls "/proc/$pid/root/" '
            '"/proc/$pid/cwd/"; head -c1 "/proc/$pid/mem"; done',
            other.pid,
            os.getpid(),
            os.getppid(),
        )
        assert ended.stdout == ""
        assert "canary" not in cage.run("env; cat /proc/*/environ").stdout
    finally:
        other.kill()
        other.wait()


@linux
def test_mounts_cannot_be_changed(cage: Cage) -> None:
    secret = cage.folder / "home/.ssh/id_ed25519"
    attempt = (
        "mkdir -p point; mount --bind mine point; mount -t tmpfs x point; mount -t proc x point;"
        ' mount -o remount,bind,rw /usr && touch /usr/m2agent-escape; cat "$1"'
    )
    if cage.sandbox.kind != "landlock":  # where mounts are its own, it may try to remove them
        attempt += (
            '; mount -o remount,bind,rw / && touch /m2agent-escape; umount -l "$2"; umount -l /tmp;'
            ' umount -l /run; umount -l "${1%/*/*}"; cat "$1"; chroot /proc/1/root cat "$1"'
        )
    nested = f'unshare -Urm bash -c {shlex.quote(attempt)} bash "$@"'
    ended = cage.run(f"{attempt}; {nested}; grep -c point /proc/mounts", secret, cage.work)
    assert ended.stdout.strip() in ("", "0")
    for folder in (Path("/usr"), Path("/")):
        assert not list(folder.glob("m2agent-escape"))


@linux
def test_no_power_of_root_is_left(cage: Cage) -> None:
    sysctl = "f=/proc/sys/kernel/core_pattern; cat $f > $f && echo wrote;"
    ended = cage.run(
        f"{sysctl} unshare -Urmpf --mount-proc bash -c '{sysctl}';"
        " mount -t proc x mine; mknod device c 1 3 && echo made; chown 1234 mine && echo gave;"
        " hostname $(hostname) && echo named;"
        " kill -0 1 && echo; date -s $(date -Ins) >/dev/null && echo set;"
        " su -c true nobody && echo su;"
        " grep ^CapEff /proc/self/status"
    )
    assert ended.stdout.replace("CapEff:\t0000000000000000", "").strip() == ""


@linux
def test_there_is_no_network(cage: Cage) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        tcp.settimeout(0.2)
        udp.settimeout(0.2)
        ended = cage.run(
            "(echo x > /dev/tcp/127.0.0.1/$1) && echo tcp;"
            " (echo x > /dev/udp/127.0.0.1/$2) && echo udp;"
            " getent hosts example.org; (exec 3<>/dev/tcp/1.1.1.1/53) && echo outside",
            tcp.getsockname()[1],
            udp.getsockname()[1],
        )
        with pytest.raises(TimeoutError):
            tcp.accept()
        if cage.sandbox.kind == "landlock":
            assert "UDP" in cage.sandbox.describe()
        else:
            with pytest.raises(TimeoutError):
                udp.recv(1)
    assert ended.stdout.replace("udp\n", "") == ""


CONNECT = """
import socket, sys
for address in ("\\0" + sys.argv[1], *sys.argv[2:]):
    try:
        socket.socket(socket.AF_UNIX).connect(address)
        print("connected to", repr(address))
    except OSError:
        pass
"""


_GET = """
exec 3<>/dev/tcp/127.0.0.1/$1 && cat <&3
cat "$2/home/.ssh/id_ed25519" "$2/state/journal.db"
echo x > "$2/written"
"""


@linux
def test_with_the_network_programs_reach_it_and_nothing_else_more(cage: Cage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        done = replace(cage, sandbox=cage.sandbox.online()).run(_GET, port, cage.folder)
    assert done.stdout == "hello\n", done.stderr
    assert not (cage.folder / "written").exists()


def _greet(server: socket.socket) -> None:
    caller, _ = server.accept()
    with caller:
        caller.sendall(b"hello\n")


@linux
def test_sockets_of_other_programs_cannot_be_reached(cage: Cage) -> None:
    inside = [cage.folder / "socket", cage.folder / "home" / "socket"]
    sockets = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    abstract = f"m2agent-{os.getpid()}"
    for one, address in zip(sockets, [*map(str, inside), f"\0{abstract}"], strict=True):
        one.bind(address)
        one.listen()
    for path in inside:
        path.chmod(0o777)
    tried = 'python3 -c "$@"', CONNECT, abstract, *inside
    ended = cage.run(*tried)
    online = replace(cage, sandbox=cage.sandbox.online()).run(*tried)
    for one in sockets:
        one.close()
    assert ended.stderr == online.stderr == ""
    assert abstract not in ended.stdout
    if confine.landlock_abi() >= 6:
        assert abstract not in online.stdout
    if cage.sandbox.kind == "landlock":
        assert "local sockets" in cage.sandbox.describe()
    else:
        assert ended.stdout == ""


@linux
def test_other_programs_cannot_be_killed(cage: Cage) -> None:
    if cage.sandbox.kind == "landlock" and confine.landlock_abi() < 6:
        pytest.skip("Landlock of this kernel does not hold signals back")
    other = cage.outside("sleep", "60")
    try:
        cage.run('kill -KILL "$1" || kill -KILL -- "-$1"', other.pid)
        assert other.poll() is None
        cage.run('python3 -c "import os, sys; os.kill(int(sys.argv[1]), 9)" "$1"', other.pid)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@linux
@pytest.mark.parametrize("kind", [*KINDS, "none"], indirect=True)
def test_no_process_is_left_behind(cage: Cage) -> None:
    token = f"98{os.getpid()}"
    detach = (
        "import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0);"
        f" os.execvp('sleep', ['sleep', '{token}'])"
    )
    cage.run(
        f'(setsid nohup sleep {token} >/dev/null 2>&1 &); python3 -c "$1" >/dev/null 2>&1 &'
        f" sleep {token} >/dev/null 2>&1 & disown -a; sleep 0.3",
        detach,
    )
    until = time.monotonic() + 3
    while list(processes(token)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(processes(token))


@linux
def test_files_processes_and_other_places_to_write_are_bounded(cage: Cage) -> None:
    ended = cage.run(
        "truncate -s 5G big || echo bounded; ulimit -u; ulimit -c;"
        " for f in / /dev /proc /run /var /usr; do touch $f/x 2>/dev/null && echo $f; done; true"
    )
    assert ended.stdout == "bounded\n4096\n0\n"
    assert not (cage.work / "big").exists() or (cage.work / "big").stat().st_size == 0


@linux
def test_permissions_of_other_files_cannot_be_changed(cage: Cage) -> None:
    key = cage.folder / "home/.ssh/id_ed25519"
    mode = key.stat().st_mode
    cage.run('chmod 777 "$1" "$1/.."; touch "$1"; true', key)
    if cage.sandbox.kind == "landlock":
        assert "permissions" in cage.sandbox.describe()
    else:
        assert key.stat().st_mode == mode


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk to be filled")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@linux
async def test_a_command_that_fills_the_disk_is_ended_before_it_is_full(small_disk: Path) -> None:
    async with opened(small_disk.parent, "disk/work") as scene:
        fill = "for i in {1..100}; do head -c 1M /dev/zero > $i; sleep 0.03; done"
        result = await scene.run(fill)
        assert "the disk was nearly full, so the shell ended" in result.text
        assert shutil.disk_usage(small_disk).free > 8 * 2**20
        assert await scene.output("rm *; ls; echo freed") == "freed\n"


def test_one_sandbox_is_chosen_and_says_what_it_does() -> None:
    sandbox = probe()
    assert sandbox is probe()
    assert sandbox.active == (sandbox.kind != "none")
    for kind in (*KINDS, "seatbelt", "none"):
        assert Sandbox(kind).describe().endswith(".")


def test_what_is_said_of_a_weak_sandbox_names_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install bubblewrap" in Sandbox("landlock").describe()
    assert "every command asks" in Sandbox("none").describe()
    (tmp_path / "bwrap").touch(0o755)
    assert "does not let it work" in Sandbox("landlock").describe()
    assert "install bubblewrap" not in Sandbox("none").describe()


@linux
def test_a_bash_that_no_sandbox_shows_takes_no_sandbox_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if probe.__wrapped__() == Sandbox("none"):
        pytest.skip("no sandbox works here")
    for name in ("bash", "cat", "touch"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = probe.__wrapped__()
    assert found == probe()


def test_a_sandbox_that_holds_nothing_back_is_not_taken_for_one() -> None:
    assert not works(Sandbox("none"))


def test_the_rules_for_macos_name_the_folders_and_deny_the_rest() -> None:
    work = Path('/Users/a "b"/wörk')
    rules = seatbelt.profile([Path("/usr")], [work])
    assert rules.count("(") == rules.count(")")
    assert "(deny default)" in rules and "network" not in rules
    assert '(allow file-write* (subpath "/Users/a \\"b\\"/wörk"))' in rules
