"""Policies from files and folders: which files are read, in which order, and what those are told that are wrong."""

import os

import pytest

from axonflow import AxonFlow, PolicyError, Request
from axonflow.adapters import policy_files
from axonflow.adapters.policy_files import BASELINE, baseline_files, read_policies, sources_of_text
from axonflow.errors import ConfigurationError
from axonflow.policy import PolicySource

HEAD = "apiVersion: axonflow.dev/v1\nkind: PolicySet\nmetadata: {name: %s}\ndefault: deny\n"
NO_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")


def written(folder, **texts):
    for name, text in texts.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def data(place):
    return [source.data for source in read_policies(place)]


def refusal(place):
    with pytest.raises(PolicyError) as raised:
        read_policies(place)
    return raised.value


def test_folder_is_read_with_the_folders_below_it_in_order_of_names(tmp_path):
    written(tmp_path, b_yaml="b", a_yml="a", c_json='"c"', D_YAML="d", z__y__x_yaml="x", k__a_yaml="k")
    assert data(tmp_path) == ["d", "a", "b", "c", "k", "x"]


def test_folder_is_read_without_hidden_files_and_other_kinds(tmp_path):
    written(tmp_path, a_yaml="a", notes_txt="[", README_md="[", yaml="[")
    written(tmp_path / ".git", config_yaml="[")
    (tmp_path / ".hidden.yaml").write_text("[")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    assert data(tmp_path) == ["a", "a"]


def test_folder_with_a_link_to_itself_is_read_once(tmp_path):
    written(tmp_path, a_yaml="a")
    (tmp_path / "again").symlink_to(tmp_path)
    assert data(tmp_path) == ["a"]


def test_file_is_read_whatever_its_suffix(tmp_path):
    assert data(written(tmp_path, policy_txt="a: 1\n---\nb: 2\n---\n") / "policy.txt") == [{"a": 1}, {"b": 2}]


def test_file_with_a_byte_order_mark_is_read(tmp_path):
    written(tmp_path, a_yaml=b"\xef\xbb\xbfa: 1", b_json=b'\xef\xbb\xbf{"b": 2}')
    assert data(tmp_path) == [{"a": 1}, {"b": 2}]


def test_place_may_be_a_path_or_its_text(tmp_path):
    written(tmp_path, a_yaml="a")
    assert data(str(tmp_path)) == data(tmp_path) == ["a"]


def test_place_that_is_not_there_is_named_with_what_to_do(tmp_path):
    error = refusal(tmp_path / "policies")
    assert error.at == str(tmp_path / "policies")
    assert error.hint == f"To start from the baseline: axonflow policy init {tmp_path / 'policies'}"


def test_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone.yaml")
    assert "a.yaml: the file cannot be read: found No such file or directory" in str(refusal(tmp_path))


def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for place in (tmp_path, tmp_path / "pipe.yaml", "/dev/null"):
        assert refusal(place).message == "neither a file nor a folder"


@NO_ROOT
def test_file_that_may_not_be_read_is_named(tmp_path):
    (written(tmp_path, a_yaml="a") / "a.yaml").chmod(0)
    assert "a.yaml: the file cannot be read: found Permission denied" in str(refusal(tmp_path))


def test_folder_named_like_a_file_is_a_folder(tmp_path):
    written(tmp_path / "set.yaml", a_yaml="a")
    assert data(tmp_path) == data(tmp_path / "set.yaml") == ["a"]


def test_files_that_are_wrong_are_all_named(tmp_path):
    written(tmp_path, a_yaml="[", b_json="{", c_yaml=b"ok: \xff", d_yaml="fine: 1", e_yaml="x: &a [*a]")
    error = refusal(tmp_path)
    places = [problem.at.removeprefix(str(tmp_path)) for problem in error.problems]
    assert [place.split(":")[0] for place in places] == ["/a.yaml", "/b.json", "/c.yaml", "/e.yaml"]
    assert str(error).startswith("4 problems in the policies:")


@pytest.mark.parametrize(
    ("content", "place"), [(b"\xff", ":1:1"), (b"a: 1\nb: \xc3\x28", ":2:4"), (b"a: 1\r\n\r\nb\x80", ":3:2")]
)
def test_file_that_is_not_utf8_is_refused_with_the_byte(tmp_path, content, place):
    message = str(refusal(written(tmp_path, a_yaml=content)))
    assert f"a.yaml{place}: not UTF-8: expected UTF-8 text, found byte 0x" in message


def test_file_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_files, "MAX_BYTES", 10)
    written(tmp_path, a_yaml="a: 1234567", b_yaml="a: 12345678")
    assert "b.yaml: document too large: expected at most 10 bytes, found more. Split it" in str(refusal(tmp_path))


def test_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_files, "MAX_FILES", 2)
    written(tmp_path, a_yaml="a", b_yaml="b")
    assert len(read_policies(tmp_path)) == 2
    written(tmp_path, c_yaml="c")
    assert "too many files: expected at most 2, found more" in str(refusal(tmp_path))


