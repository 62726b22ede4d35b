"""Merge patches: RFC 7396's examples, and that any document becomes any other."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.inspector.patches import apply, difference

# RFC 7396, appendix A: document, patch, result.
EXAMPLES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "result"), EXAMPLES)
def test_examples_of_the_rfc(document, patch, result):
    before = copy.deepcopy((document, patch))
    assert apply(document, patch) == result
    assert (document, patch) == before


def without_nulls(document):
    """Null and missing are the same, except in lists."""
    if isinstance(document, dict):
        return {k: without_nulls(v) for k, v in document.items() if v is not None}
    return document


# In lists, Python's comparison does not tell true from 1, so lists have no booleans here.
scalars = st.none() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"])
lists = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
values = st.recursive(
    scalars | st.booleans() | lists,
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(documents, documents)
def test_the_difference_changes_the_one_into_the_other(old, new):
    changed = apply(old, difference(old, new))
    assert json.dumps(without_nulls(changed), sort_keys=True) == json.dumps(
        without_nulls(new), sort_keys=True
    )


@given(documents)
def test_equal_documents_do_not_differ(document):
    assert difference(document, copy.deepcopy(document)) == {}
    assert difference(document, without_nulls(document)) == {}
    assert apply(document, {}) == document


def test_only_what_differs_is_in_the_patch():
    old = {"rows": {"7": {"sent": 1, "peer": "x"}, "8": {"sent": 1}}, "order": [7, 8]}
    new = {"rows": {"7": {"sent": 2, "peer": "x"}, "9": {"sent": 0}}, "order": [7, 9]}
    assert difference(old, new) == {
        "rows": {"7": {"sent": 2}, "8": None, "9": {"sent": 0}},
        "order": [7, 9],
    }


def test_true_is_not_one():
    assert difference({"a": 1, "b": True}, {"a": True, "b": 1}) == {"a": True, "b": 1}


def test_what_becomes_unknown_is_removed():
    assert difference({"pending": {"a": 1}}, {"pending": None}) == {"pending": None}
    assert difference({}, {"pending": None}) == {}
