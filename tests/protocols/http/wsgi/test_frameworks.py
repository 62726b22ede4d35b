"""Applications in Flask, Django and Bottle run unchanged. A real client keeps its connection
and its cookies."""

import gzip
import hashlib
import re
import shutil
from http.client import IncompleteRead

import pytest
import requests

from ....tools.waiting import TIMEOUT
from .apps import bottle_wiki, flask_blog

BIG = bytes(range(256)) * 10_000  # more than the server or a framework keeps in memory
DIGEST = hashlib.sha256(BIG).hexdigest()


class Client(requests.Session):
    """A session with one server."""

    def __init__(self, served):
        super().__init__()
        self.served = served
        self.trust_env = False

    def request(self, method, url, *arguments, **options):
        return super().request(
            method, self.served.url + url, *arguments, timeout=TIMEOUT, **options
        )


@pytest.fixture
def client_of(serve_both):
    clients = []

    def connect(app):
        clients.append(Client(serve_both(app)))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
        client.served.stop()
        assert client.served.errors == []


# -- Flask -----------------------------------------------------------------------------------------


@pytest.fixture
def flask(client_of, tmp_path):
    return client_of(flask_blog.create_app(tmp_path))


def test_flask_pages_forms_and_session(flask):
    assert "There are no posts." in flask.get("/").text
    assert flask.post("/posts", data={"title": "x"}).status_code == 403
    answer = flask.post("/login", data={"user": "Zoë <b>"})
    assert [step.status_code for step in answer.history] == [302]
    assert "<nav>Zoë &lt;b&gt;</nav>" in answer.text
    answer = flask.post("/posts", data={"title": "First", "text": "Ünïcode & more\r\n" * 100})
    assert [step.status_code for step in answer.history] == [303]
    assert answer.url.endswith("/posts/1")
    assert "Saved as 1." in answer.text
    assert answer.text.count("Ünïcode &amp; more") == 100
    assert "A title is required." in flask.post("/posts", data={"title": " "}).text
    flask.post("/logout")
    assert "<nav>nobody</nav>" in flask.get("/").text
    assert float(answer.headers["X-Took"]) >= 0


