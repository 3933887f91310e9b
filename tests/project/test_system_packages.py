"""`tools/system-packages` installs what a fresh machine lacks, and only what it is allowed to."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/system-packages"
BASH = shutil.which("bash") or "/bin/bash"
PROGRAMS = ("chromium", "make", "msgfmt", "nginx", "npm", "redis-server")
COMMAND = "apt-get install --no-install-recommends chromium gettext"


class Machine:
    """A clean environment without some programs, and an `apt-get` that notes what it is asked."""

    def __init__(self, folder: Path, uid: int, lacks: tuple[str, ...]) -> None:
        self.home, self.asked = folder, folder / "asked"
        self.path = folder / "bin"
        self.path.mkdir()
        for name in ("bash", "env", "sed"):
            (self.path / name).symlink_to(shutil.which(name) or "")
        self._program("id", f"echo {uid}")
        self._program("sudo", f'echo sudo >> {self.asked}; exec "$@"')
        self._program("apt-get", f'echo "$@" >> {self.asked}')
        for name in PROGRAMS:
            if name not in lacks:
                self._program(name, "exit 0")

    def _program(self, name: str, does: str) -> None:
        (self.path / name).write_text(f"#!{BASH}\n{does}\n", encoding="utf-8")
        (self.path / name).chmod(0o755)

    def start(self, stdin: int, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BASH, str(SCRIPT)],
            env={"PATH": str(self.path), "HOME": str(self.home)} | environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **environment: str) -> tuple[int, str]:
        """Its status and what it says, when nobody is at the terminal."""
        process = self.start(subprocess.DEVNULL, **environment)
        said, errors = process.communicate(timeout=20)
        return process.returncode, said + errors

    def answer(self, typed: str) -> tuple[int, str]:
        """The same, where somebody is at the terminal and types this."""
        ours, theirs = pty.openpty()
        try:
            process = self.start(theirs)
            os.write(ours, typed.encode())
            said, errors = process.communicate(timeout=20)
        finally:
            os.close(ours)
            os.close(theirs)
        return process.returncode, said + errors

    def installed(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


LACKS = ("chromium", "msgfmt")
UPDATE, INSTALL = "update -qq", "install -y -qq --no-install-recommends chromium gettext"


def test_where_nothing_lacks_nothing_happens(tmp_path):
    machine = Machine(tmp_path, uid=1000, lacks=())
    assert machine.run() == (0, "")
    assert machine.installed() == []


def test_root_gets_what_lacks(tmp_path):
    machine = Machine(tmp_path, uid=0, lacks=LACKS)
    status, _said = machine.run()
    assert status == 0
    assert machine.installed() == [UPDATE, INSTALL]


@pytest.mark.parametrize("ci", ["1", "true"])
def test_continuous_integration_is_not_asked(tmp_path, ci):
    machine = Machine(tmp_path, uid=1000, lacks=LACKS)
    status, _said = machine.run(CI=ci)
    assert status == 0
    assert machine.installed() == ["sudo", UPDATE, "sudo", INSTALL]


def test_somebody_at_the_terminal_is_asked_first(tmp_path):
    machine = Machine(tmp_path, uid=1000, lacks=LACKS)
    status, _said = machine.answer("y\n")
    assert status == 0
    assert machine.installed() == ["sudo", UPDATE, "sudo", INSTALL]


def test_who_says_no_is_told_the_command(tmp_path):
    machine = Machine(tmp_path, uid=1000, lacks=LACKS)
    status, said = machine.answer("n\n")
    assert status == 1
    assert f"sudo {COMMAND}" in said
    assert machine.installed() == []


def test_nobody_at_the_terminal_is_told_the_command(tmp_path):
    machine = Machine(tmp_path, uid=1000, lacks=LACKS)
    status, said = machine.run()
    assert status == 1
    assert f"sudo {COMMAND}" in said
    assert machine.installed() == []


def test_without_apt_get_root_is_told_the_command_too(tmp_path):
    machine = Machine(tmp_path, uid=0, lacks=LACKS)
    (machine.path / "apt-get").unlink()
    status, said = machine.run()
    assert status == 1
    assert f"\n  {COMMAND}" in said
