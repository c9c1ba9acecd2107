"""Where commands run: what they see, what they may change, and what keeps them there.

Commands see the system's programs and the work folder, and change only the work folder and a
temporary folder of their own. Everything is hidden unless it is named here, so the home folder,
its keys, m2agent's own journal and credentials, and the sockets of other programs are not there.
There is no network, unless a command is allowed to have it: then it reaches the internet, and also
what listens on this machine. How that is enforced is found out once, by trying:

bubblewrap    the whole of the above, on Linux, where bwrap is installed and may work
namespaces    the same by `confine`, where the system lets users make namespaces
landlock      files and TCP only: UDP, sockets in the file system, and the permissions of the
              person's other files stay within reach
seatbelt      macOS, by sandbox-exec; a process that detaches itself may outlive the shell there
none          nothing holds commands back, so that none of them counts as only reading

What no sandbox here bounds: processor time, and memory up to the point where the system ends
something, which is then a command and not another program. A file can grow to 4 GB. What is
written into the work folder is there for other programs to run later.
"""

import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from m2agent.errors import SetupError
from m2agent.home import home
from m2agent_connectors.shell import confine, seatbelt

Kind = Literal["bubblewrap", "namespaces", "landlock", "seatbelt", "none"]

_SYSTEM = """
/usr /bin /sbin /lib /lib32 /lib64 /libx32 /etc /opt /nix/store /gnu/store
/System /Library /private/etc /private/var/select /private/var/db/timezone
"""

_SCOPED = 6  # the version of Landlock that keeps programs from sockets without a file

_BOUNDS = 'ulimit -c 0 -f 4194304; ulimit -u 4096 2>/dev/null; exec "$@"'

_KEEPS = "which keeps them to the work folder, away from your home folder, keys and the network."
_WORDS: dict[Kind, str] = {
    "bubblewrap": f"Commands run inside bubblewrap, {_KEEPS}",
    "namespaces": f"Commands run inside namespaces and Landlock, {_KEEPS}",
    "landlock": "Commands run under Landlock, which keeps them to files in the work folder, but"
    " leaves UDP, local sockets and the permissions of your files open",
    "seatbelt": f"Commands run inside sandbox-exec, {_KEEPS}",
    "none": "There is no sandbox here, so every command asks first",
}
_INSTALL = "on Linux, install bubblewrap."
_ALLOW = (
    "bubblewrap is installed, but this system does not let it work. On Ubuntu, AppArmor's profile"
    " bwrap-userns-restrict allows it."
)


