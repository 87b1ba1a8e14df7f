"""Where plans come from: the catalogue, or a language model that writes them with what it is given."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow import AxonFlow, Plan, Principal
from axonflow.app.chat_models import open_chat_model
from axonflow.app.planner import Planner
from axonflow.errors import ConfigurationError, PlanError
from axonflow.plan import PlanExecution
from axonflow.plan.keeping.versions import MAX_VERSIONS
from axonflow.plan.model.document import plan_of_document, plan_to_document
from axonflow.plan.model.graph import unbound_calls
from axonflow.plan.planner.modes import ExecutionMode, plan_in_mode
from axonflow_sidecar.plans.catalogue import APPROVER, PlanCatalogue, where_to_put_it

__all__ = ["MAX_REPLANS", "PlanMaker", "PlanningSettings", "Written", "load_calls", "open_planner", "opened_maker"]

Calls = Mapping[str, Callable[..., Any]]
_NOTHING: Final[Calls] = {}
MAX_REPLANS: Final = 1
"""How often the rest of one plan is written anew, as in `Planner.run`."""


class PlanningSettings(Struct, frozen=True, kw_only=True):
    """With what plans are written: a file or folder of AgentConfig documents, a model as ``provider:name`` with
    options of its provider (a key is one), and the mapping that its steps call, as ``package.module:attribute``."""

    agents: str
    model: str
    options: dict[str, Any] = {}
    bind: str = ""


@asynccontextmanager
async def opened_maker(
    flow: AxonFlow, catalogue: PlanCatalogue, settings: PlanningSettings | None
) -> AsyncIterator[PlanMaker]:
    """What makes plans, with its model open for as long as the block takes. Raises ConfigurationError and PlanError."""
    if settings is None:
        yield PlanMaker(catalogue)
        return
    planner, model = open_planner(flow, settings)
    try:
        yield PlanMaker(catalogue, planner, load_calls(settings.bind))
    finally:
        await model.close()


def open_planner(flow: AxonFlow, settings: PlanningSettings) -> tuple[Planner, Any]:
    """What writes plans, and its model, to be closed. Raises ConfigurationError and PlanError."""
    provider, colon, name = settings.model.partition(":")
    if not colon or not name:
        raise ConfigurationError("not a model", expected="provider:name, such as openai:gpt-5-mini", at="--model")
    model = open_chat_model(provider, name, **settings.options)
    return Planner(flow, model, settings.agents), model


def load_calls(target: str) -> Calls:
    """The mapping of ``kind:target`` to what is called that `target` names, as for `Plan.bind`. Its code runs in this
    process. Raises ConfigurationError."""
    if not target:
        return _NOTHING
    place, _, attribute = target.rpartition(":")
    try:
        calls: Any = getattr(importlib.import_module(place), attribute)
    except (Exception, SystemExit) as error:  # noqa: BLE001  somebody's code may raise anything while it is imported
        found = f"{type(error).__name__}: {str(error)[:200]}"
        hint = where_to_put_it(error)
        raise ConfigurationError("what steps call cannot be loaded", found=found, at=target, hint=hint) from None
    if not isinstance(calls, Mapping) or not all(isinstance(name, str) and callable(calls[name]) for name in calls):
        raise ConfigurationError(
            "nothing that steps could call", expected='a mapping such as {"tool:search": search}',
            found=type(calls).__name__, at=target,
        )  # fmt: skip
    return calls


class Written(NamedTuple):
    """A plan, of which domain it is, and its document where it cannot be made again."""

    plan: Plan
    domain: str
    definition: dict[str, Any] | None = None


class PlanMaker:
    """Makes plans from the `catalogue`, and where that has no such domain with the `planner`, if there is one; what the
    latter writes calls what `calls` has."""

    def __init__(self, catalogue: PlanCatalogue, planner: Planner | None = None, calls: Calls = _NOTHING) -> None:
        self._catalogue = catalogue
        self._planner = planner
        self._calls = calls

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that there are plans for, sorted."""
        written = () if self._planner is None else self._planner.domains
        return tuple(sorted({*self._catalogue.domains, *written}))

    def has(self, domain: str) -> bool:
        """Whether there are plans of this domain; of none (""), when a planner can find out which."""
        if domain in self._catalogue:
            return True
        return self._planner is not None and (not domain or domain in self._planner.domains)

    async def make(
        self, domain: str, query: str, context: dict[str, Any], mode: ExecutionMode, principal: Principal
    ) -> Written:
        """A plan for `query`. A model writes it in the name of `principal`. Raises PlanError, Denied, AuditError and
        ModelError."""
        if domain in self._catalogue or self._planner is None:
            return Written(self._catalogue.plan(domain, query, context, mode), domain)
        plan = await self._planner.plan(query, principal=principal, domain=domain)
        definition = plan_to_document(plan)
        return Written(self.again(plan.name, query, context, mode, definition), plan.name, definition)

    def again(
        self, domain: str, query: str, context: dict[str, Any], mode: ExecutionMode, definition: dict[str, Any] | None
    ) -> Plan:
        """A plan that was made before, in `mode`. Raises PlanError."""
        if definition is None:
            return self._catalogue.plan(domain, query, context, mode)
        plan = plan_of_document(definition)
        called = unbound_calls(plan.check())
        missing = [name for name in called if name not in self._calls]
        if missing:
            raise PlanError(
                "nothing to call", expected="something that --bind names for each", found=", ".join(missing)[:400],
                at=f"plan {plan.name!r}",
            )  # fmt: skip
        bound = plan.bind({name: self._calls[name] for name in called})
        return plan_in_mode(bound, mode, approver=APPROVER)

    def plan_of(self, execution: PlanExecution) -> Plan:
        """The plan that is kept, to be run. Raises PlanError."""
        return self.again(
            execution.domain, execution.query, execution.context, _mode_of(execution), execution.definition
        )

    def can_replan(self, execution: PlanExecution) -> bool:
        """Whether what is not done of it may be written anew: a model wrote it, and there is one that would."""
        return (
            self._planner is not None
            and execution.definition is not None
            and execution.domain in self._planner.domains
            and execution.replans < MAX_REPLANS
            and execution.version < MAX_VERSIONS
        )

    async def replan(
        self, execution: PlanExecution, outputs: Mapping[str, Any], principal: Principal, failed: str, error: str
    ) -> Written:
        """The plan, whose steps in `outputs` are done, with another way on. A model writes that in the name of
        `principal`. Raises PlanError, Denied, AuditError and ModelError."""
        if self._planner is None or execution.definition is None:
            raise PlanError(
                "nobody writes it anew", expected="a plan that a planner wrote", at=f"plan {execution.name!r}"
            )
        # As it was run: approvals that its mode asked for are among the steps that are done.
        before = plan_in_mode(plan_of_document(execution.definition), _mode_of(execution), approver=APPROVER)
        plan = await self._planner.replan(
            before, outputs, principal=principal, failed=failed, error=error, mode=execution.execution_mode,
            approver=APPROVER,
        )  # fmt: skip
        definition = plan_to_document(plan)
        bound = self.again(execution.domain, execution.query, execution.context, "auto", definition)
        return Written(bound, execution.domain, definition)


def _mode_of(execution: PlanExecution) -> ExecutionMode:
    """What has been written anew has in it what its mode asks for, of what was not done by then."""
    return "auto" if execution.replans else execution.execution_mode
