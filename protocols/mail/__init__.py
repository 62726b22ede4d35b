"""Mail: receiving it (SMTP and LMTP), storing it (Maildir), and letting clients (POP3) and browsers
read it.

This is the way of one mail, from ``MAIL FROM`` to ``250``. A test checks the order of the calls.

In ``smtp/``, while the client speaks:

1. ``SMTPProtocol.data_received``: bytes have arrived. The protocol owns the connection and its
   deadline.
2. ``Dialogue.receive``: finds the lines in them. The dialogue knows no socket, and sees the
   protocol as its ``Host``.
3. ``commands.mail``: parses the sender, asks ``SMTPProtocol.sender_given``, and makes the
   ``Envelope``: ``Dialogue.begin_message``.
4. ``commands.rcpt``: asks ``SMTPProtocol.recipient_given``, and adds a recipient to the envelope.
5. ``commands.data``: replies 354. After ``Dialogue.read_data``, what arrives is the message.
6. ``DataReader.feed``: finds its end, and removes dots. ``Content.add_lines`` checks and keeps it.
7. ``Dialogue.end_content``: makes the ``Message``, and reads no more until there is a reply.
   ``SMTPProtocol.message_complete`` gives it to the program: here, to the store.

In ``store.py`` and ``maildir.py``:

8. ``MailStore.deliver``: puts ``trace.trace_fields`` in front, and returns a ``PendingDelivery``.
   Once the messages of this turn of the loop are there, it passes them to a thread together.
9. ``Maildir.write``, in the thread: the files are written to ``tmp``, synced, renamed into ``new``,
   and ``new`` is synced. From here on, the mail survives a power failure.
10. ``PendingDelivery.finish``, in the loop again: there is a reply.

In ``smtp/`` again:

11. ``Dialogue.finish``: gives the reply, 250, to ``SMTPProtocol.send_reply``, and forgets the
    message. Then the dialogue reads what the client has sent meanwhile.
"""

from .maildir import Maildir, StoredMail
from .smtp.addresses import Address
from .smtp.limits import Limits
from .smtp.message import Envelope, Message
from .smtp.protocol import SMTPProtocol
from .smtp.replies import Reply
from .smtp.server import MailServer
from .smtp.settings import Settings
from .store import MailStore

__all__ = [
    "Address",
    "Envelope",
    "Limits",
    "MailServer",
    "MailStore",
    "Maildir",
    "Message",
    "Reply",
    "SMTPProtocol",
    "Settings",
    "StoredMail",
]
