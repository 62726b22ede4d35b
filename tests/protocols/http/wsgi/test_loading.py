"""``--app module:callable``."""

import sys
from functools import partial, wraps
from types import SimpleNamespace

import pytest

from protocols.http.wsgi.loading import is_asgi, load_app
from reactor.command.application import WRONG_USAGE, CommandError

MODULE = """
def app(environ, start_response):
    pass

def create():
    return app

def twice():
    return create

def not_really():
    return 1

class Namespace:
    inner = staticmethod(app)

number = 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "wsgi_site.py").write_text(MODULE)
    (tmp_path / "wsgi_broken.py").write_text("import wsgi_missing")
    (tmp_path / "wsgi_package").mkdir()
    (tmp_path / "wsgi_package" / "__init__.py").touch()
    (tmp_path / "wsgi_package" / "site.py").write_text(MODULE)
    yield tmp_path
    for name in list(sys.modules):
        if name.startswith("wsgi_"):
            del sys.modules[name]


@pytest.mark.parametrize(
    "reference",
    ["wsgi_site:app", "wsgi_site:create()", "wsgi_site:Namespace.inner", "wsgi_package.site:app"],
)
def test_a_reference_leads_to_the_application(reference):
    assert load_app(reference).__name__ == "app"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("wsgi_site", "not of the form module:callable or module:factory()"),
        ("wsgi_site:", "not of the form module:callable or module:factory()"),
        (":app", "not of the form module:callable or module:factory()"),
        ("wsgi_site:app(1)", "not of the form module:callable or module:factory()"),
        ("../wsgi_site:app", "not of the form module:callable or module:factory()"),
        ("wsgi_site.py:app", "there is no module 'wsgi_site.py': leave out '.py'"),
        ("wsgi_nothing:app", "there is no module 'wsgi_nothing'"),
        ("wsgi_package.other:app", "there is no module 'wsgi_package.other'"),
        ("wsgi_site:other", "'wsgi_site' has no 'other'"),
        ("wsgi_site:Namespace.other", "'wsgi_site' has no 'Namespace.other'"),
        ("wsgi_site:number", "'number' cannot be called"),
        ("wsgi_site:number()", "'number()' cannot be called"),
        ("wsgi_site:not_really()", "'not_really()' cannot be called"),
        (
            "wsgi_site:create",
            "'create' cannot be called with environ and start_response; "
            "if it returns the application, write wsgi_site:create()",
        ),
        ("wsgi_site:twice()", "'twice()' cannot be called with environ and start_response"),
    ],
)
def test_a_wrong_reference_is_one_line(reference, message):
    with pytest.raises(CommandError) as caught:
        load_app(reference)
    assert str(caught.value) == f"--app {reference}: {message}"
    assert caught.value.status == WRONG_USAGE


async def coroutine_function(scope, receive, send):
    pass


class Instance:
    async def __call__(self, scope, receive, send):
        pass


class DoubleCallable:
    """ASGI 2."""

    def __init__(self, scope):
        pass

    async def __call__(self, receive, send):
        pass


def double_callable(scope):
    return coroutine_function


def wrapped(scope, receive, send):
    return coroutine_function(scope, receive, send)


class Response:
    """A WSGI application may be a class whose instances are the response."""

    def __init__(self, environ, start_response):
        pass

    def __iter__(self):
        return iter(())


@pytest.mark.parametrize(
    "app",
    [coroutine_function, partial(coroutine_function), Instance(), DoubleCallable, double_callable,
     wrapped],
)  # fmt: skip
def test_an_asgi_application_is_one_line(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "asgi_site", SimpleNamespace(app=app))
    with pytest.raises(CommandError) as caught:
        load_app("asgi_site:app")
    assert str(caught.value).startswith("--app asgi_site:app: this is an ASGI application")
    assert "uvicorn" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.status == WRONG_USAGE


@pytest.mark.parametrize(
    "app", [Response, lambda environ, start_response: [], lambda *args: [], max]
)
def test_a_wsgi_application_is_not_mistaken_for_asgi(app):
    assert not is_asgi(app)


@pytest.mark.parametrize("app", [Response, lambda *args: [], max, partial(max, 1), dict])
def test_anything_that_takes_two_arguments_is_accepted(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "some_site", SimpleNamespace(app=app))
    assert load_app("some_site:app") is app


def test_the_signature_of_a_decorator_counts_not_that_of_its_function(monkeypatch):
    @wraps(lambda request: None)
    def app(environ, start_response):
        pass

    monkeypatch.setitem(sys.modules, "some_site", SimpleNamespace(app=app))
    assert load_app("some_site:app") is app


def test_an_error_within_the_module_propagates():
    with pytest.raises(ModuleNotFoundError, match="wsgi_missing"):
        load_app("wsgi_broken:app")
