"""Who may read from the inspector, and who may control the loop.

What a loop does is not for everyone: it shows addresses of peers and names of code, and it can be
paused. Four things protect it:

* On loopback, anyone on this machine may read. On any other address each request for data needs the
  *token*, as ``?token=`` or ``Authorization: Bearer``.
* Control always needs the token in the field ``X-Inspector-Token``. A page of another site can
  neither know it nor send this field: browsers ask first (CORS), and we never permit it.
* ``Host`` must be a name of this machine, so that no site can point its own name at us (DNS
  rebinding).
* A request that a browser sends for a page of another origin (``Origin``, ``Sec-Fetch-Site``) is
  refused.
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import parse_qs

from protocols.http import HTTPError, Request
from protocols.http.origins import check_host, check_origin

TOKEN_FIELD: Final = "X-Inspector-Token"
# Not "same-site": that includes every other port of this machine.
_OUR_PAGE: Final = ("same-origin", "none")


class Access:
    """Checks requests. Each method raises ``HTTPError`` 403, with one line for the client.

    ``needs_token``: whether reading needs the token; control always does."""

    def __init__(self, token: str, *, needs_token: bool) -> None:
        self.token = token
        self.needs_token = needs_token

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

    def check_control(self, request: Request) -> None:
        """For a request that controls the loop."""
        self._check_site(request)
        if not self._is_token(request.headers.get(TOKEN_FIELD) or ""):
            raise HTTPError(403, f"The token is missing or wrong: {TOKEN_FIELD}.")

    def _check_site(self, request: Request) -> None:
        try:
            check_origin(request, ())
        except HTTPError:
            raise HTTPError(403, "Pages of other origins may not use the inspector.") from None
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in _OUR_PAGE:
            raise HTTPError(403, "Pages of other origins may not use the inspector.")

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
