"""`axonflow decide`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import open_flow, policies_option
from axonflow.cli.reading import INPUT_FILE, decoded, read_bytes
from axonflow.cli.tables import coloured, fields
from axonflow.errors import RequestError

if TYPE_CHECKING:
    from axonflow import Decision, Request
    from axonflow.policy.decision import Obligation, Redact

__all__ = ["command"]


@click.command("decide")
@click.argument("request_file", metavar="[REQUEST.json|-]", required=False, type=INPUT_FILE)
@click.option("--principal", metavar="WHO", help='Who asks: "user:ann", or a JSON object with roles and the like.')
@click.option("--action", metavar="ACTION", help='What is to be done, such as "tool.call".')
@click.option("--resource", metavar="WHAT", help='What with: "tool:shell", or a JSON object with attributes.')
@click.option("--context", metavar="NAME=VALUE", multiple=True, help="An attribute of the context; may be repeated.")
@click.option("--content", metavar="TEXT", help="What detectors look into: a prompt, arguments, rows.")
@policies_option
@click.option("--json", "as_json", is_flag=True, help="Print the decision as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    request_file: str | None,
    policies: str | None,
    as_json: bool,
    context: Sequence[str],
    **parts: str | None,
) -> None:
    """Decide one request and say why.

    The request is a JSON file (or - for standard input), or is put together from the options. A VALUE that is JSON is
    taken as JSON, anything else as text. Nothing is counted or recorded.

    \b
    Examples:
      axonflow decide --policies @baseline --principal user:ann \\
          --action tool.call --resource tool:shell --context env=prod
      axonflow decide --policies @baseline --action llm.request \\
          --principal '{"id": "ann", "roles": ["pii_reader"]}' \\
          --resource model:gpt-5-mini --content "Write to bob@example.com"
      echo '{"principal": "user:ann", "action": "llm.request",
             "resource": "model:gpt-5", "content": "Hi"}' | axonflow decide -

    Exit codes: 0 allowed, 1 not allowed (denied, or held for approval), 2 bad input.
    """
    given = {name: value for name, value in parts.items() if value is not None}
    if request_file is not None:
        if given or context:
            raise click.UsageError("Give a request file or the options that make up a request, not both.")
        request = _read(request_file)
    else:
        missing = [f"--{name}" for name in ("principal", "action", "resource") if name not in given]
        if missing:
            raise click.UsageError(f"Give a request file, or {', '.join(missing)} as well.")
        request = _put_together(given, context)
    decision = open_flow(policies).decide(request)
    click.echo(decision.to_json() if as_json else _shown(decision))
    if not decision.allowed:
        ctx.exit(EXIT_NO)


def _read(place: str) -> Request:
    from axonflow import Request
    from axonflow.policy.request import MAX_REQUEST_BYTES

    return Request.from_json(decoded(read_bytes(place, MAX_REQUEST_BYTES), place))


def _put_together(given: dict[str, str], pairs: Sequence[str]) -> Request:
    from axonflow import Request

    context: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter("expected NAME=VALUE, such as env=prod", param_hint="--context")
        context[name] = _value(value)
    return Request(
        _object_or_text(given["principal"]),
        given["action"],
        _object_or_text(given["resource"]),
        context,
        _value(given["content"]) if "content" in given else None,
    )


def _value(text: str) -> Any:
    import msgspec

    from axonflow.policy.json_text import check_members

    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):  # then it is text; the Request judges whether it may be
        return text
    except RecursionError:
        raise RequestError("nested too deep", expected="fewer levels", found="too many to decode") from None
    check_members(text)
    return value


def _object_or_text(text: str) -> Any:
    return _value(text) if text.lstrip().startswith("{") else text


def _shown(decision: Decision) -> str:
    import msgspec

    redacted = "" if decision.redacted is None else msgspec.json.encode(decision.redacted).decode()
    about = fields([
        ("reasons", "\n".join(decision.reasons)),
        ("policies", "\n".join(decision.policies)),
        ("obligations", "\n".join(_described(obligation) for obligation in decision.obligations)),
        ("redacted", redacted),
        ("errors", "\n".join(f"{error.policy}: {error.message}" for error in decision.errors)),
        ("shadow", _shadow(decision)),
        ("decision", decision.decision_id),
        ("digest", decision.policy_digest),
    ])  # fmt: skip
    return f"{coloured(decision.effect.value)} ({'allowed' if decision.allowed else 'not allowed'})\n{about}"


def _shadow(decision: Decision) -> str:
    if decision.shadow is None:
        return ""
    return f"{decision.shadow.effect.value} by {', '.join(decision.shadow.policies) or 'no rule'} (not enforced)"


def _described(obligation: Obligation) -> str:
    from axonflow.policy import Approval, Redact

    if isinstance(obligation, Redact):
        what = f"redact {', '.join(obligation.detectors)}"
        what += "" if obligation.style == "mask" else f" as {obligation.style}"
    elif isinstance(obligation, Approval):
        what = f"ask {', '.join(obligation.approvers) or 'an approver'} first"
    else:
        what = (
            f"at most {obligation.maximum} {obligation.unit} in {obligation.window_s} s"
            f" for each {', '.join(obligation.key)}"
        )
    return f"{what} ({obligation.policy}){_fulfilment(obligation) if isinstance(obligation, Redact) else ''}"


def _fulfilment(obligation: Redact) -> str:
    if obligation.fulfilled_by is None:
        return ""
    done = ", ".join(f"{one.findings} {one.detector} as {one.style}" for one in obligation.done)
    return f", fulfilled by {obligation.fulfilled_by}: {done or 'nothing found'}"
