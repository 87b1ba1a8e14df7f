#!/usr/bin/env python3
"""Set up and run, on a machine that has only Python (3.11 to 3.13) and pip.

    python3 bootstrap.py demo     install AxonFlow into .venv, start everything, show what it does, and stop it
    python3 bootstrap.py test     install everything into .venv-test and run every check
    python3 bootstrap.py setup    install everything into .venv-test and stop there

Each makes its own virtual environment next to this file and installs the distributions of this checkout in one pip
command, so that none of them is ever looked for on a package index. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DISTRIBUTIONS = (".", "sidecar", "integrations/langchain", "integrations/llamaindex")


def fail(message: str) -> None:
    print(f"bootstrap: {message}", file=sys.stderr)
    raise SystemExit(2)


def run(*command: str | Path, env: dict[str, str] | None = None) -> int:
    print("$", *command, file=sys.stderr, flush=True)
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False, env=env).returncode


def must(*command: str | Path) -> None:
    status = run(*command)
    if status:
        fail(f"the command above failed with exit code {status}")


def in_environment(folder: Path, name: str) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin") / name


def make_environment(folder: Path) -> list[str | Path]:
    """A virtual environment in `folder`; returns the pip command for it.

    Some systems split venv from ensurepip. There an environment without pip still works, filled by the pip outside.
    """
    python = in_environment(folder, "python")
    if not python.exists():
        if run(sys.executable, "-m", "venv", folder) == 0:
            return [python, "-m", "pip"]
        must(sys.executable, "-m", "venv", "--clear", "--without-pip", folder)
    if subprocess.run([python, "-c", "import pip"], check=False, capture_output=True).returncode == 0:
        return [python, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", python]


def group(name: str) -> list[str]:
    """The requirements of a dependency group, for pips that do not know groups yet (before 25.1)."""
    import tomllib

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]

    def expand(entries: list[str | dict[str, str]]) -> list[str]:
        out: list[str] = []
        for entry in entries:
            out += expand(groups[entry["include-group"]]) if isinstance(entry, dict) else [entry]
        return out

    return expand(groups[name])


def install(folder: Path, distributions: tuple[str, ...], requirements: list[str]) -> None:
    pip = make_environment(folder)
    local = [part for place in distributions for part in ("-e", str(ROOT / place))]
    must(*pip, "install", "--quiet", "--disable-pip-version-check", *local, *requirements)


def demo() -> int:
    folder = ROOT / ".venv"
    install(folder, (".", "sidecar"), [])
    return run(in_environment(folder, "axonflow"), "demo")


def setup() -> Path:
    folder = ROOT / ".venv-test"
    install(folder, DISTRIBUTIONS, group("dev"))
    return folder


def test() -> int:
    folder = setup()
    environment = dict(os.environ, PATH=f"{in_environment(folder, '')}{os.pathsep}{os.environ.get('PATH', '')}")
    return run(in_environment(folder, "python"), "-m", "nox", "--no-venv", env=environment)


def main() -> int:
    if sys.version_info[:2] < (3, 11):  # noqa: UP036  this file is what an older Python meets first
        fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("demo", "test", "setup"))
    what = parser.parse_args().what
    if what == "setup":
        setup()
        return 0
    return demo() if what == "demo" else test()


if __name__ == "__main__":
    raise SystemExit(main())
