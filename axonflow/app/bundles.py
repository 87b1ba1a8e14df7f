"""Bundles: policies compiled to one signed file. Needs the extra ``axonflow[bundles]``."""

from __future__ import annotations

import os
from collections.abc import Sequence

from axonflow.adapters.ed25519 import Signer, keep_key_pair, make_key_pair
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.policies import Keys, Policies, policy_sources, trusted_by
from axonflow.app.scanning import builtin_scanner
from axonflow.app.turns import Pause, go_on, no_collection
from axonflow.detect import Detector, with_given
from axonflow.errors import PolicyError
from axonflow.policy.certifying.certificate import Certificate
from axonflow.policy.compiling.bundle import BundleSource, Statement, open_bundle, stated, write_bundle
from axonflow.policy.compiling.compiling import check_programs
from axonflow.policy.compiling.scopes import FILES, Scope, layer_of

__all__ = ["build_bundle", "certificate_in", "keep_key_pair", "make_key_pair", "verified_statement"]


def build_bundle(
    policies: Policies,
    key: str | os.PathLike[str],
    *,
    detectors: Sequence[Detector] = (),
    scope: str = FILES,
    pause: Pause = go_on,
) -> bytes:
    """`policies`, which AxonFlow.open would take, as a bundle signed with the private key in the file `key`.

    `detectors` are those that whoever loads the bundle gives to AxonFlow.open: the bundle names them at most. With a
    `scope` (a tenant, '@' and an organization, or '*') it may be published there, and is good for nothing else. `pause`
    is for who builds beside decisions.

    Raises PolicyError for policies that would not load, and ConfigurationError for a file that holds no key.
    """
    signer = Signer.from_file(key)
    scanner = with_given(builtin_scanner(), detectors, compile_pattern)
    layer = None if scope == FILES else layer_of(scope)
    with no_collection():
        own = Scope(scope, layer, policy_sources(policies, pause))
        checked = check_programs(own, scanner, compile_pattern, pause=pause)
        certificate = checked.certificate(pause=pause)
    return write_bundle(checked.programs, signer.key_id, signer.sign, scope, certificate)


def certificate_in(data: bytes) -> Certificate | None:
    """What a bundle says that its decisions cost at most; None where it says nothing. Raises PolicyError for what is no
    bundle."""
    return stated(BundleSource("the bundle", data)).certificate


def verified_statement(bundle: str | os.PathLike[str], trusted_keys: Keys) -> Statement:
    """What the bundle in a file says of itself. Raises PolicyError unless one of `trusted_keys` signed it."""
    verify = trusted_by(trusted_keys)
    for source in policy_sources(bundle):
        if isinstance(source, BundleSource):
            return open_bundle(source, verify).statement
    raise PolicyError("not a policy bundle", expected="a file whose name ends in .axb", at=str(bundle))
