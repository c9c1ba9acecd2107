"""The local mailbox: mail without an account, in one folder of the person's own machine."""

from m2agent_connectors.local_mail.connector import LocalMail
from m2agent_connectors.local_mail.importing import ImportReport

__all__ = ["ImportReport", "LocalMail"]
