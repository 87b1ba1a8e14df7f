"""What every anchor does: keep what is put, once, and give it back; and say so when it cannot."""

import asyncio
import contextlib
import socket
import threading

import pytest

from axonflow.adapters.anchors import open_anchor
from axonflow.adapters.memory import MemoryAuditAnchor
from axonflow.errors import AuditError, ConfigurationError
from tests.anchor_servers import object_store, web_server
from tests.running import eventually


@contextlib.contextmanager
def memory(folder, monkeypatch):
    yield MemoryAuditAnchor(), None


@contextlib.contextmanager
def file(folder, monkeypatch):
    place = folder / "an anchor"
    place.mkdir()
    yield open_anchor(f"file:{str(place).replace(' ', '%20')}"), lambda: place.rename(folder / "away")


@contextlib.contextmanager
def https(folder, monkeypatch):
    with web_server(folder) as (server, url, authority):
        server.token = "secret-word"
        yield open_anchor(url, token="secret-word", authority=authority), lambda: setattr(server, "failing", True)


@contextlib.contextmanager
def s3(folder, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": "/none",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("axonflow.adapters.anchors.object_store._ATTEMPTS", 1)
    with object_store() as (server, url):
        yield open_anchor(url), lambda: setattr(server, "failing", True)


@pytest.fixture(params=[memory, file, https, s3], ids=lambda kind: kind.__name__)
def anchored(request, tmp_path, monkeypatch):
    with request.param(tmp_path, monkeypatch) as (anchor, fail):
        yield anchor, fail


def test_anchor_keeps_what_is_put_once_and_gives_it_back(anchored):
    anchor, _ = anchored

    async def run():
        try:
            assert await anchor.get("heads/w/000000000000.json") is None
            assert await anchor.put("heads/w/000000000000.json", b'{"a": 1}')
            assert not await anchor.put("heads/w/000000000000.json", b"another")
            assert await anchor.get("heads/w/000000000000.json") == b'{"a": 1}'
            assert await anchor.put("heads/w/000000000001.json", b"")
            assert await anchor.get("heads/w/000000000001.json") == b""
            assert await anchor.get("writers/000000000000.json") is None
        finally:
            await anchor.close()

    asyncio.run(run())


def test_anchor_of_many_at_once_keeps_the_first_of_each_name(anchored):
    anchor, _ = anchored

    async def run():
        try:
            kept = await asyncio.gather(*(anchor.put("writers/0.json", str(number).encode()) for number in range(8)))
            assert sum(kept) == 1
            assert await anchor.get("writers/0.json") == str(kept.index(True)).encode()
        finally:
            await anchor.close()

    asyncio.run(run())


def test_anchor_that_is_away_is_an_error_and_not_an_empty_one(anchored):
    anchor, fail = anchored
    if fail is None:
        return

    async def run():
        try:
            await anchor.put("writers/0.json", b"1")
            fail()
            with pytest.raises(AuditError, match="anchor"):
                await anchor.get("writers/0.json")
            with pytest.raises(AuditError, match="anchor"):
                await anchor.get("writers/1.json")
            with pytest.raises(AuditError, match="anchor"):
                await anchor.put("writers/1.json", b"1")
        finally:
            await anchor.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no scheme"), ("ftp://a/b", "ftp:"), ("http://a/b", "http:"), ("s3:", "s3:"), ("https:///a", "https:"),
        ("file://host/a", "file:"), ("file:", "file:"), ("s3://b/p?secret=1", "secret"), ("https://[a", "address"),
        ("https://me:word@host/", "password"), ("https://169.254.169.254/audit", "metadata"),
        ("https://host/a?b=c", "no query"), ("s3://b/p?endpoint=nowhere", "not an object store"),
    ],
)  # fmt: skip
def test_open_anchor_at_what_is_no_address_of_one_says_why(url, why):
    with pytest.raises(ConfigurationError, match=why):
        open_anchor(url)


def test_open_anchor_that_makes_its_folder_makes_that_alone_and_for_its_owner(tmp_path):
    for _ in range(2):
        open_anchor(f"file:{tmp_path}/a", makes_folder=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    with pytest.raises(ConfigurationError, match="cannot be made") as raised:
        open_anchor(f"file:{tmp_path}/mount/a", makes_folder=True)
    assert raised.value.found == "No such file or directory"
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made"):
        open_anchor(f"file:{tmp_path}/file", makes_folder=True)


def test_open_anchor_with_what_cannot_be_used_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="bearer token"):
        open_anchor("https://host/", token="a\nb")
    with pytest.raises(ConfigurationError, match="authority cannot be read"):
        open_anchor("https://host/", authority=str(tmp_path / "none.pem"))


def test_anchor_on_a_server_with_another_certificate_or_a_redirect_is_refused(tmp_path):
    with web_server(tmp_path) as (server, url, authority):

        async def asked(anchor):
            try:
                return await anchor.get("a")
            finally:
                await anchor.close()

        with pytest.raises(AuditError, match="does not answer"):
            asyncio.run(asked(open_anchor(url)))
        server.redirect = f"{url}/b"
        with pytest.raises(AuditError, match="found 307"):
            asyncio.run(asked(open_anchor(url, authority=authority)))
        server.redirect, server.token = "", "secret-word"
        with pytest.raises(AuditError, match="found 401") as refused:
            asyncio.run(asked(open_anchor(url, authority=authority, token="wrong-word")))
        assert "wrong-word" not in str(refused.value)
        assert {method for method, _ in server.seen} == {"GET"}


def test_anchor_in_a_folder_leaves_nothing_half_made(tmp_path):
    anchor = open_anchor(f"file:{tmp_path}")
    asyncio.run(anchor.put("heads/w/0.json", b"1"))
    asyncio.run(anchor.put("heads/w/0.json", b"2"))
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["heads/w/0.json"]


def test_object_store_that_never_answers_is_asked_twice_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("axonflow.adapters.anchors.object_store._READ_S", 0.05)
    with s3(tmp_path, monkeypatch), silent_server() as (address, callers):
        monkeypatch.setattr("axonflow.adapters.anchors.object_store._ATTEMPTS", 2)
        anchor = open_anchor(f"s3://bucket/prefix?region=eu-west-1&endpoint=http://{address}")

        async def run():
            try:
                with pytest.raises(AuditError, match="does not answer as it should"):
                    await anchor.get("writers/0.json")
            finally:
                await anchor.close()

        asyncio.run(run())
        eventually(lambda: len(callers) > 1, "both to be let in")
    assert len(callers) == 2


@contextlib.contextmanager
def silent_server():
    """An address where connections are taken, and nobody ever answers; and whoever came."""
    callers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            with contextlib.suppress(OSError):
                while True:
                    callers.append(server.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", callers
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(60)
            for caller in callers:
                caller.close()
