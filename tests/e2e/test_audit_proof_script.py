"""The script of the reference manual, as a third party runs it, without our package: it accepts what we do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from axonflow.audit import WriterKey
from axonflow.audit.merkle import leaf_hash, merkle_path, merkle_root
from tests.audit_trail import Writer, signer
from tests.unit.audit.test_proof import proved

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "audit-proof.md"
(SCRIPT,) = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
WITHOUT_US = "import sys; sys.modules['axonflow'] = None\n"


@pytest.fixture(scope="module")
def writer():
    writer = Writer("wé")
    writer.seal(a=9, b=4, c=1)
    writer.rotate("second")
    writer.seal(a=6, b=1)
    return writer


def checked(folder, proof, seed="key"):
    """With -O, under which no assertion is left of a script."""
    (folder / "check_proof.py").write_text(WITHOUT_US + SCRIPT, "utf-8")
    (folder / "proof.json").write_bytes(proof.to_json())
    (folder / "writer.pem").write_bytes(signer(seed).public_pem)
    command = [sys.executable, "-I", "-O", "check_proof.py", "proof.json", "writer.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_script_of_the_manual_has_at_most_fifty_lines_all_counted():
    assert len(SCRIPT.splitlines()) <= 50


@pytest.mark.parametrize("count", range(1, 20))
def test_script_of_the_manual_finds_the_root_of_a_tree_of_any_size_and_of_no_other(count):
    functions, _, _ = SCRIPT.partition("with open(")
    found = {}
    exec(functions, found)
    entries = [bytes([number]) for number in range(count)]
    leaves = [leaf_hash(entry) for entry in entries]
    root = merkle_root(leaves)
    for index, entry in enumerate(entries):
        path = [one.hex() for one in merkle_path(leaves, index)]
        assert found["root_from"](entry, index, count, path) == root
        for longer in ([*path, "00" * 32], ["00" * 32, *path]):
            with pytest.raises(ValueError, match="does not hold"):
                found["root_from"](entry, index, count, longer)
        if path:
            with pytest.raises(ValueError, match="does not hold"):
                found["root_from"](entry, index, count, path[1:])
            assert found["root_from"](b"other", index, count, path) != root


@pytest.mark.parametrize(("batch", "record"), [(0, 0), (0, 8), (0, 12), (0, 13), (1, 3), (1, 6)])
def test_script_of_the_manual_accepts_our_proofs(writer, tmp_path, batch, record):
    wanted = writer.batches[batch].records[record].event
    done = checked(tmp_path, proved([writer], wanted.event_id))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["event_id"] == wanted.event_id


def test_script_of_the_manual_refuses_what_does_not_hold(writer, tmp_path):
    proof = proved([writer], writer.batches[1].records[2].event.event_id)
    wrong = WriterKey("wé", 2, proof.keys[1].key_id, b"", b"")
    changes = [
        {"canonical": proof.canonical.replace("deny", "allow")}, {"sequence": 10}, {"index": 3}, {"position": 1},
        {"path": proof.path[:-1]}, {"path": (*proof.path, "00" * 32)}, {"signature": "00" * 64},
        {"segment": proof.segment.replace('"a"', '"b"')}, {"batch": proof.batch.replace("sealed_us", "sealed")},
        {"keys": proof.keys[1:]}, {"keys": (proof.keys[0], replace(proof.keys[1], number=wrong.number))},
    ]  # fmt: skip
    for change in changes:
        assert checked(tmp_path, replace(proof, **change)).returncode == 1, change
    assert checked(tmp_path, proof, "nobody's").returncode == 1
    assert checked(tmp_path, proof, "second").returncode == 0