def test_flask_json_and_conditions(flask):
    answer = flask.post("/api/posts", json={"title": "One"})
    assert (answer.status_code, answer.json()["number"]) == (201, 1)
    assert flask.get("/api/posts").json() == {
        "posts": [{"author": "api", "number": 1, "title": "One"}]
    }
    answer = flask.post("/api/posts", data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    etag = flask.get("/posts/1").headers["ETag"]
    answer = flask.get("/posts/1", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert flask.head("/posts/1").headers["ETag"] == etag
    assert flask.options("/api/posts").headers["Allow"]


def test_flask_uploads_and_downloads(flask, tmp_path):
    answer = flask.post(
        "/upload", files={"file": ("big.bin", BIG, "image/png")}, data={"note": "ein Bild"}
    )
    assert answer.json() == {
        "name": "big.bin",
        "type": "image/png",
        "size": len(BIG),
        "sha256": DIGEST,
        "note": "ein Bild",
    }
    assert (tmp_path / "big.bin").read_bytes() == BIG
    assert flask.get("/files/big.bin").content == BIG
    answer = flask.get("/files/big.bin", headers={"Range": "bytes=256-511"})
    assert (answer.status_code, answer.content) == (206, BIG[256:512])
    # Not with HEAD: werkzeug answers that with (), and never closes its file.
    assert flask.get("/memory").content == b"from memory"
    assert flask.post("/upload", files={"file": b"x" * (5 << 20)}).status_code == 413


def test_flask_streams_and_raw_bodies(flask):
    answer = flask.get("/count/1000")
    assert answer.text == "".join(f"/count/1000 {number}\n" for number in range(1000))
    assert answer.headers["Transfer-Encoding"] == "chunked"
    for method in ("PUT", "PATCH", "DELETE"):
        answer = flask.request(method, "/raw", data=BIG)
        assert answer.json() == {"method": method, "size": len(BIG)}
    chunked = (BIG[start : start + 1000] for start in range(0, len(BIG), 1000))
    assert flask.put("/raw", data=chunked).json()["size"] == len(BIG)


def test_flask_errors(flask, caplog):
    answer = flask.get("/nothing/%C3%A9")
    assert (answer.status_code, answer.text) == (404, "There is no /nothing/é []")
    assert flask.get("/broken").status_code == 500
    assert "ZeroDivisionError: of the application's" in caplog.text
    with pytest.raises(requests.RequestException):
        flask.get("/broken-stream")
    [context] = flask.served.errors
    assert isinstance(context["exception"], ZeroDivisionError)
    flask.served.errors.clear()


# -- Django ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def django_shop():
    from .apps import django_shop

    yield django_shop
    shutil.rmtree(django_shop.FOLDER)


@pytest.fixture
def django(client_of, django_shop):
    return client_of(django_shop.application)


def test_django_forms_csrf_session_and_messages(django):
    assert django.post("/", data={"name": "Tee", "count": 2}).status_code == 403
    page = django.get("/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    for count in (2, 3):
        answer = django.post(
            "/", data={"name": "Tee & Ö", "count": count, "csrfmiddlewaretoken": token}
        )
        assert [step.status_code for step in answer.history] == [302]
        assert "Tee &amp; Ö is in the basket." in answer.text
    assert "<li>5 Tee &amp; Ö</li>" in answer.text
    answer = django.post("/", data={"name": "", "count": 99, "csrfmiddlewaretoken": token})
    assert answer.status_code == 422
    assert "less than or equal to 9" in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("data", "kind"), [(b"small", "InMemoryUploadedFile"), (BIG, "TemporaryUploadedFile")]
)
def test_django_uploads_and_files(django, data, kind):
    answer = django.post("/upload/", files={"file": ("a.bin", data)}, data={"note": "é"})
    assert answer.json() == {
        "kind": kind,
        "sha256": hashlib.sha256(data).hexdigest(),
        "note": "é",
    }
    answer = django.get("/files/a.bin", headers={"Accept-Encoding": "identity"})
    assert answer.content == data
    assert answer.headers["Content-Length"] == str(len(data))
    assert "attachment" in answer.headers["Content-Disposition"]
    assert django.get("/files/a.bin").content == data  # through Django's gzip, so in pieces


def test_django_streams_and_bodies(django):
    lines = "".join(f"line {number}\n" for number in range(1000))
    assert django.get("/stream/1000").text == lines
    answer = django.get("/stream/1000", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert gzip.decompress(answer.raw.read()) == lines.encode()
    assert django.post("/echo", data=BIG).content == BIG
    assert django.post("/echo", data=iter([b"one", b"two"])).content == b"onetwo"


def test_django_conditions_urls_and_errors(django, caplog):
    assert django.head("/cached").headers["Content-Length"]
    answer = django.get("/cached", headers={"If-None-Match": '"fixed"'})
    assert (answer.status_code, answer.content) == (304, b"")
    answer = django.get("/upload", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, "/upload/")
    assert django.get("/where/%C3%BC/x?a=b+c").json() == {
        "url": f"{django.served.url}/where/%C3%BC/x?a=b+c",
        "secure": False,
        "query": {"a": "b c"},
        "path": "/where/ü/x",
        "address": "127.0.0.1",
    }
    assert django.get("/cached", headers={"Host": "evil.example"}).status_code == 400
    assert django.get("/files/nothing").status_code == 404
    assert django.get("/upload/").status_code == 405
    assert django.get("/broken").status_code == 500
    assert "ZeroDivisionError: of the application's" in caplog.text


# -- Bottle ----------------------------------------------------------------------------------------


@pytest.fixture
def bottle(client_of, tmp_path):
    return client_of(bottle_wiki.create_app(tmp_path))


def test_bottle_pages_and_cookies(bottle):
    assert bottle.get("/wiki/Start").text == "<b>no page Start</b>"
    answer = bottle.post("/wiki/Start", data={"text": "<Ünïcode>"})
    assert [step.status_code for step in answer.history] == [303]
    assert "<pre>&lt;Ünïcode&gt;</pre><i>1</i>" in answer.text
    assert "<i>2</i>" in bottle.get("/wiki/Start").text
    assert bottle.put("/wiki/Other", data=BIG).status_code == 201
    assert bottle.get("/").json() == {"pages": ["Other", "Start"]}
    answer = bottle.delete("/wiki/Start")
    assert (answer.status_code, answer.content) == (204, b"")
    assert bottle.get("/").json() == {"pages": ["Other"]}
    assert bottle.get("/search?q=%C3%A9&x=1&x=2").json() == {"q": "é", "all": ["1", "2"]}


def test_bottle_files_and_streams(bottle):
    answer = bottle.post("/upload", files={"file": ("big.bin", BIG)})
    assert answer.json() == {"name": "big.bin", "size": len(BIG)}
    answer = bottle.get("/files/big.bin")
    assert answer.content == BIG
    assert answer.headers["Content-Length"] == str(len(BIG))
    answer = bottle.get("/files/big.bin", headers={"Range": "bytes=-10"})
    assert (answer.status_code, answer.content) == (206, BIG[-10:])
    assert bottle.head("/files/big.bin").headers["Content-Length"] == str(len(BIG))
    assert bottle.get("/files/../secret").status_code == 404
    assert bottle.get("/stream/500").text == "".join(f"é {number}\n" for number in range(500))


def test_bottle_errors_and_mounts(bottle, caplog):
    assert bottle.get("/wiki/a.b").status_code == 400
    assert bottle.get("/broken").status_code == 500
    assert "KeyError" in caplog.text  # through wsgi.errors
    assert bottle.get("/admin/status").json() == {
        "script": "/admin/",
        "path": "/status",
        "url": f"{bottle.served.url}/admin/status",
    }


def test_clients_notice_incomplete_streams(serve_both):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        yield b"12345"

    connection = serve_both(app).connect()
    connection.request("GET", "/")
    with pytest.raises((IncompleteRead, ConnectionError)):
        connection.getresponse().read()
    connection.close()
