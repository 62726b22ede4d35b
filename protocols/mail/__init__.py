"""Mail: receiving it (SMTP and LMTP), and storing it (Maildir)."""

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
