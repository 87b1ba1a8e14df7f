"""`axonflow up`."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.errors import ConfigurationError

if TYPE_CHECKING:  # `axonflow --help` lists this command, and should wait for none of these
    from axonflow_sidecar.hosting.settings import UpSettings
    from axonflow_sidecar.hosting.supervisor import Endpoints

__all__ = ["command"]

BASELINE = "@baseline"
_EXAMPLE = '{"principal": "user:ann", "action": "tool.call", "resource": "tool:search", "context": {"env": "dev"}}'
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("up")
@click.option(
    "--policies",
    metavar="PLACE",
    help="A folder or file of policies, or @baseline. Default: ./policies if it is there, else @baseline.",
)
@click.option(
    "--policy-source",
    default="both",
    show_default=True,
    type=click.Choice(["both", "files", "database"]),
    help="Where policies are taken from: those of --policies, those that were published, or both together.",
)
@click.option(
    "--trust",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="A public key (PEM) whose policy bundles may be loaded; again for each further one.",
)
@click.option(
    "--redaction-key",
    "redaction_key_file",
    metavar="FILE",
    envvar="AXONFLOW_REDACTION_KEY_FILE",
    show_envvar=True,
    type=_FILE,
    help="The key of pseudonyms, hashes and tokens: a file of 64 hexadecimal digits.",
)
@click.option(
    "--audit-content",
    default="digest",
    show_default=True,
    envvar="AXONFLOW_AUDIT_CONTENT",
    show_envvar=True,
    type=click.Choice(["digest", "redacted", "none"]),
    help="What is recorded of contents: a digest under --redaction-key, the text with all findings masked, or nothing.",
)
@click.option(
    "--audit-mode",
    default="durable",
    show_default=True,
    envvar="AXONFLOW_AUDIT_MODE",
    show_envvar=True,
    type=click.Choice(["durable", "async"]),
    help="Events are on the disk before the answer, or within 20 ms; for tenants without a mode of their own.",
)
@click.option(
    "--audit-when-full",
    default="refuse",
    show_default=True,
    type=click.Choice(["refuse", "shed"]),
    help="When the database is away and a spool is full: refuse, or let the oldest async records go.",
)
@click.option(
    "--audit-spool-mib",
    metavar="NUMBER",
    default=1024,
    show_default=True,
    envvar="AXONFLOW_AUDIT_SPOOL_MIB",
    show_envvar=True,
    type=click.IntRange(1, 1 << 20),
    help="How much of the disk the agent, and the orchestrator, may take for what is not in the database yet.",
)
@click.option(
    "--audit-persons",
    default="plain",
    show_default=True,
    envvar="AXONFLOW_AUDIT_PERSONS",
    show_envvar=True,
    type=click.Choice(["plain", "sealed"]),
    help="What tells of persons is recorded as it is or sealed under their keys, which `axonflow audit erase` ends.",
)
@click.option(
    "--persons-key",
    "persons_key_file",
    metavar="FILE",
    envvar="AXONFLOW_AUDIT_PERSONS_KEY_FILE",
    show_envvar=True,
    type=_FILE,
    help="What those keys are wrapped under, the same for all who share a database. Default: one in --data.",
)
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept. Default: AXONFLOW_DATA; for root /var/lib/axonflow, else ~/.local/share/axonflow.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where TLS is served.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The agent on loopback, HTTP/1.1 and h2c; 0: any free one.",
)
@click.option(
    "--tls-port",
    default=8443,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The agent over TLS 1.3, HTTP/1.1 and HTTP/2.",
)
@click.option(
    "--orchestrator-port",
    default=8081,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The orchestrator, on loopback.",
)
@click.option(
    "--database-url",
    metavar="URL",
    envvar="AXONFLOW_DATABASE_URL",
    show_envvar=True,
    help="Use this PostgreSQL (15 to 18) instead of starting one.",
)
@click.option(
    "--database-connections",
    metavar="NUMBER",
    default=4,
    show_default=True,
    envvar="AXONFLOW_DATABASE_CONNECTIONS",
    show_envvar=True,
    type=click.IntRange(1, 1_000),
    help="The most that the agent, and that the orchestrator, may have open.",
)
@click.option(
    "--statement-timeout",
    "statement_timeout_s",
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1, 86_400),
    help="After how long the database ends a statement.",
)
@click.option(
    "--replica-url",
    metavar="URL",
    default="",
    envvar="AXONFLOW_REPLICA_URL",
    show_envvar=True,
    help="A read replica of the database, for searches.",
)
@click.option(
    "--anchor",
    metavar="URL",
    default="",
    envvar="AXONFLOW_ANCHOR",
    show_envvar=True,
    help="Where heads of the audit trail go, best of another owner: file:/folder, s3://bucket/prefix, https://host/path."
    " An https server is told the token in AXONFLOW_ANCHOR_TOKEN.",
)
@click.option("--anchor-token", default="", envvar="AXONFLOW_ANCHOR_TOKEN", hidden=True)
@click.option(
    "--keys",
    "keys_file",
    metavar="FILE",
    type=_FILE,
    help='More API keys: a JSON list of {"key", "client_id", "tenant_id", "roles", "scopes"}.',
)
@click.option(
    "--pepper",
    "pepper_file",
    metavar="FILE",
    envvar="AXONFLOW_PEPPER_FILE",
    show_envvar=True,
    type=_FILE,
    help="What the keys of tenants are hashed with, the same for all who share a database. Default: one in --data.",
)
@click.option("--plans", metavar="MODULE:NAME", help="A mapping of domain to Plan, or to a function that makes one.")
@click.option(
    "--plan-limits",
    "plan_limits_file",
    metavar="FILE",
    type=_FILE,
    help='What all plans together may do at the same time, as JSON: {"pools": {"agent:writer": {"slots": 4}}, ...}.',
)
@click.option(
    "--agents",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="AgentConfig documents: what a language model may write plans with.",
)
@click.option("--model", default="", metavar="PROVIDER:NAME", help="The model that writes them: openai:gpt-5-mini.")
@click.option(
    "--model-options",
    "model_options_file",
    metavar="FILE",
    type=_FILE,
    help='What its provider wants to know, as JSON: {"api_key": "...", "base_url": "..."}.',
)
@click.option("--bind", default="", metavar="MODULE:NAME", help="What the steps call: {'tool:search': search}.")
@click.option("--tls-cert", "certificate", type=_FILE, help="A certificate (PEM), instead of one that is made here.")
@click.option("--tls-key", "private_key", type=_FILE, help="Its key (PEM, PKCS #8).")
@click.option("--insecure", is_flag=True, help="Serve HTTP without TLS at --host too.")
@click.option(
    "--log-level",
    default="INFO",
    show_default=True,
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
)
@click.option("--access-log", is_flag=True, help="Log every call, not only those that fail.")
@click.option("--json", "as_json", is_flag=True, help="Print where everything is as one JSON object.")  # fmt: skip
def command(*, policies: str | None, trust: tuple[str, ...], data: Path | None, as_json: bool, **options: Any) -> None:
    """Start everything: PostgreSQL, the agent and the orchestrator.

    The first start makes a database, a key and a certificate in the data folder; later ones use them. Standard error
    gets a structured log. Ctrl-C or SIGTERM drains: calls under way are answered, and every audit record is in the
    database before anything ends.

    \b
    Examples:
      axonflow up
      axonflow up --policies policies/ --port 0 --tls-port 0 --orchestrator-port 0
      axonflow up --database-url postgresql://axonflow@db.internal/axonflow

    \b
    Exit codes:
      0    stopped in good order
      2    cannot start: a busy port, a folder in use, a wrong setting...;
           the message says what to do
    """
    import asyncio

    from axonflow_sidecar.hosting.logs import log_to
    from axonflow_sidecar.hosting.settings import UpSettings, default_data_folder
    from axonflow_sidecar.hosting.supervisor import Supervisor

    from_database = options["policy_source"] == "database"
    if from_database and policies is not None:
        raise ConfigurationError("files are no source of policies", expected="--policy-source both", found="database")
    given = policies or ("policies" if Path("policies").is_dir() else None)
    settings = UpSettings(
        policies="" if from_database else given or BASELINE,
        stand_in=given is None and options["policy_source"] == "both",
        data=data or default_data_folder(),
        trusted_keys=list(trust),
        **options,
    )
    _check(settings)
    log_to("axonflow-up", settings.log_level)
    asyncio.run(Supervisor(settings).run(lambda endpoints: _announce(endpoints, as_json=as_json)))


def _check(settings: UpSettings) -> None:
    """Raises ConfigurationError for what can be seen before anything starts."""
    from axonflow import AxonFlow
    from axonflow.app.auditing import open_anchor
    from axonflow.app.peppers import read_peppers
    from axonflow.app.persons import read_persons_key
    from axonflow.app.redaction_key import read_redaction_key
    from axonflow_sidecar.hosting.planning import plan_limits_of, planning_of
    from axonflow_sidecar.plans.catalogue import PlanCatalogue
    from axonflow_sidecar.plans.making import load_calls, open_planner

    if settings.database_url is not None and not settings.database_url.strip():  # an unset variable, most likely
        raise ConfigurationError("--database-url is empty", expected="an address, or no such option", found="nothing")
    if (settings.certificate is None) != (settings.private_key is None):
        raise ConfigurationError("half a certificate", expected="both --tls-cert and --tls-key", found="one of them")
    if settings.insecure and not _is_loopback(settings.host):
        click.echo("warning: serving without TLS: keys and content can be read on the way.", err=True)
    file = settings.redaction_key_file
    key = None if file is None else read_redaction_key(file)
    AxonFlow.open(
        policies=settings.policies or None, trusted_keys=settings.trusted_keys, redaction_key=key,
        vault=None if key is None else "memory",  # theirs is in the database, which is not there yet
    )  # fmt: skip
    if settings.pepper_file is not None:
        read_peppers(settings.pepper_file)
    if settings.persons_key_file is not None:
        read_persons_key(settings.persons_key_file)
    if settings.anchor:
        open_anchor(settings.anchor, token=settings.anchor_token, makes_folder=True)
    if settings.plans:
        with redirect_stdout(sys.stderr):  # it may print; standard output is for what we announce
            PlanCatalogue.load(settings.plans)
    plan_limits_of(settings.plan_limits_file)
    planning = planning_of(settings)
    if planning is not None:
        with redirect_stdout(sys.stderr):
            load_calls(planning.bind)
        open_planner(AxonFlow.open(policies=None), planning)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(endpoints: Endpoints, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        click.echo(msgspec.json.encode(endpoints).decode())
        return
    on_terminal = sys.stdout.isatty()
    lines = [
        "AxonFlow is up.",
        "",
        f"  agent         {endpoints.agent}  (HTTP/1.1, h2c)",
        f"                {endpoints.agent_tls}  (TLS 1.3, HTTP/2; authority {endpoints.authority_file})",
        f"  orchestrator  {endpoints.orchestrator}",
        f"  policies      {endpoints.policies}",
        f"  database      {endpoints.database}",
        f"  data          {endpoints.data}",
        f"  API key       in {endpoints.key_file}",
    ]
    if on_terminal:
        lines += [
            f"                {Path(endpoints.key_file).read_text('ascii').strip()}",
            "",
            "Try it:",
            f'  curl -H "Authorization: Bearer $(cat {endpoints.key_file})" -H "Content-Type: application/json" \\',
            f"    -d '{_EXAMPLE}' \\",
            f"    {endpoints.agent}/v1/decisions",
            "",
            "Ctrl-C stops everything, in order.",
        ]
    click.echo("\n".join(lines))
