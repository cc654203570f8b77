"""Why a socket is closed: every code, once."""

from enum import IntEnum


class CloseCode(IntEnum):
    NORMAL = 1000
    FAILED = 1011
    """Our fault; the log has it by the connection's id."""
    MALFORMED = 4400
    NOT_SIGNED_IN = 4401
    NOT_ALLOWED = 4403
    NO_SUCH_SESSION = 4404
    RESYNC = 4008
    """The reader was too slow for what happened; come back with ?after= the last number that was seen."""
    IDLE = 4408
    EXPIRED = 4410
    TOO_LARGE = 4413
    TOO_FAST = 4429
