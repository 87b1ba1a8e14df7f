"""A running `axonflow up` that signs and anchors: its trail is proved to somebody who trusts the anchor alone."""

import asyncio
import json
import shutil

import pytest

from axonflow.adapters.anchors import open_anchor
from axonflow.flows.read_anchor import read_anchor
from tests.postgres import execute
from tests.running import REQUEST, commanded, data_folder, eventually, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def anchored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere") / "anchor"  # which is not there yet
    with data_folder() as data, up(data, "--anchor", f"file:{folder}") as running:
        yield running, folder


def verified(running, *options):
    done = commanded("audit", "verify", "--data", running.folder, "--json", *options)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def knows_the_newest(folder, dsn):
    """Whether the anchor has the newest statement of each writer of the database."""
    told = asyncio.run(read_anchor(open_anchor(f"file:{folder}")))
    stored = execute(
        dsn,
        "SELECT DISTINCT ON (writer_id) writer_id, statement FROM axonflow.audit_batch ORDER BY writer_id, number DESC",
    )
    return all(writer in told and told[writer].statement == statement for writer, statement in stored)


def test_up_with_an_anchor_proves_its_trail_by_it(anchored):
    running, folder = anchored
    with running.client() as client:
        assert client.post("/v1/decisions", json=REQUEST).status_code == 200
        event_id = client.post("/api/v1/audit/search", json={}).json()["entries"][0]["id"]
    eventually(lambda: any(folder.glob("heads/*/*.json")), "heads in the anchor")
    code, report = verified(running, "--anchor", f"file:{folder}")
    assert (code, report["broken"], report["trust"]) == (0, [], "anchor"), report
    writers = [one for one in report["writers"] if one["batches"]]
    assert all(one["signed"] == one["batches"] and one["anchored_us"] for one in writers)

    proof = folder.parent / "proof.json"
    assert commanded("audit", "prove", event_id, "--data", running.folder, "--output", proof).returncode == 0
    key = running.folder / "spool" / "agent" / "audit.pub"
    assert commanded("audit", "check-proof", proof, "--trust", key).returncode == 0


def test_up_with_an_anchor_tells_it_of_what_is_done_by_command(anchored):
    running, folder = anchored
    done = commanded("tenant", "create", "by-command", "--data", running.folder)
    assert done.returncode == 0, done.stderr
    eventually(lambda: any(folder.glob("heads/cli-*/*.json")), "a head of what was done by command in the anchor")
    code, report = verified(running, "--anchor", f"file:{folder}")
    assert (code, report["broken"]) == (0, [])
    (machine,) = [one for one in report["writers"] if one["writer_id"].startswith("cli-")]
    assert machine["signed"] == machine["batches"] == 1


def test_up_whose_newest_events_were_cut_off_everywhere_is_found_by_its_anchor(anchored, tmp_path):
    running, folder = anchored
    dsn = (running.folder / "database-url").read_text().strip()
    with running.client() as client:
        assert client.post("/v1/decisions", json=REQUEST).status_code == 200
        assert client.post("/api/v1/audit/search", json={}).status_code == 200
    eventually(lambda: knows_the_newest(folder, dsn), "the newest heads in the anchor")
    shutil.copytree(folder, tmp_path / "copy")
    newest = "(SELECT max(number) FROM axonflow.audit_batch AS other WHERE other.writer_id = batch.writer_id)"
    execute(
        dsn, "SET session_replication_role = replica",
        "DELETE FROM axonflow.audit_event AS event USING axonflow.audit_segment AS batch"
        f" WHERE event.writer_id = batch.writer_id AND event.sequence >= batch.first AND batch.number = {newest}",
        f"DELETE FROM axonflow.audit_segment AS batch WHERE number = {newest}",
        f"DELETE FROM axonflow.audit_batch AS batch WHERE number = {newest}",
    )  # fmt: skip
    code, report = verified(running, "--anchor", f"file:{tmp_path}/copy")
    assert code == 1
    assert {one["kind"] for one in report["broken"]} <= {"batch_missing", "writer_missing"}
    assert verified(running)[0] == 0
