"""Certificates of policies: what decisions by them may cost at worst, and what that is on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.policies import Keys, Policies, policy_sources, trusted_by
from axonflow.app.scanning import builtin_scanner
from axonflow.app.turns import no_collection
from axonflow.detect import Detector, with_given
from axonflow.policy.certifying.certificate import Certificate
from axonflow.policy.certifying.inputs import LARGEST, Inputs
from axonflow.policy.compiling.compiling import check_programs
from axonflow.policy.compiling.scopes import FILES, Scope

__all__ = ["LARGEST", "Certificate", "Inputs", "certificate_for"]


def certificate_for(
    policies: Policies,
    *,
    trusted_keys: Keys = (),
    detectors: Sequence[Detector] = (),
    inputs: Inputs = LARGEST,
) -> Certificate:
    """What a decision by `policies` together costs at most, for requests no larger than `inputs`.

    Takes what AxonFlow.open takes. Raises PolicyError, also for bounds that a set declares and breaks.
    """
    scanner = with_given(builtin_scanner(), detectors, compile_pattern)
    with no_collection():
        own = Scope(FILES, None, policy_sources(policies))
        return check_programs(own, scanner, compile_pattern, trusted_by(trusted_keys)).certificate(inputs)
