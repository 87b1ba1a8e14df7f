"""`axonflow up` with policies from its database: published on the machine, and in force without the database too."""

import json

import httpx
import pytest

from tests.postgres import own_server, temporary_data_folder
from tests.publishing import answering
from tests.running import FREE_PORTS, PLAIN, REQUEST, axonflow, commanded, data_folder, eventually, up

pytestmark = pytest.mark.slow

SERVICES = ("agent", "orchestrator")
SOURCE = ("--policy-source", "database")


@pytest.fixture
def folder():
    with data_folder() as folder:
        yield folder


@pytest.fixture
def document(tmp_path):
    """The file of a document whose rule is `allow-<number>`."""

    def document(number):
        place = tmp_path / f"p{number}.json"
        place.write_text(json.dumps(answering("allow", "default", number)))
        return place

    return document


def publish(folder, place, *options):
    done = commanded(
        "policy", "publish", place, "--activate", "--reason", "a test", "--data", folder, "--json", *options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["in_force"]


def health(running, service="agent"):
    return httpx.get(f"{running.endpoints[service]}/health", **PLAIN).json()


def is_kept(folder, service):
    """Whether the service has kept on the disk what is in force for the tenant."""
    index = folder / "policies" / service / "index.json"
    return index.exists() and "default" in json.loads(index.read_text())["sets"]


def rules(client):
    return client.post("/v1/decisions", json=REQUEST).json()["policies"]


def test_up_what_is_published_on_the_machine_is_in_force_in_both_services(folder, document):
    with up(folder, *SOURCE, policies=None) as running, running.client() as client:
        denied = client.post("/v1/decisions", json=REQUEST).json()
        assert (denied["effect"], denied["policies"]) == ("deny", [])
        state = publish(folder, document(1))
        eventually(lambda: rules(client) == ["allow-1"], "the policies")
        for service in SERVICES:
            eventually(lambda service=service: health(running, service)["policies"]["tenants"] == 1, service)
        assert client.get("/v1/policies").json()["tenants"] == {"default": state["digest"]}
        assert (folder / "policy.key").stat().st_mode & 0o777 == 0o600
        assert "PRIVATE" not in running.said()


def test_up_baseline_stands_in_until_something_is_published(folder, document):
    with up(folder, policies=None) as running, running.client() as client:
        assert rules(client)
        publish(folder, document(1))
        eventually(lambda: rules(client) == ["allow-1"], "the policies")


def test_up_files_alone_are_in_force_where_the_database_is_no_source(folder, document):
    with up(folder, "--policy-source", "files", policies=document(1)) as running, running.client() as client:
        publish(folder, document(2))
        assert rules(client) == ["allow-1"]
        assert health(running)["policies"]["source"] == "files"
        assert client.get("/v1/policies").json()["source"] == "files"


def test_up_files_and_database_alone_contradict_each_other(folder, document):
    done = axonflow("up", "--data", folder, *FREE_PORTS, *SOURCE, "--policies", document(1))
    assert done.returncode == 2
    assert "files are no source of policies" in done.stderr


def test_up_starts_without_its_database_once_it_was_up_with_it(folder, document):
    with temporary_data_folder() as data:
        server = own_server(data)
        try:
            dsn = server.start()
            given = (*SOURCE, "--database-url", dsn)
            with up(folder, *given, policies=None) as running, running.client() as client:
                publish(folder, document(1), "--database-url", dsn)
                eventually(lambda: rules(client) == ["allow-1"], "the policies")
                eventually(lambda: all(is_kept(folder, service) for service in SERVICES), "the snapshots of both")
                assert running.stop() == 0
            server.stop()
            with up(folder, *given, policies=None) as running, running.client() as client:
                assert rules(client) == ["allow-1"]
                found = health(running)
                assert (found["status"], found["policies"]["as_of"]) == ("degraded", None)
                assert "starting without the database" in running.said()
                server.start()
                eventually(lambda: health(running)["status"] == "healthy", "the database")
                publish(folder, document(2), "--database-url", dsn)
                eventually(lambda: rules(client) == ["allow-2"], "the new policies")
        finally:
            server.stop()
