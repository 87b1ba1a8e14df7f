"""What every vault must do: keep a value for its tenant, and never mix two up."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryVault
from axonflow.errors import VaultError

VAULTS = [pytest.param(MemoryVault, id="memory")]
LABEL, OTHER = "[REDACTED:pii.email:vault:a]", "[REDACTED:pii.email:vault:b]"


@pytest.mark.parametrize("make", VAULTS)
def test_vault_gives_back_what_it_was_given(make):
    async def run():
        vault = make()
        await vault.put("acme", LABEL, "Ann \u00e9 \U0001f600")
        await vault.put("acme", LABEL, "Ann \u00e9 \U0001f600")
        return await vault.get("acme", LABEL), await vault.get("acme", OTHER)

    assert asyncio.run(run()) == ("Ann \u00e9 \U0001f600", None)


@pytest.mark.parametrize("make", VAULTS)
def test_vault_keeps_tenants_apart(make):
    async def run():
        vault = make()
        await vault.put("acme", LABEL, "one")
        before = await vault.get("beta", LABEL)
        await vault.put("beta", LABEL, "two")
        return before, await vault.get("acme", LABEL), await vault.get("beta", LABEL)

    assert asyncio.run(run()) == (None, "one", "two")


@pytest.mark.parametrize("make", VAULTS)
def test_vault_refuses_another_value_for_a_label_without_showing_either(make):
    async def run():
        vault = make()
        await vault.put("acme", LABEL, "the first")
        with pytest.raises(VaultError) as raised:
            await vault.put("acme", LABEL, "the second")
        return str(raised.value), await vault.get("acme", LABEL)

    message, kept = asyncio.run(run())
    assert kept == "the first"
    assert "the first" not in message
    assert "the second" not in message


def test_memory_vault_that_is_full_refuses_what_is_new_and_keeps_the_rest():
    async def run():
        vault = MemoryVault(max_values=1)
        await vault.put("acme", LABEL, "one")
        await vault.put("acme", LABEL, "one")
        with pytest.raises(VaultError, match="full"):
            await vault.put("acme", OTHER, "two")
        return await vault.get("acme", LABEL)

    assert asyncio.run(run()) == "one"
