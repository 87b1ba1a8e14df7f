"""Two places of policies compared: which requests get another verdict."""

from __future__ import annotations

from collections.abc import Callable

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.policies import Keys, Policies, policy_sources, trusted_by
from axonflow.app.scanning import builtin_scanner
from axonflow.app.turns import no_collection
from axonflow.policy.comparing.comparing import Comparison, compared
from axonflow.policy.comparing.sides import Side
from axonflow.policy.compiling.bundle import BundleSource, Verify
from axonflow.policy.compiling.compiling import check_programs
from axonflow.policy.compiling.scopes import FILES, Scope, Source
from axonflow.policy.publication import PolicyVersion

__all__ = ["Comparison", "compare", "compare_versions"]


def compare(
    before: Policies,
    after: Policies,
    *,
    trusted_keys: Keys = (),
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> Comparison:
    """What the change from `before` to `after`, each of which AxonFlow.open would take, does to requests.

    ``progress(done, whole)`` counts what was changed. Raises PolicyError for policies that do not load.
    """
    verify = trusted_by(trusted_keys)
    old, new = (_side(policy_sources(policies), verify) for policies in (before, after))
    return compared(old, new, progress)


def compare_versions(before: PolicyVersion, after: PolicyVersion) -> Comparison:
    """The same of two versions of a set that was published, each by itself. Raises PolicyError.

    Their signatures are not asked for: nothing is put in force.
    """
    old, new = (
        _side([BundleSource(f"{one.set_name} {one.version}", one.bundle, one.tenant_id)], lambda *_: True)
        for one in (before, after)
    )
    return compared(old, new)


def _side(sources: list[Source], verify: Verify) -> Side:
    with no_collection():
        checked = check_programs(Scope(FILES, None, sources), builtin_scanner(), compile_pattern, verify)
    return Side(checked.engine, checked.programs)
