"""Run a program so that it reaches only named files, and that nothing of it outlives its caller.

    python -m m2agent_connectors.shell.confine '{"read": ["/usr"], "write": ["/work"]}' bash

A helper process of its own, because its restrictions cannot be taken back and must be in place
before the program starts. It uses the standard library only, so that it starts in a few
milliseconds and under any Python. Keys of the JSON object:

    read, write   what Landlock leaves to the program; without them nothing is restricted
    hide, bind    folders that are empty but for what is to be read in them, and folders that are
                  writable, with what they really are; with these keys the program has processes,
                  mounts, and an empty network of its own, too
    network       true to leave it the system's network, and TCP

In namespaces nothing but the named files can be changed at all, not even their permissions, and
no process outside can be seen or signalled. Landlock alone leaves UDP, sockets in the file system
and the permissions of the person's other files within reach.
"""

import contextlib
import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

LINUX = sys.platform == "linux"

# <linux/landlock.h>: rights on files, then those that only folders know.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract UNIX sockets, signals
_RIGHTS_BY_ABI = {1: _REFER - 1, 2: _TRUNCATE - 1, 3: _IOCTL_DEV - 1, 4: _IOCTL_DEV - 1}
_ALL_RIGHTS = (_IOCTL_DEV << 1) - 1
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1

# <sched.h>, <sys/mount.h>, <sys/prctl.h>
_NEWNS, _NEWIPC, _NEWUSER = 0x00020000, 0x08000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_BIND, _REC, _PRIVATE = 4096, 16384, 1 << 18
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_MOUNT_SETATTR, _RECURSIVE, _READONLY = 442, 0x8000, 1
_SET_PDEATHSIG, _CAPBSET_DROP, _SET_SUBREAPER, _SET_NO_NEW_PRIVS = 1, 24, 36, 38
_CAPSET_VERSION = 0x20080522

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_FOR_THE_FOREGROUND = ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGTTOU")
_PROC_FILES = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")


def main(spec: str, *program: str) -> NoReturn:
    """Run the program, and exit as it did once everything it started has ended."""
    wanted: dict[str, Any] = json.loads(spec)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    for name in _FOR_THE_FOREGROUND:
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    if "hide" in wanted:
        _unshare(network=wanted.get("network", False))
    if LINUX:
        _prctl(_SET_SUBREAPER, 1)
        _prctl(_SET_PDEATHSIG, signal.SIGTERM)

    def begin() -> None:
        if "hide" in wanted:  # this is the first process of its namespace now, which none can kill
            _hide(wanted)
            os._exit(_attend(lambda: _become(wanted, program)))
        _become(wanted, program)

    os._exit(_attend(begin))


