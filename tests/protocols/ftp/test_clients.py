"""Real clients: each lists, fetches, stores, resumes, renames and deletes, where it can."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.passwords import PasswordHash

from ...tools.certificates import Certificate
from ...tools.commands import Command
from ...tools.waiting import TIMEOUT

LARGE = bytes(range(256)) * 8_000 + b"one\r\ntwo\n"  # 2 MB
HASH = PasswordHash.of("tea")


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


class World:
    """A server for ada, who may write, and a folder for what the client keeps."""

    def __init__(self, server: Command, root: Path, local: Path) -> None:
        self.server = server
        self.port = server.ports.get("ftp") or server.ports["ftps"]
        self.root = root
        self.local = local
        self.url = f"ftp://ada:tea@127.0.0.1:{self.port}"
        (root / "large").write_bytes(LARGE)
        (local / "mine").write_bytes(LARGE)

    def run(
        self, *command: str, input: str | None = None, status: int = 0, errors: bool = False
    ) -> str:
        """Run a client to its end, and return its output, or with ``errors`` its errors."""
        environment = {**os.environ, "HOME": str(self.local), "LC_ALL": "C"}
        result = subprocess.run(
            command, cwd=self.local, input=input, capture_output=True, text=True,
            timeout=TIMEOUT, check=False, env=environment,
        )  # fmt: skip
        assert result.returncode == status, (result.stdout, result.stderr)
        return result.stderr if errors else result.stdout

    def got(self, name: str) -> bytes:
        return (self.local / name).read_bytes()

    def has(self, name: str) -> bytes:
        return (self.root / name).read_bytes()


@pytest.fixture
def make_world(serve: Callable[..., Command], root: Path, tmp_path: Path) -> Callable[..., World]:
    def make(*options: str) -> World:
        local = tmp_path / "local"
        local.mkdir()
        server = serve("--protocol", "ftp", "--port", "0", "--root", str(root),
                       "--user", f"ada:{HASH}:rw", *options)  # fmt: skip
        return World(server, root, local)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def tls_options(certificate: Certificate) -> tuple[str, ...]:
    return "--tls-cert", certificate.chain, "--tls-key", certificate.key


# -- curl ------------------------------------------------------------------------------------------


@needs("curl")
@pytest.mark.parametrize(
    "way", [(), ("--disable-epsv",), ("-P", "-"), ("-P", "-", "--disable-eprt")]
)
def test_curl(world: World, way: tuple[str, ...]) -> None:
    curl = ("curl", "-sS", *way)
    assert world.run(*curl, f"{world.url}/", "--list-only").split() == ["a.txt", "large", "sub"]
    world.run(*curl, f"{world.url}/large", "-o", "got")
    assert world.got("got") == LARGE
    (world.local / "got").write_bytes(LARGE[:1000])
    world.run(*curl, "-C", "-", f"{world.url}/large", "-o", "got")
    assert world.got("got") == LARGE
    assert world.run(*curl, "-r", "0-2", f"{world.url}/a.txt") == "one"
    world.run(*curl, "-T", "mine", f"{world.url}/new/up", "--ftp-create-dirs")
    assert world.has("new/up") == LARGE
    (world.root / "half").write_bytes(LARGE[:5000])
    world.run(*curl, "-C", "-", "-T", "mine", f"{world.url}/half")
    assert world.has("half") == LARGE
    world.run(*curl, "-a", "-T", "mine", f"{world.url}/half")
    assert world.has("half") == LARGE * 2
    world.run(*curl, f"{world.url}/", "-Q", "RNFR half", "-Q", "RNTO whole", "-Q", "DELE whole")
    assert not (world.root / "whole").exists()
    assert "Last-Modified" in world.run(*curl, "-I", f"{world.url}/a.txt")
    assert world.run(*curl, "-B", f"{world.url}/a.txt;type=a").split() == ["one", "two"]


@needs("curl")
def test_curl_is_told_that_the_password_is_wrong(world: World) -> None:
    url = f"ftp://ada:coffee@127.0.0.1:{world.port}/"
    assert "curl: (67)" in world.run("curl", "-sS", url, status=67, errors=True)
    assert "wrong password for the user 'ada'" in world.server.stop()[1]


# Only passive: with active connections, curl 7.88 does not begin TLS.
@needs("curl")
def test_curl_with_tls(
    make_world: Callable[..., World], tls_options: tuple[str, ...], certificate: Certificate
) -> None:
    world = make_world("--require-tls", *tls_options)
    curl = ("curl", "-sS", "--ssl-reqd", "--cacert", certificate.ca)
    url = f"ftp://ada:tea@localhost:{world.port}"
    world.run(*curl, f"{url}/large", "-o", "got")
    assert world.got("got") == LARGE
    world.run(*curl, "-T", "mine", f"{url}/up")
    assert world.has("up") == LARGE


@needs("curl")
def test_curl_with_implicit_tls(
    make_world: Callable[..., World], tls_options: tuple[str, ...], certificate: Certificate
) -> None:
    world = make_world("--implicit-tls", *tls_options)
    url = f"ftps://ada:tea@localhost:{world.port}"
    world.run("curl", "-sS", "--cacert", certificate.ca, f"{url}/large", "-o", "got")
    assert world.got("got") == LARGE


# -- wget ------------------------------------------------------------------------------------------


@needs("wget")
@pytest.mark.parametrize("way", ["--passive-ftp", "--no-passive-ftp"])
def test_wget(world: World, way: str) -> None:
    wget = ("wget", "-q", way)
    world.run(*wget, f"{world.url}/large")
    assert world.got("large") == LARGE
    (world.local / "large").write_bytes(LARGE[:1000])
    world.run(*wget, "-c", f"{world.url}/large")
    assert world.got("large") == LARGE
    world.run(*wget, "-r", "-nH", f"{world.url}/")
    assert world.got("sub/b.bin") == bytes(range(256))
    world.run(*wget, f"{world.url}/*.txt")
    assert world.got("a.txt") == b"one\ntwo\n"


@needs("wget")
def test_wget_with_implicit_tls(
    make_world: Callable[..., World], tls_options: tuple[str, ...], certificate: Certificate
) -> None:
    world = make_world("--implicit-tls", *tls_options)
    url = f"ftps://ada:tea@localhost:{world.port}/large"
    world.run("wget", "-q", "--ftps-implicit", "--ca-certificate", certificate.ca, url)
    assert world.got("large") == LARGE


# -- lftp ------------------------------------------------------------------------------------------


def lftp(world: World, script: str, settings: str = "") -> str:
    login = f"open -u ada,tea -p {world.port} 127.0.0.1"
    return world.run("lftp", "--norc", "-c", f"{settings}set net:max-retries 1;{login};{script}")


@needs("lftp")
@pytest.mark.parametrize("passive", ["on", "off"])
def test_lftp(world: World, passive: str) -> None:
    script = (
        "get large -o got; put mine -o up; mv up renamed; ls; chmod 600 renamed; mkdir d; "
        "mput -O d mine; mirror sub copy; mirror -R copy back; cls -1 back; rm a.txt"
    )
    lftp(world, script, f"set ftp:passive-mode {passive};")
    assert world.got("got") == world.has("renamed") == world.has("d/mine") == LARGE
    assert world.has("back/b.bin") == bytes(range(256))
    assert (world.root / "renamed").stat().st_mode & 0o777 == 0o600
    assert not (world.root / "a.txt").exists()
    (world.local / "part").write_bytes(LARGE[:1000])
    (world.root / "rest").write_bytes(LARGE[:1000])
    lftp(world, "get -c large -o part; put -c mine -o rest; get -a renamed -o text")
    assert world.got("part") == world.has("rest") == LARGE
    assert world.got("text") == LARGE.replace(b"\r\n", b"\n")
    lftp(world, "pget -n 3 large -o parallel")
    assert world.got("parallel") == LARGE


@needs("lftp")
@pytest.mark.parametrize("passive", ["on", "off"])
def test_lftp_with_tls(
    make_world: Callable[..., World], tls_options: tuple[str, ...], passive: str
) -> None:
    world = make_world("--require-tls", "--require-close-notify", *tls_options)
    settings = (
        "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate no;"
        f"set ftp:passive-mode {passive};"
    )
    lftp(world, "get large -o got; put mine -o up; mirror sub copy", settings)
    assert world.got("got") == world.has("up") == LARGE
    assert world.got("copy/b.bin") == bytes(range(256))


# -- the old ones ----------------------------------------------------------------------------------

SCRIPT = """\
user ada tea
binary
{way}get large got
put mine up
rename up renamed
ascii
get a.txt text
append mine renamed
ls
mkdir d
cd d
pwd
cd ..
rmdir d
delete a.txt
bye
"""


@pytest.mark.parametrize(
    ("client", "way"),
    [
        pytest.param("inetutils-ftp", "", marks=needs("inetutils-ftp")),
        pytest.param("inetutils-ftp", "passive\n", marks=needs("inetutils-ftp")),
        pytest.param("tnftp", "", marks=needs("tnftp")),
        pytest.param("tnftp", "passive off\n", marks=needs("tnftp")),
    ],
)
def test_line_clients(world: World, client: str, way: str) -> None:
    command = (client, "-n", "-v", "127.0.0.1", str(world.port))
    output = world.run(*command, input=SCRIPT.format(way=way))
    assert world.got("got") == LARGE
    assert world.got("text") == b"one\ntwo\n"
    assert world.has("renamed") == LARGE + LARGE  # what is appended as text has LF again
    assert "renamed" in output
    assert not (world.root / "a.txt").exists()
    assert not (world.root / "d").exists()


@pytest.mark.parametrize(
    "client", [pytest.param(name, marks=needs(name)) for name in ("inetutils-ftp", "tnftp")]
)
def test_interrupting_a_line_client(world: World, client: str) -> None:
    with (world.root / "endless").open("wb") as file:
        file.truncate(1 << 40)  # a sparse file
    (world.local / "sink").symlink_to("/dev/null")
    process = subprocess.Popen(
        [client, "-n", "-v", "127.0.0.1", str(world.port)],
        cwd=world.local, env={**os.environ, "HOME": str(world.local), "LC_ALL": "C"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("user ada tea\nbinary\nget endless sink\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("150"):
            break
    process.send_signal(signal.SIGINT)  # the client sends ABOR with Interrupt Process and Synch
    output, _ = process.communicate("pwd\nbye\n", timeout=TIMEOUT)
    found = [line[:3] for line in output.splitlines() if line[:3] in {"426", "226", "221"}]
    assert found == ["426", "226", "221"]


@needs("ncftpget")
@pytest.mark.parametrize("way", ["-F", "-E"])
def test_ncftp(world: World, way: str) -> None:
    login = (way, "-u", "ada", "-p", "tea", "-P", str(world.port))
    world.run("ncftpget", "-V", *login, "127.0.0.1", ".", "/large", "/a.txt")
    assert world.got("large") == LARGE
    (world.local / "large").write_bytes(LARGE[:1000])
    world.run("ncftpget", "-V", "-z", *login, "127.0.0.1", ".", "/large")
    assert world.got("large") == LARGE
    world.run("ncftpget", "-V", "-R", *login, "127.0.0.1", ".", "/sub")
    assert world.got("sub/b.bin") == bytes(range(256))
    world.run("ncftpput", "-V", "-m", *login, "127.0.0.1", "/d", "mine")
    assert world.has("d/mine") == LARGE
    assert "a.txt" in world.run("ncftpls", *login, f"ftp://127.0.0.1:{world.port}/")


@pytest.mark.parametrize("tls", [False, True])
def test_aioftp(
    make_world: Callable[..., World],
    tls_options: tuple[str, ...],
    certificate: Certificate,
    tls: bool,
) -> None:
    # With TLS, it finishes the handshake of a data connection before it sends its command.
    aioftp = pytest.importorskip("aioftp", reason="aioftp is not installed")
    world = make_world(*tls_options)

    async def talk() -> list[str]:
        async with aioftp.Client.context("localhost", world.port, "ada", "tea") as client:
            if tls:
                await client.upgrade_to_tls(ssl.create_default_context(cafile=certificate.ca))
                await client.login("ada", "tea")
            await client.download("large", "got", write_into=True)
            await client.upload("mine", "up", write_into=True)
            await client.rename("up", "renamed")
            await client.make_directory("d")
            assert await client.is_dir("d")
            assert (await client.stat("a.txt"))["size"] == "8"
            stream = await client.download_stream("large", offset=100)
            async with stream:
                assert await stream.read() == LARGE[100:]
            await client.remove("sub")
            return sorted(str(path) for path, _ in await client.list())

    old = Path.cwd()
    os.chdir(world.local)
    try:
        found = asyncio.run(talk())
    finally:
        os.chdir(old)
    assert found == ["a.txt", "d", "large", "renamed"]
    assert world.got("got") == world.has("renamed") == LARGE