@dataclass(frozen=True)
class Sandbox:
    """A way of holding programs in, that was found to work; `network` lets them out on the net."""

    kind: Kind
    network: bool = False

    @property
    def active(self) -> bool:
        return self.kind != "none"

    def online(self) -> "Sandbox":
        """The same with the network: by namespaces where they work, since Landlock in there also
        keeps programs from the sockets without a file that a shared network has."""
        better = self.kind == "bubblewrap" and confine.landlock_abi() >= _SCOPED
        kind = "namespaces" if better and works(Sandbox("namespaces")) else self.kind
        return Sandbox(kind, network=True)

    def describe(self) -> str:
        """What it does and does not do, in a sentence for a person."""
        if self.kind not in ("landlock", "none"):
            return _WORDS[self.kind]
        return f"{_WORDS[self.kind]}: {_ALLOW if shutil.which('bwrap') else _INSTALL}"

    def tmp(self, work: Path, own: Path) -> Path:
        """The name that the temporary folder has for a program inside.

        No folder that programs can change lies on the way to another one: they could lead us astray
        the next time.
        """
        if self.kind in ("bubblewrap", "namespaces"):
            return Path("/var/tmp" if work.is_relative_to("/tmp") else "/tmp")
        return own / "tmp"

    def environment(self, work: Path, own: Path) -> dict[str, str]:
        """All variables of a program inside; none of them is a secret."""
        utf8 = "C.UTF-8" if confine.LINUX else "en_US.UTF-8"
        paths = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
        if not confine.LINUX:
            paths.insert(0, "/opt/homebrew/bin")
        return {
            "PATH": os.pathsep.join([*paths, f"{sys.base_prefix}/bin"]),
            "HOME": str(work),
            "TMPDIR": str(self.tmp(work, own)),
            "LANG": utf8,
            "LC_ALL": utf8,
            "TERM": "dumb",
            "SHELL": _bash(),
            "PAGER": "cat",
            "GIT_PAGER": "cat",
            "GIT_TERMINAL_PROMPT": "0",
            "LESS": "-FX",
            "CI": "true",
            "DEBIAN_FRONTEND": "noninteractive",
            **({"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}),
        }

    def wrap(self, program: Sequence[str], *, work: Path, own: Path, cwd: Path) -> list[str]:
        """The command line that runs `program` inside, with everything it starts ended after it.

        `work` and `own` are absolute and free of links, and `cwd` is inside `work`; `own` is for
        the temporary files of programs alone, made by `furnish`.
        """
        bounded = [_bash(), "-c", _BOUNDS, "bash", *program]
        tmp = self.tmp(work, own)
        if self.kind == "bubblewrap":
            return [*_bubblewrap(work, own, tmp, cwd, self.network), *bounded]
        wanted: dict[str, object] = {"cwd": str(cwd), "network": self.network}
        if self.kind in ("namespaces", "landlock"):
            shown = [*_visible(), *(_names_servers() if self.network else [])]
            wanted["read"] = [str(path) for path in shown if not path.is_symlink()]
            wanted["write"] = [str(work), str(tmp)]
        if self.kind == "namespaces":
            wanted["hide"] = [str(path) for path in _unneeded()]
            wanted["bind"] = {str(work): str(work), str(tmp): str(own / "tmp")}
        if self.kind == "seatbelt":
            profile = seatbelt.profile(_visible(), [work, tmp], network=self.network)
            bounded = ["/usr/bin/sandbox-exec", "-p", profile, *bounded]
        python = [sys.executable, "-I", "-S", confine.__file__]
        return [*python, json.dumps(wanted), *bounded]


def furnish(own: Path) -> None:
    """Make the folders that programs have as their temporary ones."""
    for name in ("tmp", "shm"):
        (own / name).mkdir()


@functools.cache
def probe() -> Sandbox:
    """The strongest sandbox that works here, found by running a command in it. Takes 0.1 s."""
    for kind in _candidates():
        if works(Sandbox(kind)):
            return Sandbox(kind)
    return Sandbox("none")


def _candidates() -> Iterator[Kind]:
    if confine.LINUX:
        if shutil.which("bwrap"):
            yield "bubblewrap"
        if confine.landlock_abi():
            yield from ("namespaces", "landlock")
    elif Path("/usr/bin/sandbox-exec").exists():
        yield "seatbelt"


def check_work_folder(work: Path) -> None:
    """Raises SetupError where the work folder holds what commands must not see."""
    names = ("your home folder", "m2agent's own state")
    for what, hidden in zip(names, _personal(), strict=True):
        if hidden.is_relative_to(work):
            raise SetupError(
                f"The work folder {work} contains {what}, which commands must not see.",
                fix="Choose a folder inside it, in the configuration: work = "
                f'"{Path.home() / "Documents"}"',
            )


def works(sandbox: Sandbox) -> bool:
    """Whether a command inside writes where it may, and sees nothing of what it may not."""
    with tempfile.TemporaryDirectory(prefix="m2agent-") as folder:
        secret, work, own = (Path(folder).resolve() / name for name in ("secret", "work", "own"))
        secret.write_text("secret")
        work.mkdir()
        own.mkdir()
        furnish(own)
        attempt = ["bash", "-c", 'cat "$1"; touch "$1.new" proof', "bash", str(secret)]
        try:
            ended = subprocess.run(
                sandbox.wrap(attempt, work=work, own=own, cwd=work),
                env=sandbox.environment(work, own),
                cwd=work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=10,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        leaked = ended.stdout or secret.with_suffix(".new").exists()
        return (work / "proof").exists() and not leaked


def _bash() -> str:
    """The system's bash: another one may lie where no sandbox shows it, such as at home."""
    bash = shutil.which("bash", path="/usr/bin:/bin") or shutil.which("bash")
    if bash is None:
        raise SetupError("There is no bash here.", fix="Install it: sudo apt install bash")
    return bash


def _bubblewrap(work: Path, own: Path, tmp: Path, cwd: Path, network: bool) -> list[str]:
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    arguments += ["--share-net"] if network else []
    arguments += ["--proc", "/proc", "--remount-ro", "/proc"]  # root could set the kernel
    arguments += ["--dev", "/dev", "--bind", f"{own}/shm", "/dev/shm", "--remount-ro", "/dev"]
    for path in [*_visible(), *(_names_servers() if network else [])]:
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        else:
            arguments += ["--ro-bind-try", str(path), str(path)]
    arguments += ["--bind", f"{own}/tmp", str(tmp), "--bind", str(work), str(work)]
    return [*arguments, "--remount-ro", "/", "--chdir", str(cwd), "--"]


def _visible() -> list[Path]:
    """The system's files, and the Python that runs m2agent, without what must stay hidden."""
    hidden = set(_personal())
    if os.geteuid() == 0:  # root would see what only root may see
        hidden.update(_private(Path("/etc")))
    shown = [part for root in _SYSTEM.split() for part in _parts(Path(root), hidden)]
    python = Path(sys.base_prefix).resolve()
    if not any(python.is_relative_to(path) for path in shown):
        shown += [python] if not any(path.is_relative_to(python) for path in hidden) else []
    return shown


def _names_servers() -> list[Path]:
    """Where it stands which servers know the names of hosts, if that is not in /etc."""
    folder = Path("/etc/resolv.conf").resolve().parent
    return [folder] if folder.is_relative_to("/run") and folder != Path("/run") else []


def _personal() -> list[Path]:
    return [Path.home().resolve(), home().resolve()]


def _unneeded() -> Iterator[Path]:
    """The folders of the root folder in which there is nothing of the system's."""
    needed = [Path(path) for path in [*_SYSTEM.split(), "/proc", "/sys", "/dev"]]
    for folder in Path("/").iterdir():
        own = folder.is_dir() and not folder.is_symlink()
        if own and not any(path.is_relative_to(folder) for path in needed):
            yield folder


def _parts(path: Path, hidden: set[Path]) -> Iterator[Path]:
    """The largest parts of `path` that hold nothing hidden."""
    if path.is_symlink():
        yield path
    elif path in hidden or not path.exists():
        return
    elif any(other.is_relative_to(path) for other in hidden):
        for child in sorted(path.iterdir()):
            yield from _parts(child, hidden)
    else:
        yield path


def _private(folder: Path) -> Iterator[Path]:
    """What in a folder is not for everybody to read."""
    for child in folder.iterdir():
        if child.is_symlink():
            continue
        mode = child.lstat().st_mode
        if not mode & stat.S_IROTH:
            yield child
        elif stat.S_ISDIR(mode):
            yield from _private(child)
