"""`axonflow policy publish | activate | rollback | history | diff`, on a PostgreSQL."""

import json

import pytest

from tests.postgres import execute, postgres_dsn
from tests.postgres_stores import ReadableStore, migrated_dsn, opened
from tests.strategies import policy_set
from tests.unit.cli.conftest import RULES

__all__ = ["migrated_dsn", "postgres_dsn"]


@pytest.fixture
def axonflow(run, policies, migrated_dsn, request):
    """`axonflow("publish", ...)` for a tenant of the test's own, in a folder with `release.key`."""
    tenant = request.node.name[-200:]
    execute(
        migrated_dsn, "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us) "
        f"VALUES ('{tenant}', 'T', 'enterprise', 1, 'user:ann', 1)",
    )  # fmt: skip
    assert run("policy", "keygen", "release").exit_code == 0

    def axonflow(verb, *options, why=("--reason", "because")):
        reason = why if verb in {"publish", "activate", "rollback"} else ()
        key = ("--key", "release.key") if verb == "publish" and "--key" not in options else ()
        return run(
            "policy", verb, *options, *key, *reason, "--tenant", tenant, "--database-url", axonflow.url, "--data", "."
        )

    axonflow.tenant, axonflow.url = tenant, migrated_dsn
    return axonflow


def done(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def with_rules(policies, *rules):
    (policies / "small.json").write_text(json.dumps(policy_set([*RULES, *rules])))


def test_publish_keeps_a_version_and_says_how_to_put_it_in_force(axonflow):
    result = axonflow("publish")
    assert result.exit_code == 0, result.output
    assert "published version 1 of main" in result.stdout
    assert "4 rules" in result.stdout
    assert f"axonflow policy activate 1 --tenant '{axonflow.tenant}'" in result.stdout
    assert done(axonflow("publish", "--json"))["version"]["version"] == 1
    assert "none of them was ever in force" in axonflow("history").stdout


def test_publish_and_activate_and_rollback_are_in_the_history_with_who_and_why(axonflow, policies):
    first = done(axonflow("publish", "--activate", "--author", "user:ann", "--json"))
    assert first["in_force"]["version"] == 1
    with_rules(policies, {"id": "more", "effect": "log"})
    done(axonflow("publish", "--json"))
    activated = axonflow("activate", "2", "--expect", "1", why=("--reason", "Change 4711."))
    assert "version 2 of main is in force" in activated.stdout
    assert done(axonflow("rollback", "--json"))["version"] == 1
    assert done(axonflow("rollback", "--to", "2", "--json"))["sequence"] == 4
    history = done(axonflow("history", "--json"))
    assert [(one["kind"], one["version"]) for one in history["activations"]] == [
        ("rollback", 2), ("rollback", 1), ("activate", 2), ("activate", 1),
    ]  # fmt: skip
    assert history["activations"][3]["author"] == "user:ann"
    assert history["activations"][2]["author"].startswith("user:")
    shown = axonflow("history").stdout
    assert "Change 4711." in shown
    assert "rollback" in shown


def test_publish_and_activate_and_rollback_are_in_the_audit_trail_with_who_ran_them(axonflow, policies):
    done(axonflow("publish", "--activate", "--author", "user:ann", "--json"))
    with_rules(policies, {"id": "more", "effect": "log"})
    done(axonflow("publish", "--json"))
    done(axonflow("activate", "2", "--json", why=("--reason", "Change 4711.")))
    done(axonflow("rollback", "--json"))
    done(axonflow("rollback", "--to", "2", "--json"))
    assert axonflow("activate", "9").exit_code == 2

    with opened(axonflow.url) as (run, database):
        store = ReadableStore(database)
        (writer_id,) = [writer for _, writer in run(store.chains(axonflow.tenant))]
        events = [one.event for one in run(store.chain(axonflow.tenant, writer_id, 0, 100))]
    assert [event.action for event in events if event.details["outcome"] == "done"] == [
        "policy.publish", "policy.activate", "policy.publish", "policy.activate", "policy.rollback", "policy.rollback",
    ]  # fmt: skip
    assert (events[1].details["author"], events[1].details["version"]) == ("user:ann", 1)
    assert {event.principal.partition(":")[0] for event in events} == {"cli"}
    assert {event.resource for event in events} == {"policy_set:main"}
    assert (events[6].reasons, events[-1].details["outcome"]) == (("Change 4711.",), "failed")


def test_rollback_of_the_first_one_leaves_nothing_in_force(axonflow):
    nothing = axonflow("rollback")
    assert (nothing.exit_code, "nothing to roll back" in nothing.stderr) == (2, True)
    axonflow("publish", "--activate")
    assert "nothing of main is in force" in axonflow("rollback").stdout


def test_activate_when_somebody_else_was_first_is_a_conflict_and_does_nothing(axonflow):
    axonflow("publish", "--activate")
    result = axonflow("activate", "1", "--expect", "0")
    assert result.exit_code == 2
    assert "somebody else changed what is in force" in result.stderr
    assert done(axonflow("history", "--json"))["activations"][0]["sequence"] == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("layer", "of another layer than where it is published"),
        ("test", "no-shell"),
        ("expression", "no-shell"),
        ("no key", "documents are signed when they are published"),
        ("no such tenant", "there is no such tenant"),
        ("no reason", "has its reason"),
        ("bad name", "not a name for a set"),
        ("no version", "there is no such version"),
        ("key of a bundle", "a bundle is signed already"),
    ],
)
def test_publish_of_what_cannot_be_is_refused_with_what_to_do(axonflow, run, policies, folder, fault, words):
    options, why, code, verb = [], ("--reason", "because"), 2, "publish"
    request = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}
    if fault == "layer":
        (policies / "small.json").write_text(json.dumps(policy_set(RULES, layer="system")))
    elif fault == "test":
        code = 1
        with_rules(policies, RULES[1] | {"id": "no-shell-2", "tests": [{"request": request, "expect": "allow"}]})
    elif fault == "expression":
        code = 1
        with_rules(policies, {"id": "no-shell-2", "effect": "deny", "when": "nonsense("}, RULES[1])
    elif fault == "no reason":
        why = ("--reason", "  ")
    elif fault == "bad name":
        options = ["--set", "a b"]
    elif fault == "no version":
        verb, options = "activate", ["9"]
    elif fault == "key of a bundle":
        (folder / "p.axb").touch()
        options = ["p.axb", "--key", "release.key"]
    if fault in {"no key", "no such tenant"}:
        key = ("--tenant", "default") if fault == "no key" else ("--tenant", "nobody", "--key", "release.key")
        result = run("policy", "publish", *key, *why, "--database-url", axonflow.url, "--data", ".")
    else:
        result = axonflow(verb, *options, why=why)
    assert result.exit_code == code, result.output
    assert words in result.stderr


