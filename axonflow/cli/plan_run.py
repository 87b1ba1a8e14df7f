"""`axonflow plan run`."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import open_flow, policies_option
from axonflow.cli.tables import coloured, fields, table
from axonflow.errors import AxonFlowError, PlanError

if TYPE_CHECKING:
    from axonflow import Plan
    from axonflow.plan import PlanResult, StepRecord

__all__ = ["command"]

_EXAMPLE = "package.module:attribute or path/to/file.py:attribute"


@click.command("run")
@click.argument("target", metavar="TARGET")
@policies_option
@click.option("--principal", metavar="WHO", help='In whose name: "user:ann". Default: the plan, as an agent.')
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, target: str, policies: str | None, principal: str | None, as_json: bool) -> None:
    """Run a plan, each step judged by the policies before it starts.

    TARGET is package.module:attribute or path/to/file.py:attribute, and names a Plan or a function that returns one.
    Its code runs in this process, with all your rights.

    \b
    Example:
      axonflow plan run axonflow.samples.trip_plan:plan \\
          --policies @baseline --principal user:ann

    \b
    Exit codes:
      0    every step succeeded
      1    a step failed, was denied or is held for approval
      2    no such plan, or invalid policies
      130  interrupted
    """
    flow = open_flow(policies)
    plan = load_plan(target)
    result = asyncio.run(flow.run(plan, principal=principal))
    click.echo(_as_json(result) if as_json else _shown(result))
    if result.status != "completed":
        ctx.exit(EXIT_NO)


def load_plan(target: str) -> Plan:
    """The plan that `target` names. Raises PlanError when there is none."""
    from axonflow import Plan

    place, colon, attribute = target.rpartition(":")
    if not (colon and place and attribute.isidentifier()):
        raise PlanError("not the name of a plan", expected=_EXAMPLE, found=f"{target[:200]!a}")
    module = _guarded(lambda: _imported(place), place)
    found = getattr(module, attribute, None)
    if found is None:
        plans = ", ".join(sorted(name for name, value in vars(module).items() if isinstance(value, Plan)))
        raise PlanError(
            "no such plan", expected="the name of a Plan, or of a function that returns one", found=repr(attribute),
            at=place, hint=f"There is: {plans}." if plans else None,
        )  # fmt: skip
    plan = found if isinstance(found, Plan) or not callable(found) else _guarded(found, target)
    if not isinstance(plan, Plan):
        raise PlanError("not a plan", expected="a Plan", found=type(plan).__name__, at=target)
    return plan


def _imported(place: str) -> ModuleType:
    if not place.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
        return importlib.import_module(place)
    path = Path(place).resolve()
    if not path.is_file():
        raise PlanError("there is no such file", expected=_EXAMPLE, at=place)
    sys.path.insert(0, str(path.parent))  # as `python path/to/file.py` does
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and pickles look themselves up there
    spec.loader.exec_module(module)
    return module


def _guarded(call: Callable[[], Any], at: str) -> Any:
    """What `call`, which is somebody's code, returns. Raises PlanError for whatever it raises."""
    try:
        return call()
    except AxonFlowError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, it is not ours: say where it happened
        _refuse(error, at)


def _refuse(error: BaseException, at: str) -> NoReturn:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f" ({last.filename}:{last.lineno})" if last is not None and "importlib" not in last.filename else ""
    raise PlanError("the plan cannot be loaded", found=f"{type(error).__name__}: {error}{where}", at=at) from None


def _as_json(result: PlanResult) -> bytes:
    import msgspec

    return msgspec.json.encode(result, enc_hook=repr)


def _shown(result: PlanResult) -> str:
    first_us = min((one.started_us for one in result.steps.values() if one.started_us is not None), default=0)
    rows = [
        (record.name, record.state.value, *_times(record, first_us), _notes(record)) for record in result.steps.values()
    ]
    head = fields([
        ("plan", result.plan),
        ("took", f"{result.duration_us / 1000:,.1f} ms"),
        ("reasons", "\n".join(result.reasons)),
        ("id", result.plan_id),
    ])  # fmt: skip
    text = f"{coloured(result.status)}\n{head}\n\n"
    text += table(rows, ("step", "state", "started ms", "took ms", "why"), right=frozenset({2, 3}))
    results = [(name, _value_text(value)) for name, value in result.result.items()]
    return f"{text}\n\nResult\n{fields([(f'  {name}', value) for name, value in results])}" if results else text


def _times(record: StepRecord, first_us: int) -> tuple[str, str]:
    if record.started_us is None or record.finished_us is None:
        return "", ""
    return f"{(record.started_us - first_us) / 1000:,.1f}", f"{(record.finished_us - record.started_us) / 1000:,.1f}"


def _notes(record: StepRecord) -> str:
    return record.error or "; ".join(dict.fromkeys(record.reasons))


def _value_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that are no JSON, or a value that holds itself
        return repr(value)
