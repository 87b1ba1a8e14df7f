"""Where a command's plan comes from: a document, or Python that makes it; and what it is bound to."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from axonflow.errors import AxonFlowError, ConfigurationError, PlanError

if TYPE_CHECKING:
    from axonflow import Plan

__all__ = ["SOURCE_HELP", "bind_option", "input_option", "load_plan", "prepared"]

_EXAMPLE: Final = "package.module:attribute or path/to/file.py:attribute"
_DOCUMENTS: Final = (".yaml", ".yml", ".json")
SOURCE_HELP: Final = "a YAML or JSON document, package.module:attribute or path/to/file.py:attribute"


def bind_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--bind`, as the argument `bind`."""
    return click.option(
        "--bind",
        metavar="OBJECT",
        multiple=True,
        help="What calls the steps of a document: module:attribute or file.py:attribute, which names a mapping such as"
        ' {"tool:search": search}. Its code runs in this process. May be given again.',
    )(command)


def input_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--input`, as the argument `inputs`."""
    return click.option(
        "--input",
        "inputs",
        metavar="NAME=VALUE",
        multiple=True,
        help="An input of the plan, to which $.name refers: JSON, or text. May be given again.",
    )(command)


def prepared(plan: Plan, bind: Iterable[str], inputs: Iterable[str]) -> Plan:
    """`plan`, bound to the mappings that `bind` names, with `inputs` of the form NAME=VALUE. Raises PlanError."""
    for target in bind:
        calls = _found(target, Mapping)
        if not isinstance(calls, Mapping):
            expected = 'a mapping of kind:target to callables: {"tool:search": search}'
            raise PlanError("nothing to bind to", expected=expected, found=type(calls).__name__, at=target)
        plan = plan.bind(calls)
    given = dict(map(_input, inputs))
    return plan.given(given) if given else plan


def _input(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise PlanError("not an input", expected="NAME=VALUE", found=f"{text[:200]!a}", at="--input")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def load_plan(target: str) -> Plan:
    """The plan that `target`, a document or the name of an object, is. Raises PlanError when there is none."""
    from axonflow import Plan

    if target.lower().endswith(_DOCUMENTS):
        from axonflow.app.plans import plan_from

        if not Path(target).is_file():
            raise ConfigurationError("there is no such file", expected=SOURCE_HELP, at=target)
        return plan_from(target)
    found = _found(target, Plan)
    plan = found if isinstance(found, Plan) or not callable(found) else _guarded(found, target)
    if not isinstance(plan, Plan):
        raise PlanError("not a plan", expected="a Plan", found=type(plan).__name__, at=target)
    return plan


def _found(target: str, kind: type) -> Any:
    """The object that `target` names. Raises PlanError, which names those of `kind` that are there."""
    place, colon, attribute = target.rpartition(":")
    if not (colon and place and attribute.isidentifier()):
        raise PlanError("not the name of a plan", expected=_EXAMPLE, found=f"{target[:200]!a}")
    module = _guarded(lambda: _imported(place), place)
    found = getattr(module, attribute, None)
    if found is None:
        names = (name for name, value in vars(module).items() if isinstance(value, kind) and not name.startswith("_"))
        there = ", ".join(sorted(names))
        raise PlanError(
            "no such plan", expected=f"the name of a {kind.__name__}, or of a function that returns one",
            found=repr(attribute), at=place, hint=f"There is: {there}." if there else None,
        )  # fmt: skip
    return found


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
