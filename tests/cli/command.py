"""Runs `m2agent` as a process of its own, the way a script does."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def final(self) -> dict[str, Any]:
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """`m2agent` with a home of its own; `folder` is where it is started."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "M2AGENT_HOME": str(self.home), "PYTHONWARNINGS": "error"}

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "m2agent", *arguments]

    def __call__(self, *arguments: str, stdin: str = "", shell: str = "{}") -> Done:
        """Run to the end; `shell` wraps the command line, as in `ulimit -f 10; {}`."""
        argv: Sequence[str] = self.argv(*arguments)
        if shell != "{}":
            import shlex

            argv = ["bash", "-c", shell.format(shlex.join(argv))]
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(),
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(),
        )

    def script(self, *turns: dict[str, Any]) -> str:
        """A `script:` model with these turns."""
        path = self.folder / f"turns-{len(list(self.folder.glob('turns-*')))}.jsonl"
        path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
        return f"script:{path.name}"


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


def connect_services(command: Command, gmail: str, refresh_token: str, notion: str) -> None:
    """Configure the accounts mail and notes, as `m2agent connect` does."""
    token = {"client_id": "m2agent", "client_secret": "s", "refresh_token": refresh_token}
    token["token_uri"] = f"{gmail}/oauth2/token"
    secrets = command.home / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "gmail%2Fmail").write_text(json.dumps(token))
    (secrets / "notion%2Fnotes").write_text("ntn_test")
    work = command.folder / "office" / "work"
    (command.home / "config.toml").write_text(
        f'work = "{work}"\n'
        f'[accounts.mail]\nconnector = "gmail"\nroot_url = "{gmail}"\n'
        f'[accounts.notes]\nconnector = "notion"\nbase_url = "{notion}"\n'
        '[accounts.shell]\nconnector = "shell"\n'
    )
