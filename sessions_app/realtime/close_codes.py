"""Why a socket is closed: every code, once."""

from enum import IntEnum


class CloseCode(IntEnum):
    NORMAL = 1000
    """The client left, or the server said all there is."""
    FAILED = 1011
    """Our fault; the log has it by the connection's id."""
    MALFORMED = 4400
    """A frame or an address cannot be read."""
    NOT_SIGNED_IN = 4401
    """No login and no valid ticket. Get a new ticket and connect again."""
    NOT_ALLOWED = 4403
    """The role does not allow this, the page is of another site, or the person was removed."""
    NO_SUCH_SESSION = 4404
    """The session does not exist, or the person is not a member."""
    RESYNC = 4008
    """The reader was too slow for what happened; come back with ?after= the last number that was seen."""
    IDLE = 4408
    """Nothing came for too long."""
    EXPIRED = 4410
    """The session has ended. Its owner can reopen it."""
    TOO_LARGE = 4413
    """A message, or the document with it, is over its limit."""
    TOO_FAST = 4429
    """Too many messages or connections. Wait, then connect again."""
