"""`axonflow policy import`."""

import json
import os

import pytest

from axonflow import AxonFlow, Request

CEDAR = """@id("staff")
permit(principal in Group::"staff", action == Action::"tool.call", resource);
"""
BAD = 'forbid(principal, action, resource in Album::"a") when { context.risk > 3 };\n'


@pytest.fixture
def source(folder):
    def write(text, name="photos.cedar"):
        (folder / name).write_text(text, "utf-8")
        return name

    return write


def test_import_to_standard_output_is_a_document_and_a_report_beside_it(run, source, folder):
    result = run("policy", "import", source(CEDAR))
    assert result.exit_code == 0
    assert result.stdout == (
        "# Imported from photos.cedar.\n"
        "apiVersion: axonflow.dev/v1\n"
        "kind: PolicySet\n"
        "metadata: {name: photos}\n"
        "default: deny\n"
        "rules:\n"
        "  # permit at photos.cedar:1:1\n"
        "  - id: staff\n"
        "    effect: allow\n"
        "    match: {action: tool.call, principal.groups: staff}\n"
    )
    assert result.stderr == "photos: 1 allow, from photos.cedar\nall of it is carried over\n"
    (folder / "set.yaml").write_text(result.stdout)
    assert run("policy", "check", "set.yaml").exit_code == 0


def test_import_into_a_folder_writes_files_that_load(run, source, folder):
    (folder / "old").mkdir()
    source(CEDAR, "old/a.cedar")
    source(json.dumps([{"name": "No drops", "pattern": "drop table"}]), "old/b.json")
    source("not a policy", "old/notes.txt")
    result = run("policy", "import", "old", "--out", "policies")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == [
        "wrote policies/a.yaml: 1 allow, from old/a.cedar",
        "wrote policies/b.yaml: 1 deny, from old/b.json",
    ]
    assert len(AxonFlow.open("policies").policies.rules) == 2
    again = run("policy", "import", "old", "--out", "policies")
    assert (again.exit_code, "files are in the way" in again.stderr) == (2, True)
    assert run("policy", "import", "old", "--out", "policies", "--force").exit_code == 0


def test_import_that_leaves_a_denial_out_says_so_and_exits_with_1(run, source):
    result = run("policy", "import", source(CEDAR + BAD), "--out", "policies")
    assert result.exit_code == 1
    assert "1 not as it was, 1 of which may let something pass" in result.stdout
    assert "photos.cedar:3:39: left out: Album" in result.stdout
    assert 'memberships: {"Album": resource.albums}' in result.stdout
    widened = run("policy", "import", source(CEDAR + BAD), "--widen", "--json")
    assert widened.exit_code == 0
    report = json.loads(widened.stdout)
    assert (report["ok"], report["sets"][0]["rules"]) == (True, {"allow": 1, "deny": 1})
    assert [(one["kind"], one["at"], one["loosens"]) for one in report["findings"]] == [
        ("widened", "photos.cedar:3:39", False)
    ]
    assert "widened" in report["sets"][0]["text"]


def test_import_with_a_mapping_carries_over_what_it_names(run, source):
    source("memberships: {Album: resource.albums}\ntypes: {context.risk: int}\n", "names.yaml")
    result = run("policy", "import", source(CEDAR + BAD), "--map", "names.yaml", "--json", "-o", "policies")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["findings"] == []
    assert json.loads(result.stdout)["sets"][0]["file"] == "policies/photos.yaml"
    asked = {"principal": {"id": "ann", "groups": ["staff"]}, "action": "tool.call", "context": {"risk": 5}}
    verdicts = [
        AxonFlow.open("policies").decide(
            Request(**asked, resource={"type": "doc", "id": "d", "attributes": {"albums": albums}})
        )
        for albums in (["b"], ["a"])
    ]
    assert [one.allowed for one in verdicts] == [True, False]


def test_import_strict_exits_with_1_for_a_permit_that_is_left_out(run, source):
    name = source("permit(principal in ?principal, action, resource);")
    assert run("policy", "import", name).exit_code == 0
    assert run("policy", "import", name, "--strict").exit_code == 1


def test_import_from_standard_input_is_told_by_what_it_holds(run):
    result = run(
        "policy", "import", "-", "--json", input='{"policies": [{"name": "No", "pattern": "x", "action": "warn"}]}'
    )
    assert json.loads(result.stdout)["sets"][0]["rules"] == {"warn": 1}
    assert run("policy", "import", "-", "--from", "cedar", input=CEDAR).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit(", "photos.cedar:1:8: not a Cedar policy"),
        (b"\xff", "photos.cedar:1: not UTF-8"),
        ("permit\x1b[31m", "photos.cedar:1:7: not part of a Cedar policy"),
    ],
)
def test_import_of_what_is_no_policy_is_bad_input_with_its_place(run, folder, text, said):
    (folder / "photos.cedar").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = run("policy", "import", "photos.cedar")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "\x1b[31m" not in result.stderr


def test_import_of_a_folder_without_policies_is_bad_input(run, folder):
    (folder / "empty").mkdir()
    result = run("policy", "import", "empty")
    assert (result.exit_code, "nothing to import" in result.stderr) == (2, True)


def test_import_shows_names_of_others_without_what_steers_a_terminal(run, source):
    text = 'permit(principal, action, resource) when { context["\\u{1b}[31m"] is User };'
    result = run("policy", "import", source(text))
    assert "\x1b[31m" not in result.output
    assert "left out" in result.stderr


def test_link_to_nothing_in_the_way_leads_to_no_file_elsewhere(run, source, folder):
    (folder / "policies").mkdir()
    (folder / "policies/photos.yaml").symlink_to(folder / "elsewhere.yaml")
    result = run("policy", "import", source(CEDAR), "--out", "policies")
    assert (result.exit_code, "files are in the way" in result.stderr) == (2, True)
    assert not (folder / "elsewhere.yaml").exists()


def test_file_whose_name_is_no_text_is_reported_with_its_bytes(run, folder):
    name = os.fsdecode(b"ph\xff.cedar")
    (folder / name).write_text(CEDAR + BAD)
    result = run("policy", "import", name, "--json")
    report = json.loads(result.stdout)
    assert (report["sets"][0]["source"], report["findings"][0]["at"]) == (r"ph\xff.cedar", r"ph\xff.cedar:3:39")
    assert run("policy", "import", name, "--out", os.fsdecode(b"out\xff"), "--json").exit_code == 1
    assert (folder / os.fsdecode(b"out\xff")).is_dir()
