"""The plans that this installation can make: domain to plan, or to a function that makes one."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from axonflow import AxonFlowError, Plan
from axonflow.errors import ConfigurationError, PlanError
from axonflow.plan.planner.modes import ExecutionMode, plan_in_mode

__all__ = ["APPROVER", "PlanCatalogue", "where_to_put_it"]

APPROVER: Final = "approver"
"""Who is asked in the modes that ask somebody: the role of those who may decide on approvals."""


def where_to_put_it(error: BaseException) -> str | None:
    """What to do about code that was not found, as it is for a file in the current folder."""
    return "Put the folder that has it on PYTHONPATH." if isinstance(error, ModuleNotFoundError) else None


PlanSource = Plan | Callable[[str, dict[str, Any]], Plan]


class PlanCatalogue:
    """`sources` by domain. A function gets the query and the request's context and returns a Plan."""

    def __init__(self, sources: Mapping[str, PlanSource] | None = None) -> None:
        self._sources = dict(sources or {})
        for domain, source in self._sources.items():
            if not isinstance(domain, str) or not (isinstance(source, Plan) or callable(source)):
                raise ConfigurationError(
                    "not a catalogue of plans", expected="a mapping of domain to Plan, or to a function that makes one",
                    found=f"{domain!a}: {type(source).__name__}",
                )  # fmt: skip

    @classmethod
    def load(cls, target: str) -> PlanCatalogue:
        """The catalogue that ``package.module:attribute`` names. Its code runs in this process.

        Raises ConfigurationError when it cannot be imported or is no mapping.
        """
        place, colon, attribute = target.rpartition(":")
        try:
            sources = getattr(importlib.import_module(place), attribute) if colon and place else None
        except (Exception, SystemExit) as error:  # noqa: BLE001  somebody's code may raise anything while it is imported
            raise ConfigurationError(
                "the plans cannot be loaded", found=f"{type(error).__name__}: {str(error)[:200]}", at=target,
                hint=where_to_put_it(error),
            ) from None  # fmt: skip
        if not isinstance(sources, Mapping):
            raise ConfigurationError(
                "not a catalogue of plans", expected="package.module:attribute, a mapping of domain to plan",
                found=type(sources).__name__, at=target,
            )  # fmt: skip
        return cls(sources)

    def __contains__(self, domain: str) -> bool:
        return domain in self._sources

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains, sorted."""
        return tuple(sorted(self._sources))

    def plan(self, domain: str, query: str, context: dict[str, Any], mode: ExecutionMode = "auto") -> Plan:
        """A checked plan for `query`, in `mode`. Raises PlanError when the domain is unknown or its function fails."""
        source = self._sources.get(domain)
        if source is None:
            raise PlanError("no such domain", expected=" or ".join(self.domains) or "a catalogue", found=domain[:64])
        try:
            plan: Any = source if isinstance(source, Plan) else source(query, dict(context))
        except AxonFlowError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, it ends this plan alone
            raise PlanError("the plan could not be made", found=type(error).__name__, at=f"domain {domain}") from None
        if inspect.iscoroutine(plan):
            plan.close()
        if not isinstance(plan, Plan):
            raise PlanError("not a plan", expected="a Plan", found=type(plan).__name__, at=f"domain {domain}")
        plan.check()
        return plan_in_mode(plan, mode, approver=APPROVER)
