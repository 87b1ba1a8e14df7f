"""Every check and benchmark. ``nox`` runs the checks; ``nox -s bench`` the benchmarks, in one run.

With ``--no-venv`` (as ``bootstrap.py test`` calls it) the sessions use the environment that nox itself is in.
"""

from __future__ import annotations

import os
import re
import secrets
from shutil import which

import nox

nox.options.sessions = ["lint", "types", "layers", "tests", "sdk"]
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2025.2.9"

PROJECT = nox.project.load_toml("pyproject.toml")
DISTRIBUTIONS = (".", "sidecar", "integrations/langchain", "integrations/llamaindex")
SHIPPED = ("axonflow", "sidecar/axonflow_sidecar", "integrations/langchain/langchain_axonflow")
PUBLISHED_CLIENT = "axonflow==9.5.0"
LLAMA_INDEX_LEAF = "llama_index.callbacks.axonflow"
BYTECODE_KEPT = {"PYTHONDONTWRITEBYTECODE": ""}
"""Where it is set, each of the thousand processes that tests start compiles all of AxonFlow anew."""


def install(session: nox.Session, *groups: str, distributions: tuple[str, ...] = DISTRIBUTIONS) -> None:
    """One pip command for all: what a distribution of this checkout needs from it is never sought on an index."""
    if isinstance(session.virtualenv, nox.virtualenv.PassthroughEnv):
        return
    local = [part for place in distributions for part in ("-e", place)]
    session.install(*local, *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and formatting."""
    install(session, "check")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types in everything that is shipped."""
    install(session, "check")
    session.run("mypy", *SHIPPED)
    session.run("mypy", "-p", LLAMA_INDEX_LEAF)


@nox.session
def layers(session: nox.Session) -> None:
    """The layer table of docs/architecture.md."""
    install(session, "check")
    session.run("lint-imports")


def seed_of_tree(session: nox.Session) -> int:
    """What tests draw by: another seed for each state of the project, and for one state the same wherever it is
    checked, so that what passed before it was pushed passes afterwards. Outside of git, any."""
    asked = ("git", "rev-parse", "HEAD^{tree}")
    tree = session.run(*asked, external=True, silent=True, success_codes=range(256)) if which("git") else ""
    found = re.match(r"[0-9a-f]{8}", tree or "")
    return int(found[0], 16) if found else secrets.randbits(32)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with branch coverage of the pure core. Arguments go to pytest, and then coverage is not judged."""
    install(session, "test")
    if session.posargs:
        session.run("pytest", *session.posargs, env=BYTECODE_KEPT)
        return
    seed = seed_of_tree(session)  # printed with the command, so that a failure can be repeated
    # Two processes more than cores, since many tests wait for servers of theirs; each with whole files: what a
    # file starts, such as a server, it starts once. In the order that tests/conftest.py gives them.
    processes = min((os.cpu_count() or 1) + 2, 6)
    spread = ("-n", str(processes), "--dist=loadfile", "--no-loadscope-reorder")
    session.run(
        "pytest",
        "tests",
        *spread,
        "--cov",
        "--cov-report=",
        "--cov-fail-under=0",
        f"--hypothesis-seed={seed}",
        env=BYTECODE_KEPT,
    )
    session.run("coverage", "report")


@nox.session
def sdk(session: nox.Session) -> None:
    """The published client of the wire contract, as a black box against our agent.

    It bears our name on the public index, so it is installed into a folder of its own, which only its process sees.
    """
    install(session, "test")
    folder = session.cache_dir / "published-client"
    if not (folder / "axonflow").is_dir():
        session.run(
            "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-warn-conflicts",
            "--target",
            str(folder),
            PUBLISHED_CLIENT,
        )
    session.run("python", "tests/sdk/run_all.py", str(folder), env=BYTECODE_KEPT)


@nox.session
def faults(session: nox.Session) -> None:
    """Full-size fault rounds. Arguments go to tests/faults/run_all.py."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "tests/faults/run_all.py", *session.posargs)


@nox.session
def database_faults(session: nox.Session) -> None:
    """The database fails in every way while decisions go on. Arguments go to tests/faults/run_database.py."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "tests/faults/run_database.py", *session.posargs)


@nox.session
def audit_faults(session: nox.Session) -> None:
    """A hundred kills under load, and ten minutes without PostgreSQL. Arguments go to tests/faults/audit_history.py."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "tests/faults/audit_history.py", *session.posargs)


@nox.session
def outage(session: nox.Session) -> None:
    """Ten minutes without PostgreSQL at a thousand decisions a second. Arguments: --outage (seconds), --rate."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "tests/faults/audit_history.py", "--rounds", "0", *session.posargs)


@nox.session
def publishing(session: nox.Session) -> None:
    """Policies published to 20 agents under load. Arguments go to tests/faults/publish_everywhere.py."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "tests/faults/publish_everywhere.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hostile input for ten minutes. Arguments go to tests/fuzz/run_all.py: --seconds, --seed, --case, --guided."""
    install(session, "fuzz", distributions=(".",))
    session.run("python", "tests/fuzz/run_all.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Every change of one thing in the shipped policies and the cookbook: do their tests notice it? A minute."""
    install(session, "test", distributions=(".",))
    session.run("python", "-m", "tests.policy_mutants")


@nox.session
def linear(session: nox.Session) -> None:
    """Every pattern against text made to be hard for it: time in proportion to the text. Some minutes."""
    install(session, "bench", distributions=(".",))
    session.run("python", "-m", "tests.benchmarks.linear_detect", *session.posargs)


@nox.session
def attack(session: nox.Session) -> None:
    """Ten thousand steps of tenants against each other. Arguments go to the script: --steps, --seed."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "-m", "tests.attacks.run_tenants", *session.posargs)


@nox.session
def servers(session: nox.Session) -> None:
    """What uses a database, on other servers. Arguments: folders of PostgreSQL's programs, or superusers' addresses."""
    install(session, "test", distributions=(".", "sidecar"))
    session.run("python", "-m", "tests.run_servers", *session.posargs)


@nox.session
def queries(session: nox.Session) -> None:
    """What the API asks of PostgreSQL, with a million rows. Arguments go to the script: --rows, --rounds, --seed."""
    install(session, "bench", distributions=(".", "sidecar"))
    session.run("python", "-m", "tests.benchmarks.bench_queries", *session.posargs)


@nox.session
def trail(session: nox.Session) -> None:
    """Searches of ten million events over ninety days, in PostgreSQL. Arguments: --rows, --rounds, --seed."""
    install(session, "bench", distributions=(".", "sidecar"))
    session.run("python", "-m", "tests.benchmarks.bench_trail", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks against named peers and bare floors, in one run. Figures are ratios and medians."""
    install(session, "bench", distributions=(".", "sidecar"))
    session.run("python", "tests/benchmarks/run_all.py", *session.posargs)


@nox.session
def plans(session: nox.Session) -> None:
    """Ten thousand random plans under a virtual clock, and ten thousand that leave nothing behind. Arguments go to the
    first script: --count, --seed."""
    install(session, "test", distributions=(".",))
    session.run("python", "-m", "tests.simulations.run_plans", *session.posargs)
    session.run("python", "-m", "tests.simulations.plan_leaks")


@nox.session
def plans_bench(session: nox.Session) -> None:
    """What coordinating plans costs, beside bare asyncio and what others would run the same graphs with."""
    install(session, "bench", distributions=(".",))
    if not isinstance(session.virtualenv, nox.virtualenv.PassthroughEnv):
        session.install(
            "langgraph>=1", "agent-framework-core>=1", "haystack-ai>=3", "pydantic-graph>=2", "apache-hamilton>=1.90",
            "dask>=2026",
        )  # fmt: skip
    session.run("python", "-m", "tests.benchmarks.bench_plans", *session.posargs)