def test_publish_of_a_bundle_keeps_it_as_it_was_signed(axonflow, run, policies):
    run("policy", "build", "--key", "release.key", "--out", "p.axb")
    result = run("policy", "publish", "p.axb", "--reason", "r", "--tenant", axonflow.tenant, "--json",
                 "--database-url", axonflow.url, "--data", ".", "--trust", "release.pub", "--activate")  # fmt: skip
    published = done(result)
    assert published["version"]["rules"] == 4
    assert published["in_force"]["digest"] == json.loads(run("policy", "check", "--json").stdout)["policy_digest"]


def test_activate_of_what_no_trusted_key_signed_is_refused(axonflow, run):
    run("policy", "keygen", "other")
    axonflow("publish")
    result = axonflow("activate", "1", "--trust", "other.pub")
    assert result.exit_code == 2
    assert "not signed by a key that is trusted" in result.stderr


def test_publish_on_the_machine_of_an_installation_signs_with_its_key(axonflow, run, folder):
    run("policy", "keygen", "policy")
    result = run("policy", "publish", "--reason", "r", "--tenant", axonflow.tenant, "--database-url",
                 axonflow.url, "--data", ".", "--json")  # fmt: skip
    assert done(result)["version"]["version"] == 1


def test_diff_shows_rules_and_text_and_without_a_second_version_what_is_in_force(axonflow, policies):
    axonflow("publish")
    assert "nothing to compare with" in axonflow("diff", "1").stderr
    axonflow("activate", "1")
    changed = [*RULES[:3], RULES[3] | {"when": "context.amount > 900"}, {"id": "more", "effect": "log"}]
    (policies / "small.json").write_text(json.dumps(policy_set(changed[1:]), indent=1))
    axonflow("publish")
    shown = axonflow("diff", "1", "2").stdout
    assert "+ test/more" in shown
    assert "- test/yes" in shown
    assert "~ test/big-payment: when" in shown
    assert "+++ b/small.json" in shown
    found = done(axonflow("diff", "2", "--json"))
    assert (found["from_version"], found["to_version"], found["added"]) == (1, 2, ["test/more"])
    assert "no rule differs" in axonflow("diff", "1", "1").stdout
    assert axonflow("diff", "1", "1", "--exit-code").exit_code == 0
    assert axonflow("diff", "1", "2", "--exit-code").exit_code == 1


def test_diff_of_versions_says_which_requests_get_another_verdict(axonflow, policies):
    done(axonflow("publish", "--json"))
    with_rules(policies, {"id": "no-sql", "effect": "deny", "match": {"resource.id": "sql"}})
    done(axonflow("publish", "--json"))
    found = done(axonflow("diff", "1", "2", "--json"))
    assert found["added"] == ["test/no-sql"]
    assert {one["kind"] for one in found["verdicts"]["differences"]} >= {"newly-denied"}
    assert found["verdicts"]["differences"][0]["request"]["resource"]["id"] == "sql"
    assert "newly denied" in axonflow("diff", "1", "2").stdout


def test_publish_commands_show_an_example_and_their_exit_codes(run):
    for verb in ("publish", "activate", "rollback", "history", "diff"):
        shown = run("policy", verb, "--help").stdout
        assert "Example" in shown
        assert "Exit codes" in shown
