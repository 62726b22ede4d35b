"""FileHandler: a handler that serves the files of a folder."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from ...rooted import OpenFile, Root
from ..cache import FIFOCache
from ..errors import HTTPError
from ..response import Response
from .listing import Listings
from .media_types import media_type
from .negotiation import SUFFIXES, choose_coding
from .representation import Representation, is_regular

if TYPE_CHECKING:
    from ..request import Request

_ALLOW: Final = (("Allow", "GET, HEAD, OPTIONS"),)
_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})").search
_FORBIDDEN: Final = re.compile(rb"[/\\\0]").search
_CACHED_FILES: Final = 1024
_LONGEST_CACHED_PATH: Final = 1024  # characters
_NEIGHBOURS_AFTER: Final = 1.0  # seconds until compressed neighbours are looked for again

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

Names = tuple[bytes, ...]


class _File:
    """What is cached about a file, until it changes. The content is not cached: each request opens
    and reads the file."""

    __slots__ = ("media_type", "names", "no_neighbours_until", "representation")

    def __init__(self, names: Names) -> None:
        self.names = names
        self.media_type = media_type(os.fsdecode(names[-1]))
        self.representation: Representation | None = None  # without a coding, without neighbours
        self.no_neighbours_until = float("-inf")  # in seconds of the loop


class FileHandler:
    """Serves the files below ``root``, to GET and HEAD.

    ``listing``: whether a folder without ``index.html`` shows what is in it. Names that begin with
    a dot are not found, except ``/.well-known`` (RFC 8615). Raises ``OSError`` if ``root`` is not a
    folder."""

    def __init__(self, root: str | os.PathLike[str], *, listing: bool = True) -> None:
        self._root = Root(root)
        self._listings = Listings() if listing else None
        self._files: FIFOCache[str, _File] = FIFOCache(_CACHED_FILES, _LONGEST_CACHED_PATH)

    def __call__(self, request: Request) -> Response | None:
        """Answer ``request``. Raises ``HTTPError``."""
        head = request.head
        if head.method not in ("GET", "HEAD"):
            if head.method == "OPTIONS":
                return Response(b"", 204, _ALLOW)
            raise HTTPError(405, headers=_ALLOW)
        path = head.path
        known = self._files.get(path)
        if known is not None:
            return self._send(request, known)
        names = split_path(path)
        if path.endswith("/"):
            return self._folder(request, names)
        return self._send(request, self._remember(path, _File(names)))

    def close(self) -> None:
        """Close the folder."""
        self._root.close()

    def _remember(self, path: str, file: _File) -> _File:
        self._files.keep(path, file, len(path))
        return file

    # -- files -------------------------------------------------------------------------------------

    def _send(self, request: Request, known: _File) -> Response | None:
        file = self._open(known.names)
        try:
            status = os.fstat(file.fd)
            if not is_regular(status):
                file.close()
                return self._redirect_to_folder(request, status)
            now = request.reactor.now
            if now >= known.no_neighbours_until:
                codings = self._codings(known.names)
                if codings:
                    return self._negotiated(request, known, file, status, codings)
                known.no_neighbours_until = now + _NEIGHBOURS_AFTER
            representation = known.representation
            if representation is None or not representation.is_of(status):
                representation = Representation(status, known.media_type, None, False, request.date)
                known.representation = representation
            return representation.answer(request, file)
        except BaseException:
            file.close()
            raise

    def _open(self, names: Names) -> OpenFile:
        try:
            return OpenFile(self._root.open(names))
        except (FileNotFoundError, NotADirectoryError):
            raise HTTPError(404) from None
        except PermissionError:
            raise HTTPError(403) from None
        except OSError as exc:
            if exc.errno in _EXHAUSTED:
                raise HTTPError(503, headers=(("Retry-After", "1"),)) from exc
            raise HTTPError(404) from None  # a name too long, too many links, a missing device

    def _codings(self, names: Names) -> list[str]:
        """The content codings of the compressed neighbours that exist."""
        codings = []
        for coding, suffix in SUFFIXES.items():
            file = self._neighbour(names, suffix)
            if file is not None:
                codings.append(coding)
                file.close()
        return codings

    def _neighbour(self, names: Names, suffix: bytes) -> OpenFile | None:
        try:
            file = OpenFile(self._root.open((*names[:-1], names[-1] + suffix)))
        except OSError:
            return None
        if is_regular(os.fstat(file.fd)):
            return file
        file.close()
        return None

    def _negotiated(
        self,
        request: Request,
        known: _File,
        file: OpenFile,
        status: os.stat_result,
        codings: list[str],
    ) -> Response | None:
        coding = choose_coding(request.headers.get("accept-encoding"), codings)
        if coding is not None:
            neighbour = self._neighbour(known.names, SUFFIXES[coding])
            if neighbour is None:  # removed a moment ago
                coding = None
            else:
                file.close()
                file = neighbour
                status = os.fstat(file.fd)
        try:
            representation = Representation(status, known.media_type, coding, True, request.date)
            return representation.answer(request, file)
        except BaseException:
            file.close()
            raise

    def _redirect_to_folder(self, request: Request, status: os.stat_result) -> Response:
        # A path that ends with a slash already is a folder's, with an index.html that is a folder.
        if not stat.S_ISDIR(status.st_mode) or request.path.endswith("/"):
            raise HTTPError(404)
        # The path begins with only one slash: with two it would name another host.
        query = f"?{request.query}" if request.query else ""
        return Response(b"", 301, (("Location", f"{request.path}/{query}"),))

    # -- folders -----------------------------------------------------------------------------------

    def _folder(self, request: Request, names: Names) -> Response | None:
        index = _File((*names, b"index.html"))
        try:
            return self._send(request, index)
        except HTTPError as error:
            if error.status != 404 or self._listings is None:
                raise
            listings = self._listings
        folder = self._open(names)
        try:
            if not stat.S_ISDIR(os.fstat(folder.fd).st_mode):
                raise HTTPError(404)
            shown = "/" + "".join(name.decode("utf-8", "replace") + "/" for name in names)

            def follow(name: bytes) -> os.stat_result | None:
                try:
                    file = OpenFile(self._root.open((*names, name)))
                except OSError:
                    return None
                try:
                    return os.fstat(file.fd)
                finally:
                    file.close()

            return listings.page(folder.fd, shown, request.query, follow, request.reactor.now)
        finally:
            folder.close()


def split_path(path: str) -> Names:
    """The components of a request's path, percent-decoded. The slash at the end of a folder's path
    is dropped.

    Raises ``HTTPError``: 400 if the path is not valid, 404 if no file can have it."""
    if not path.startswith("/") or _BAD_ESCAPE(path):
        raise HTTPError(400, "The path is not valid.")
    parts = path[1:].split("/")
    if not parts[-1]:
        parts.pop()
    names = tuple(map(unquote_to_bytes, parts))
    for index, name in enumerate(names):
        hidden = name.startswith(b".") and not (index == 0 and name == b".well-known")
        if not name or hidden or _FORBIDDEN(name):
            raise HTTPError(404)
    return names
