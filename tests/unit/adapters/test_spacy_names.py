"""spaCy as a recogniser of names; with a pipeline made here, since trained ones are installed apart."""

from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from axonflow.adapters.spacy_names import SpacyNames
from axonflow.detect.names import NameSpan
from axonflow.errors import ConfigurationError

HAS_SPACY = find_spec("spacy") is not None
needs_spacy = pytest.mark.skipif(not HAS_SPACY, reason="spacy is absent: pip install 'axonflow[names]'")


def test_entities_become_names_by_their_labels():
    def pipeline(text):
        labels = ("PERSON", "PER", "GPE", "LOC", "FAC", "ORG", "DATE", "MONEY")
        return SimpleNamespace(
            ents=[SimpleNamespace(label_=label, start_char=at, end_char=at + 1) for at, label in enumerate(labels)]
        )

    assert list(SpacyNames(pipeline).find("12345678")) == [
        NameSpan(0, 1, "person"),
        NameSpan(1, 2, "person"),
        NameSpan(2, 3, "place"),
        NameSpan(3, 4, "place"),
        NameSpan(4, 5, "place"),
        NameSpan(5, 6, "organisation"),
    ]


@pytest.mark.skipif(HAS_SPACY, reason="spacy is installed")
def test_load_without_spacy_says_what_to_install():
    with pytest.raises(ConfigurationError, match=r"axonflow\[names\]"):
        SpacyNames.load()


@needs_spacy
def test_load_of_a_pipeline_that_is_not_installed_says_so():
    with pytest.raises(ConfigurationError, match="no such spaCy pipeline"):
        SpacyNames.load("no_such_pipeline")


@needs_spacy
def test_load_of_a_pipeline_at_a_path_finds_its_names(tmp_path):
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ann Lee"}])
    pipeline.to_disk(tmp_path / "pipeline")
    names = SpacyNames.load(str(tmp_path / "pipeline"))
    assert list(names.find("I am Ann Lee.")) == [NameSpan(5, 12, "person")]
