"""What is sealed of persons opens to the same with their keys, to nothing without, and hides nothing unstorable."""

import json
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.aes_gcm import Aes256Gcm
from axonflow.audit import AuditEvent, Detected
from axonflow.audit.persons import PersonKey, is_person, is_pseudonym, key_ids_of, opened, persons_of, pseudonym, sealed
from axonflow.errors import AuditError
from tests.unit.audit.test_event import event


class Keys:
    """One for each tenant and person."""

    def __init__(self):
        self.opens, self.made = {}, {}

    def key_of(self, tenant_id, person):
        if (tenant_id, person) not in self.made:
            cipher, key_id = Aes256Gcm(bytes([len(self.made)] * 32)), f"{len(self.made):032x}"
            self.opens[key_id] = cipher.open
            self.made[tenant_id, person] = PersonKey(key_id, cipher.seal, None)
        return self.made[tenant_id, person]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
NAMES = st.sampled_from(["user:", "agent:", "user:~", "tool:"]).flatmap(lambda kind: TEXTS.map(kind.__add__))
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.lists(TEXTS, max_size=2)
FACTS = st.dictionaries(TEXTS, VALUES, max_size=3)
EVENTS = st.builds(
    event,
    tenant_id=TEXTS,
    kind=st.sampled_from(["decision", "tool_call", "admin", "login"]),
    principal=NAMES,
    on_behalf_of=st.lists(NAMES, max_size=3).map(tuple),
    resource=NAMES,
    errors=st.lists(TEXTS, max_size=2).map(tuple),
    content_redacted=TEXTS,
    attributes=FACTS,
    details=FACTS,
)


@given(original=EVENTS, destroyed=st.integers(0, 3))
def test_event_sealed_opens_to_the_same_and_without_a_key_to_nothing_of_that_person(original, destroyed):
    keys = Keys()
    kept, used = sealed(original, keys.key_of)
    persons = persons_of(original)
    assert [key.key_id for key in used] == [keys.made[original.tenant_id, person].key_id for person in persons]
    stored = AuditEvent.from_canonical(kept.recordable())
    assert opened(stored, keys.opens) == replace(original, schema_version=kept.schema_version)
    assert key_ids_of([stored]) == keys.opens.keys()
    assert opened(stored, {}) == stored
    if persons:
        person = persons[destroyed % len(persons)]
        key_id = keys.made[original.tenant_id, person].key_id
        left = opened(stored, {one: opens for one, opens in keys.opens.items() if one != key_id})
        names = (original.principal, *original.on_behalf_of, original.resource)
        assert (left.principal, *left.on_behalf_of, left.resource) == tuple(
            pseudonym(key_id) if name == person else name for name in names
        )
        if original.kind not in ("admin", "login"):
            assert (left.errors, left.content_redacted, left.attributes, left.details) == ((), "", {}, {})
    else:
        assert kept is original


def test_event_of_one_person_is_sealed_in_one_piece_and_of_version_3():
    kept, _ = sealed(event(attributes={"principal.city": "Oslo"}, errors=("p: no such city",)), Keys().key_of)
    said = json.loads(kept.canonical())
    assert (said["principal"], said["schema_version"], list(said["sealed"])) == (f"user:~{0:032x}", 3, [f"{0:032x}"])
    assert not {"attributes", "errors"} & said.keys()
    assert b"Oslo" not in kept.canonical()


def test_event_of_two_persons_with_nothing_told_of_them_has_only_their_names_sealed():
    kept, _ = sealed(event(resource="user:bob"), Keys().key_of)
    assert list(kept.sealed) == [f"{0:032x}", f"{1:032x}"]


@pytest.mark.parametrize("kind", ["admin", "login"])
def test_event_of_an_administrator_keeps_what_was_changed_readable(kind):
    kept, _ = sealed(event(kind=kind, resource="user:bob", details={"role": "auditor"}), Keys().key_of)
    assert kept.details == {"role": "auditor"}
    assert (kept.principal, kept.resource) == (f"user:~{0:032x}", f"user:~{1:032x}")


def test_event_whose_sealed_parts_are_put_into_another_does_not_open():
    keys = Keys()
    kept, _ = sealed(event(), keys.key_of)
    for moved in (
        replace(kept, event_id="00000000-0000-7000-8000-000000000006"),
        replace(kept, tenant_id="other"),
        replace(kept, sealed={name: "AAAA" + text[4:] for name, text in kept.sealed.items()}),
        replace(kept, sealed=dict.fromkeys(kept.sealed, "not base64")),
        replace(kept, sealed={name: text[:8] for name, text in kept.sealed.items()}),
    ):
        assert opened(moved, keys.opens) == moved


def test_event_whose_sealed_part_is_no_part_stays_sealed():
    key = Keys().key_of("acme", "user:ann")
    kept = replace(event(), sealed={key.key_id: "AAAA"})
    assert opened(kept, {key.key_id: lambda _data, _about: b"[]"}) == kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"attributes": {"context.x": float("nan")}}, "attributes"),
        ({"details": {"x": "\0"}}, "details"),
        ({"details": {"x": "\ud800"}}, "details"),
        ({"principal": "user:\0"}, "principal"),
        ({"principal": "user:\ud800"}, "principal"),
        ({"attributes": {"context.x": object()}}, "attributes|types"),
    ],
)
def test_event_that_could_not_be_recorded_unsealed_is_refused_by_its_field(changes, field):
    with pytest.raises(AuditError, match=field):
        sealed(event(**changes), Keys().key_of)


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": None}, {"on_behalf_of": (1,)}, {"resource": None}, {"tenant_id": 1}, {"attributes": []},
        {"details": "x"}, {"content_redacted": 1}, {"errors": (1,)}, {"kind": []},
    ],
)  # fmt: skip
def test_event_of_other_types_that_cannot_be_recorded_is_refused(changes):
    with pytest.raises(AuditError, match="types"):
        sealed(event(**{"principal": "user:ann"} | changes), Keys().key_of)


class Named(Enum):
    ANN = "user:ann"


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": ["I am ann"]}, {"details": Detected("I am ann", "x", 0, 1)}, {"principal": Named.ANN},
        {"on_behalf_of": (Named.ANN,), "principal": "agent:bot"},
    ],
)  # fmt: skip
def test_event_of_other_types_that_is_recorded_all_the_same_is_sealed(changes):
    given = event(**{"principal": "user:ann"} | changes)
    kept, used = sealed(given, Keys().key_of)
    assert b"ann" in given.recordable()
    assert b"ann" not in kept.recordable()
    assert len(used) == 1


def test_event_of_other_types_without_persons_has_nothing_to_be_sealed():
    assert sealed(event(principal=b"bot"), Keys().key_of)[1] == ()


def test_person_is_who_is_named_user_and_nobody_else():
    assert [is_person(name) for name in ("user:ann", "user:", "agent:ann", "ann", "users:ann")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "stands_for_somebody"),
    [(f"user:~{'0a' * 16}", True), (f"user:~{'0a' * 15}", False), (f"user:~{'0A' * 16}", False), ("user:ann", False),
     (f"agent:~{'0a' * 16}", False), (f"user:~{'0a' * 16}\n", False)],
)  # fmt: skip
def test_pseudonym_is_what_stands_for_a_person_and_nothing_else(name, stands_for_somebody):
    assert is_pseudonym(name) is stands_for_somebody
    assert is_pseudonym(pseudonym("0a" * 16))
