"""What `axonflow demo` does: it uses the command line and the HTTP door as anybody would."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from axonflow import AxonFlowError
from axonflow.samples import traffic_file

__all__ = ["Summary", "show"]

PLANS: Final = "axonflow.samples.ten_agents:plans"
START_TIMEOUT_S: Final = 120
STOP_TIMEOUT_S: Final = 60
DRAIN_TIMEOUT_S: Final = 20


class Replay(Struct, frozen=True):
    """One replay of the sample. Latencies in microseconds, of one request at a time."""

    decided: int
    matched: int
    p50_us: float
    p95_us: float
    effects: dict[str, int]
    protocol: str | None


class Summary(Struct, frozen=True, kw_only=True):
    """What came of it all."""

    in_process: Replay
    over_http: Replay
    plan_status: str
    plan_agents: int
    plan_ms: float
    audit_chains: int
    audit_records: int
    audit_answered: int
    audit_waiting: int
    audit_broken: int
    stopped_in_order: bool

    @property
    def passed(self) -> bool:
        """Whether everything was as it has to be."""
        return (
            all(one.decided == one.matched for one in (self.in_process, self.over_http))
            and self.in_process.effects == self.over_http.effects
            and self.over_http.protocol == "HTTP/2"
            and self.plan_status == "completed"
            and self.audit_records >= self.audit_answered
            and not self.audit_waiting
            and not self.audit_broken
            and self.stopped_in_order
        )

    def to_json(self) -> bytes:
        """This summary as UTF-8 JSON."""
        return msgspec.json.encode({**msgspec.to_builtins(self), "passed": self.passed})

    def text(self) -> str:
        """This summary for people."""
        here, there = self.in_process, self.over_http
        rows = [
            ("in process", f"{here.matched} of {here.decided} verdicts as labelled",
             f"p50 {here.p50_us:,.0f} us, p95 {here.p95_us:,.0f} us"),
            (f"{there.protocol} + TLS 1.3", f"{there.matched} of {there.decided} verdicts as labelled",
             f"p50 {there.p50_us:,.0f} us, p95 {there.p95_us:,.0f} us, each recorded before its answer"),
            ("plan", f"{self.plan_agents} agents, {self.plan_status}", f"{self.plan_ms:,.0f} ms"),
            ("audit", f"{self.audit_records} records in PostgreSQL of {self.audit_answered} answers or more",
             f"{self.audit_chains} chains, {self.audit_broken} broken, {self.audit_waiting} records left behind"),
        ]  # fmt: skip
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"  {name:{widths[0]}}  {what:{widths[1]}}  {figures}" for name, what, figures in rows]
        verdict = "Everything is as it should be." if self.passed else "NOT everything is as it should be."
        return "\n".join(["", *lines, "", verdict])


def show(data: Path, said: Callable[[str], None]) -> Summary:
    """Run everything in the folder `data`. Raises AxonFlowError when something cannot be started or reached."""
    said("starting PostgreSQL, the agent and the orchestrator on free ports")
    with _up(data) as (endpoints, stopped):
        reach = ["--key-file", endpoints["key_file"], "--ca-file", endpoints["authority_file"]]
        said("replaying the sample in process")
        here = _replay("--policies", "@baseline")
        said(f"replaying it through {endpoints['agent_tls']}")
        there = _replay("--via", "http", endpoints["agent_tls"], *reach)
        said("running a plan of ten agents")
        plan, plan_ms = _plan(endpoints)
        steps = plan["data"]["step_results"]
        said("verifying the audit trail in PostgreSQL")
        # A decision each; the plan's start, two questions a step. What steps gave is judged too, but for some.
        answered = there.decided + 1 + 2 * len(steps)
        audit = _verified(data, answered)
    return Summary(
        in_process=here, over_http=there, plan_status=plan["data"]["status"],
        plan_agents=len(steps), plan_ms=plan_ms, audit_chains=audit["chains"], audit_records=audit["records"],
        audit_answered=answered, audit_waiting=_waiting(data), audit_broken=len(audit["broken"]),
        stopped_in_order=stopped() == 0,
    )  # fmt: skip


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "axonflow.cli", *arguments]


@contextmanager
def _up(data: Path) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    """A running `axonflow up`, and how to learn its exit code after the block."""
    ports = [part for option in ("--port", "--tls-port", "--orchestrator-port") for part in (option, "0")]
    process = subprocess.Popen(
        _command("up", "--json", "--data", str(data), "--policies", "@baseline", "--plans", PLANS, *ports,
                 "--log-level", "WARNING"),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AxonFlowError("`axonflow up` did not start", found=f"exit code {process.wait()}", hint="See above.")
        yield msgspec.json.decode(line), lambda: process.returncode
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _run(*arguments: str, accept: tuple[int, ...] = (0, 1)) -> Any:
    done = subprocess.run(_command(*arguments), stdout=subprocess.PIPE, check=False, timeout=START_TIMEOUT_S)
    if done.returncode not in accept:
        raise AxonFlowError(
            f"`axonflow {arguments[0]}` failed", found=f"exit code {done.returncode}", hint="See above."
        )
    return msgspec.json.decode(done.stdout)


def _replay(*options: str) -> Replay:
    report = _run("replay", str(traffic_file()), "--expect", "--json", *options)
    latency = report["latency_us"]
    return Replay(
        report["decided"], report["expect"]["matched"], latency["p50"], latency["p95"], report["effects"],
        report["protocol"],
    )  # fmt: skip


def _plan(endpoints: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Answer and time of a plan that was made and run through the agent."""
    import ssl

    key = Path(endpoints["key_file"]).read_text("ascii").strip()
    trust = ssl.create_default_context(cafile=endpoints["authority_file"])
    with httpx.Client(
        base_url=endpoints["agent_tls"], verify=trust, http2=True, trust_env=False, timeout=60,
        headers={"authorization": f"Bearer {key}"},
    ) as client:  # fmt: skip
        query = {"query": "four days in Lisbon", "user_token": "", "request_type": "multi-agent-plan"}
        made = client.post("/api/request", json={**query, "context": {"domain": "travel"}}).json()
        started_s = monotonic()
        execute = {"query": "", "user_token": "", "request_type": "execute-plan"}
        answer = client.post("/api/request", json={**execute, "context": {"plan_id": made.get("plan_id")}}).json()
        took_ms = (monotonic() - started_s) * 1000
    if "data" not in answer:
        raise AxonFlowError("the plan did not run", found=str(answer.get("error") or answer.get("detail"))[:300])
    return answer, took_ms


def _waiting(data: Path) -> int:
    """How many records are on disk only, once all has stopped."""
    spools = _run("audit", "spool", "--data", str(data), "--json")["spools"]
    return sum(one["records"] + one["quarantined"] for one in spools)


def _verified(data: Path, expected: int) -> Any:
    """The report on all chains, once `expected` records are in the database, or time is up."""
    until_s = monotonic() + DRAIN_TIMEOUT_S
    while True:
        report = _run("audit", "verify", "--data", str(data), "--json")
        if report["records"] >= expected or monotonic() > until_s:
            return report
        sleep(0.2)
