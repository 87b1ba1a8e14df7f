"""Keys, and policies published under them, for tests."""

import asyncio

from axonflow.app.bundles import make_key_pair
from axonflow.app.publishing import Publisher
from axonflow.policy.compiling.scopes import layer_of
from tests.strategies import policy_set

__all__ = ["Newsroom", "answering", "key_pair"]

REQUEST = {"action": "tool.call", "resource": "tool:search"}


def key_pair(folder, name="release"):
    """The files of a new pair: the private key, and the public one."""
    folder.mkdir(parents=True, exist_ok=True)
    make_key_pair(folder / f"{name}.key", folder / f"{name}.pub")
    return folder / f"{name}.key", folder / f"{name}.pub"


def answering(effect, scope="acme", number=0, **parts):
    """A document for `scope` whose only rule has `effect` and is named after it and `number`."""
    rule = {"id": f"{effect}-{number}", "effect": effect, "match": {"action": "tool.call"}}
    return policy_set([rule], **{"default": "abstain", "layer": layer_of(scope), "name": "own"} | parts)


class Newsroom:
    """Publishes documents into `store`. `run` runs a coroutine to its end."""

    def __init__(self, store, key, run=asyncio.run, **options):
        self.store = store
        self.key = key
        self.run = run
        self.publisher = Publisher(store, **options)

    def change(self, scope, name="main", **parts):
        return self.publisher.change(scope, name, **{"author": "user:ann", "reason": "a test"} | parts)

    async def published(self, scope, *documents, name="main", key=None):
        return await self.publisher.publish(self.change(scope, name), documents, key or self.key)

    async def activated(self, scope, *documents, name="main", key=None):
        version = await self.published(scope, *documents, name=name, key=key)
        await self.publisher.activate(self.change(scope, name), version.version)
        return version
