"""``wsgi.file_wrapper``."""

import gzip
import io
import os
import tempfile

import pytest

from protocols.http.wsgi.filewrapper import FileWrapper

SIZE = 300_000
DATA = bytes(range(256)) * (SIZE // 256) + b"end"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def app_of(make_file, offset=0, **headers):
    def app(environ, start_response):
        app.file = make_file()
        if offset:
            app.file.read(offset)
        start_response("200 OK", [(name.replace("_", "-"), v) for name, v in headers.items()])
        return environ["wsgi.file_wrapper"](app.file)

    return app


@pytest.fixture
def sent(monkeypatch):
    """The sizes of the files that were sent by ``sendfile``, or its replacement in memory."""
    from reactor.transports.sendfile import FileSegment

    counts = []
    real = FileSegment.__init__

    def init(self, file, offset, count, callback):
        counts.append(count)
        real(self, file, offset, count, callback)

    monkeypatch.setattr(FileSegment, "__init__", init)
    return counts


@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_is_sent_by_sendfile(ask, path, sent, offset, buffering):
    app = app_of(lambda: path.open("rb", buffering=buffering), offset)
    answer = ask(app)
    assert answer.body == DATA[offset:]
    assert answer.headers["Content-Length"] == str(len(DATA) - offset)
    assert sent == [len(DATA) - offset]
    assert app.file.closed


def test_no_more_than_the_announced_length_is_sent(ask, path, sent):
    app = app_of(lambda: path.open("rb"), Content_Length="1000")
    answer = ask(app)
    assert answer.body == DATA[:1000]
    assert sent == [1000]
    assert app.file.closed


def test_a_file_shorter_than_announced_cuts_the_connection(ask, path, sent):
    app = app_of(lambda: path.open("rb"), Content_Length=str(len(DATA) + 1))
    assert ask(app).body is None
    assert sent == []
    assert app.file.closed


def test_the_answer_to_head_has_the_length_of_the_file(ask, path, sent):
    app = app_of(lambda: path.open("rb"))
    answer = ask(app, method="HEAD")
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.data.endswith(b"\r\n\r\n")
    assert sent == []
    assert app.file.closed


def test_an_empty_file_is_sent(ask, tmp_path):
    (tmp_path / "empty").touch()
    app = app_of(lambda: (tmp_path / "empty").open("rb"))
    answer = ask(app)
    assert (answer.body, answer.headers["Content-Length"]) == (b"", "0")
    assert app.file.closed


def temporary_file():
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.write(DATA)
    file.seek(5)
    return file


def test_a_named_temporary_file_is_sent_by_sendfile(ask, sent):
    answer = ask(app_of(temporary_file))
    assert answer.body == DATA[5:]
    assert sent == [len(DATA) - 5]


def gzip_file():
    file = tempfile.TemporaryFile()  # noqa: SIM115
    with gzip.GzipFile(fileobj=file, mode="wb") as compressed:
        compressed.write(DATA)
    file.seek(0)
    return ClosingGzip(fileobj=file)


class ClosingGzip(gzip.GzipFile):
    def close(self):
        fileobj = self.fileobj
        super().close()
        if fileobj is not None:
            fileobj.close()


def pipe():
    reader, writer = os.pipe()
    os.write(writer, DATA[:1000])
    os.close(writer)
    return open(reader, "rb")


class Reader:
    """The minimum that PEP 3333 requires: nothing to close."""

    def __init__(self):
        self.read = io.BytesIO(DATA).read


@pytest.mark.parametrize(
    ("make", "data"),
    [(gzip_file, DATA), (pipe, DATA[:1000]), (lambda: io.BytesIO(DATA), DATA), (Reader, DATA)],
)
def test_anything_but_a_regular_file_is_read(ask, sent, make, data):
    app = app_of(make)
    assert ask(app).body == data
    assert sent == []
    assert getattr(app.file, "closed", True)


def test_the_body_of_the_request_may_be_the_response(ask, sent):
    def echo(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](environ["wsgi.input"])

    assert ask(echo, method="POST", body=DATA, spool_size=1000).body == DATA
    assert sent == [len(DATA)]
    assert ask(echo, method="POST", body=DATA).body == DATA
    assert ask(echo).body == b""


def test_bytes_that_were_written_come_before_the_file(ask, path):
    def app(environ, start_response):
        start_response("200 OK", [])(b"first")
        return environ["wsgi.file_wrapper"](path.open("rb"), 1000)

    assert ask(app).body == b"first" + DATA


def test_an_overridden_close_is_called(ask, path):
    class Wrapper(FileWrapper):
        closed = 0

        def close(self):
            self.closed += 1
            super().close()

    wrapper = Wrapper(path.open("rb"))

    def own(environ, start_response):
        start_response("200 OK", [])
        return wrapper

    assert ask(own).body == DATA
    assert wrapper.closed == 1


def test_a_client_that_leaves_within_the_file_closes_it(in_memory, path):
    app = app_of(lambda: path.open("rb"))
    gateway = in_memory(app)
    peer = gateway.connect()
    peer.stall(1000)
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    gateway.reactor.settle()
    assert not app.file.closed
    peer.reset()
    gateway.reactor.settle()
    assert app.file.closed
