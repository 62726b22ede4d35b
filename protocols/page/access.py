"""Who may read from a page's server, and who may change things there.

Four things protect what is not for everyone:

* On loopback, anyone on this machine may read. On any other address each request for data needs the
  *token*, as ``?token=`` or ``Authorization: Bearer``.
* ``Host`` must be a name of this machine, so that no site can point its own name at us (DNS
  rebinding).
* A request that a browser sends for a page of another origin (``Origin``, ``Sec-Fetch-Site``) is
  refused.
* A change needs a header field that a page of another site cannot send: browsers ask first (CORS),
  and we never permit it.
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import parse_qs

from protocols.http import HTTPError, Request
from protocols.http.origins import check_host, check_origin

# Not "same-site": that includes every other port of this machine.
_OUR_PAGE: Final = ("same-origin", "none")


class Access:
    """Checks requests. Each method raises ``HTTPError`` 403, with one line for the client.

    ``needs_token``: whether reading needs the token. ``what``: the server, as errors call it."""

    def __init__(self, token: str, *, needs_token: bool, what: str) -> None:
        self.token = token
        self.needs_token = needs_token
        self._what = what

    def check_host(self, request: Request) -> None:
        """For every request."""
        try:
            check_host(request, ())
        except HTTPError:
            raise HTTPError(403, "The host is not this machine.") from None

    def check_reading(self, request: Request) -> None:
        """For a request for data."""
        self._check_site(request)
        if self.needs_token and not self._is_token(self._given(request)):
            raise HTTPError(403, "The token is missing or wrong: ?token= or Authorization: Bearer.")

    def check_field(self, request: Request, name: str) -> None:
        """For a request that changes something, and has the token in the field ``name``."""
        self._check_site(request)
        if not self._is_token(request.headers.get(name) or ""):
            raise HTTPError(403, f"The token is missing or wrong: {name}.")

    def _check_site(self, request: Request) -> None:
        try:
            check_origin(request, ())
        except HTTPError:
            raise self._refusal() from None
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in _OUR_PAGE:
            raise self._refusal()

    def _refusal(self) -> HTTPError:
        return HTTPError(403, f"Pages of other origins may not use {self._what}.")

    def _is_token(self, given: str) -> bool:
        # In constant time: how long it takes must not tell how much of it is right.
        return hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self.token.encode("ascii")
        )

    @staticmethod
    def _given(request: Request) -> str:
        scheme, _, credentials = (request.headers.get("authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            return credentials.strip()
        try:
            return parse_qs(request.query, max_num_fields=50).get("token", [""])[0]
        except ValueError:  # more fields than that
            return ""
