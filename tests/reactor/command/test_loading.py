"""Loading what ``module:name`` refers to."""

from __future__ import annotations

import sys

import pytest

from reactor.command import WRONG_USAGE, CommandError, load_object, search_current_folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, and the first one to look for modules in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    search_current_folder()
    yield tmp_path
    for name in list(sys.modules):
        if name.startswith("loaded_"):
            del sys.modules[name]


def test_the_name_may_have_dots(folder):
    (folder / "loaded_site.py").write_text("class Namespace:\n    inner = 7\n")
    assert load_object("loaded_site:Namespace.inner", "--app x") == 7


def test_the_current_folder_is_searched_first_and_once():
    assert sys.path.index("") == 0
    search_current_folder()
    assert sys.path.count("") == 1


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("os.path", "--app x: not of the form module:object"),
        ("os:path()", "--app x: not of the form module:object"),
        ("loaded_missing:app", "--app x: there is no module 'loaded_missing'"),
        ("sys.deeper:app", "as 'sys' is not a package but a part of Python"),
        ("json.py:app", "there is no module 'json.py': leave out '.py'"),
        ("os:missing.part", "--app x: 'os' has no 'missing.part'"),
    ],
)
def test_what_cannot_be_found_is_a_command_error(reference, message):
    with pytest.raises(CommandError) as caught:
        load_object(reference, "--app x", "module:object")
    assert str(caught.value).endswith(message)
    assert caught.value.status == WRONG_USAGE


def test_an_error_inside_the_module_is_raised_as_it_is(folder):
    (folder / "loaded_broken.py").write_text("import loaded_missing")
    with pytest.raises(ModuleNotFoundError, match="loaded_missing"):
        load_object("loaded_broken:app", "--app x")