def test_baseline_is_read_by_its_name_with_the_names_of_its_files():
    sources = read_policies(BASELINE)
    assert {source.name for source in sources} == {f"@baseline/{name}" for name in baseline_files()}
    assert {source.data["kind"] for source in sources} == {"PolicySet", "PolicyTests"}


@pytest.mark.parametrize("text", ["", " \n", "# default: deny\n", "null", "---\n...\n---\n# x\n"])
def test_file_without_a_document_is_refused_and_named(tmp_path, text):
    error = refusal(written(tmp_path, a_yaml="a", b_yaml=text))
    assert error.at == str(tmp_path / "b.yaml")
    assert error.found == ("nothing but comments or null" if text.strip() else "nothing")


def test_json_file_of_null_is_refused_and_named(tmp_path):
    assert "b.json: no document in it" in str(refusal(written(tmp_path, b_json="null")))


def test_folder_without_a_policy_file_holds_nothing(tmp_path):
    assert data(tmp_path) == []
    assert AxonFlow.open(written(tmp_path, notes_txt="")).policies.rules == ()


@pytest.mark.parametrize("policies", ["", ["@baseline", ""]])
def test_open_with_an_empty_path_does_not_read_the_working_directory(tmp_path, monkeypatch, policies):
    monkeypatch.chdir(written(tmp_path, a_yaml=HEAD % "a"))
    with pytest.raises(ConfigurationError, match="found an empty one"):
        AxonFlow.open(policies)


def test_source_places_a_path_in_its_own_document():
    first, second = sources_of_text("a: 1\n---\n---\n  b: 2", "p.yaml")
    assert isinstance(second, PolicySource)
    assert (first.at(("a",), 0), second.at(("b",), 0)) == ("p.yaml:1:4", "p.yaml:4:6")


YAML_RULE = HEAD % "t" + "rules:\n- id: a\n  effect: deny\n  when: %s\n"
JSON_HEAD = '{"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "default": "deny", '
JSON_RULE = (
    JSON_HEAD + '"metadata": {"name": "t"},\n"rules": [{"id": "a", "effect": "deny", "reason": "\\ud83d\\ude00",%s}]}'
)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("p.yaml", YAML_RULE % "context.x ==", "p.yaml:8:21"),
        ("p.yaml", YAML_RULE % "'context.x == foo'", "p.yaml:8:23"),
        ("p.yaml", YAML_RULE % '"foo"', "p.yaml:8:9"),
        ("p.json", JSON_HEAD + '\n\t"metadata": {"name": "\\ud83d\\ude00"}}', "p.json:2:23"),
        ("p.json", JSON_RULE % '\n\t"when": "foo"', "p.json:3:10"),
    ],
)
def test_fault_in_a_file_has_its_line_and_column(tmp_path, name, text, place):
    (tmp_path / name).write_text(text)
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(tmp_path)
    assert f"/{place}: " in str(raised.value)


def test_json_with_escaped_emoji_and_control_characters_loads(tmp_path):
    body = '"default": "deny", "rules": [{"id": "a", "effect": "allow", "reason": "\\ud83d\\ude00 \x7f \\/"}]}'
    (tmp_path / "p.json").write_text(
        '{"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "t"}, ' + body
    )
    decision = AxonFlow.open(tmp_path).decide(Request("user:a", "tool.call", "tool:x"))
    assert decision.reasons == ("\U0001f600 \x7f /",)


def test_faults_of_a_file_whose_places_are_unknown_are_all_named(tmp_path):
    rules = '"rules": [{"id": "a", "effect": "block"}, {"id": "b", "effect": "deny", "wen": "\x7f"}], "layer": 5}'
    (tmp_path / "p.json").write_text(JSON_HEAD + '"metadata": {"name": "t"}, ' + rules)
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(tmp_path)
    assert [problem.at for problem in raised.value.problems] == [str(tmp_path / "p.json")] * 3


@NO_ROOT
def test_folder_that_may_not_be_read_is_named(tmp_path):
    written(tmp_path, a_yaml="a")
    (tmp_path / "system").mkdir(mode=0)
    try:
        assert "system: the folder cannot be read: found Permission denied" in str(refusal(tmp_path))
    finally:
        (tmp_path / "system").chmod(0o700)


def test_folder_that_fails_while_it_is_read_is_refused(tmp_path, monkeypatch):
    def failing(path, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "system")))
        return iter(())

    monkeypatch.setattr(policy_files.os, "walk", failing)
    assert "system: the folder cannot be read: found Permission denied" in str(refusal(tmp_path))


def test_linked_folder_is_read_like_any_other(tmp_path):
    written(tmp_path / "elsewhere", a_yaml="linked")
    written(tmp_path / "policies", b_yaml="own")
    (tmp_path / "policies" / "shared").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "policies" / "loop").symlink_to(tmp_path / "policies")
    assert sorted(data(tmp_path / "policies")) == ["linked", "own"]