def _attend(begin: Callable[[], None]) -> int:
    """Have a child `begin`; how it ended, as soon as all that it started is ended too."""
    child = os.fork()
    if child == 0:
        try:
            if LINUX:
                _prctl(_SET_PDEATHSIG, signal.SIGKILL)
            begin()
        except OSError as error:
            print(f"The program cannot be confined: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(125)
    status = 0
    try:
        for pid, ended in iter(os.wait, None):
            if pid == child:
                status = ended
                break
    finally:
        _end_all(child)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _become(wanted: dict[str, Any], program: tuple[str, ...]) -> None:
    """Restrict itself, and turn into the program."""
    _take_terminal()
    if "read" in wanted:
        _landlock(wanted["read"], wanted["write"], network=wanted.get("network", False))
        _drop_capabilities()
    for name in _FOR_THE_FOREGROUND:
        signal.signal(signal.Signals[name], signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python had set to be ignored
    os.chdir(wanted.get("cwd", "."))  # again: the folder may lie under a new mount now
    os.execvp(program[0], program)


def _take_terminal() -> None:
    """Be a process group of its own, in the foreground of the terminal if there is one."""
    os.setpgid(0, 0)
    if os.isatty(0):
        os.tcsetpgrp(0, os.getpgrp())


# Ending everything.


def _end(number: int, frame: object) -> NoReturn:
    _let_nothing_interrupt()  # both signals come together when the caller dies
    raise SystemExit(128 + number)


def _let_nothing_interrupt() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end_all(child: int) -> None:
    """Kill the child, with which its namespaces end, and every other descendant there is."""
    _let_nothing_interrupt()
    while True:
        for pid in {child, *_descendants(os.getpid())}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _linux_parents() if LINUX else _ps_parents():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = [root]
    while todo:
        new = [pid for pid in children.get(todo.pop(), []) if pid not in found]
        found.update(new)
        todo += new
    return found


def _linux_parents() -> Iterable[tuple[int, int]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_bytes()
                yield int(entry.name), int(stat.rpartition(b")")[2].split()[1])


def _ps_parents() -> Iterable[tuple[int, int]]:
    listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)


# Namespaces.


def _unshare(*, network: bool) -> None:
    """Leave the system's processes, mounts and network, with power only over the own ones."""
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NEWUSER | _NEWNS | _NEWPID | _NEWIPC | (0 if network else _NEWNET))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _hide(wanted: dict[str, Any]) -> None:
    """Empty what is to be hidden, and make everything read-only but what is bound.

    Adds to what is to be read if that is possible only here.
    """
    sources = {path: path for path in wanted["read"] if Path(path).is_dir()} | wanted["bind"]
    opened = {path: os.open(source, os.O_PATH) for path, source in sources.items()}
    _mount("none", "/", "", _REC | _PRIVATE)
    for path in wanted["hide"]:
        _mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV)
    for path, fd in opened.items():
        if path in wanted["bind"] or not Path(path).is_dir():
            Path(path).mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{fd}", path, "", _BIND | _REC)
        os.close(fd)
    _set_readonly("/", _RECURSIVE, on=True)
    for path in wanted["bind"]:
        _set_readonly(path, 0, on=False)
    with contextlib.suppress(OSError):  # containers forbid it; the old one stays, and is not named
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
        wanted["read"].append("/proc")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, None)


def _set_readonly(path: str, flags: int, *, on: bool) -> None:
    attributes = struct.pack("QQQQ", _READONLY if on else 0, 0 if on else _READONLY, 0, 0)
    _call("syscall", _MOUNT_SETATTR, -100, os.fsencode(path), flags, attributes, len(attributes))


# Landlock.


def landlock_abi() -> int:
    """The version of Landlock in this kernel; 0 where there is none."""
    try:
        return _call("syscall", _CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def _landlock(read: list[str], write: list[str], *, network: bool) -> None:
    abi = landlock_abi()
    rights = _RIGHTS_BY_ABI.get(abi, _ALL_RIGHTS)
    fields = (rights, _TCP if abi >= 4 and not network else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _call("syscall", _CREATE_RULESET, struct.pack("QQQ", *fields), size, 0)
    reading = _EXECUTE | _READ_FILE | _READ_DIR
    proc = [f"/proc/{name}" for name in _PROC_FILES]
    devices = [f"/dev/{name}" for name in _DEVICES]
    if os.isatty(0):
        devices.append(os.ttyname(0))  # the own terminal, never the person's others
    for paths, allowed in (
        ([*read, *proc], reading),
        (write, rights),
        (devices, _READ_FILE | _WRITE_FILE | _IOCTL_DEV),
    ):
        for path in paths:
            _allow(ruleset, path, allowed & rights)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _call("syscall", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Allow `rights` under `path`; a link is skipped, so that none widens what was named."""
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    if not Path(path).is_symlink():
        if not Path(path).is_dir():
            rights &= _FILE_RIGHTS
        _call("syscall", _ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, fd), 0)
    os.close(fd)


def _drop_capabilities() -> None:
    """Give up every power of root, for good."""
    with contextlib.suppress(OSError):  # EINVAL after the last one, EPERM for who has none
        for capability in range(64):
            _prctl(_CAPBSET_DROP, capability)
    header = struct.pack("Ii", _CAPSET_VERSION, 0)
    _call("capset", header, bytes(24))


# Calls into libc.


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments: int | bytes | None) -> int:
    """Call a function of libc; every number goes as a long. Raises OSError as libc says."""
    libc = ctypes.CDLL(None, use_errno=True)
    function = libc[name]
    function.restype = ctypes.c_long
    result: int = function(
        *(ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    )
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
