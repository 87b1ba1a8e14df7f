"""Everything that uses a database, on other servers than the embedded one: ``nox -s servers -- PLACE...``.

A place is a folder with bin/postgres and bin/initdb, of which servers are made (over TCP, with TLS and scram-sha-256),
or a superuser's address of a server that runs: what stops servers is skipped there, and counted. What is about the
embedded server itself is left out.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests.installed_postgres import InstalledPostgres
from tests.postgres import execute, temporary_data_folder

SUITE = (
    "tests/unit/adapters/postgres", "tests/unit/cli", "tests/ports", "tests/attacks", "tests/sidecar",
    "tests/e2e/test_policy_sync.py", "tests/e2e/test_rest_policies.py", "tests/e2e/test_up.py",
    "tests/e2e/test_up_database.py", "tests/e2e/test_up_policies.py", "tests/e2e/test_up_tenants.py",
    "tests/e2e/test_docs.py",
)  # fmt: skip
OUTCOMES = {"failure", "error", "skipped"}
ABOUT = (
    "SELECT current_setting('server_version') AS version, inet_server_addr() IS NOT NULL AS is_tcp,"
    " (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls"
)


@contextlib.contextmanager
def served(place):
    """The environment in which tests find the server of `place`."""
    if not Path(place, "bin", "postgres").is_file():
        yield {"AXONFLOW_TEST_DATABASE_URL": place}
        return
    with temporary_data_folder() as folder:
        server = InstalledPostgres(folder, place)
        try:
            yield {"AXONFLOW_TEST_DATABASE_URL": server.start(), "AXONFLOW_TEST_POSTGRES": place}
        finally:
            server.stop()


def tested(environment, suite):
    """Run `suite`; the exit code of pytest, and how many of each outcome there were."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "not embedded", f"--junit-xml={report}"]
        code = subprocess.run([*argv, *suite], env=os.environ | environment, check=False).returncode
        cases = list(ET.parse(report).iter("testcase"))
    outcomes = Counter(next((part.tag for part in case if part.tag in OUTCOMES), "passed") for case in cases)
    return code, outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="+", metavar="PLACE")
    parser.add_argument("--suite", nargs="+", default=SUITE)
    options = parser.parse_args()
    worst, lines = 0, []
    for place in options.places:
        with served(place) as environment:
            about = execute(environment["AXONFLOW_TEST_DATABASE_URL"], ABOUT)[0]
            code, outcomes = tested(environment, options.suite)
        worst = max(worst, code)
        reach = f"{'TCP' if about['is_tcp'] else 'socket'}, {about['tls'] or 'no TLS'}"
        lines.append(
            f"PostgreSQL {about['version']} ({reach}): " + ", ".join(f"{n} {of}" for of, n in outcomes.items())
        )
    print("\n".join(lines))
    return worst


if __name__ == "__main__":
    sys.exit(main())
