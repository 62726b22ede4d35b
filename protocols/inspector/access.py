"""Who may read from the inspector, and who may control the loop.

What a loop does is not for everyone: it shows addresses of peers and names of code, and it can be
paused. Reading is protected as ``protocols.page.access`` says. Control always needs the token, in
the field ``X-Inspector-Token``.
"""

from __future__ import annotations

from typing import Final

from protocols.http import Request
from protocols.page.access import Access as PageAccess

TOKEN_FIELD: Final = "X-Inspector-Token"


class Access(PageAccess):
    """Checks requests. Each method raises ``HTTPError`` 403, with one line for the client.

    ``needs_token``: whether reading needs the token; control always does."""

    def __init__(self, token: str, *, needs_token: bool) -> None:
        super().__init__(token, needs_token=needs_token, what="the inspector")

    def check_control(self, request: Request) -> None:
        """For a request that controls the loop."""
        self.check_field(request, TOKEN_FIELD)
