"""The encoding that Yjs is written in: variable-length integers, strings and byte arrays."""

MAX_UINT = 2**53 - 1
"""The largest integer that JavaScript keeps exactly; nothing in the protocol is larger."""


class Truncated(ValueError):
    """Raised when the bytes end too early, or hold an integer or a string that is none."""


class Reader:
    """Reads from the front of some bytes."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def uint(self) -> int:
        """An unsigned integer, seven bits a byte, the lowest first."""
        data, at = self.data, self.at
        try:
            byte = data[at]
            at += 1
            if byte < 128:
                self.at = at
                return byte
            value, shift = byte & 127, 7
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
                if shift > 56:
                    raise Truncated(f"an integer of more than 8 bytes at {self.at}")
        except IndexError:
            raise Truncated(f"the bytes end within an integer at {self.at}") from None
        if value > MAX_UINT:
            raise Truncated(f"an integer over 2^53 at {self.at}")
        self.at = at
        return value

    def byte(self) -> int:
        """One byte."""
        if self.at >= self.end:
            raise Truncated(f"the bytes end at {self.at}")
        self.at += 1
        return self.data[self.at - 1]

    def bytes(self) -> bytes:
        """A byte array, after its length."""
        length = self.uint()
        start = self.at
        if start + length > self.end:
            raise Truncated(f"{length} bytes are announced at {start}, and {self.end - start} are there")
        self.at = start + length
        return self.data[start : self.at]

    def text(self) -> str:
        """A string in UTF-8, after its length in bytes."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError as error:
            raise Truncated(f"a string that is no UTF-8 before {self.at}: {error.reason}") from None

    def skip(self, length: int) -> None:
        """Leaves out some bytes."""
        if self.at + length > self.end:
            raise Truncated(f"the bytes end within {length} that belong together at {self.at}")
        self.at += length

    @property
    def is_done(self) -> bool:
        return self.at >= self.end


def uint(value: int) -> bytes:
    """An unsigned integer as bytes."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(128 | (value & 127))
        value >>= 7
    out.append(value)
    return bytes(out)


def array(data: bytes) -> bytes:
    """A byte array with its length before it."""
    return uint(len(data)) + data


def text(value: str) -> bytes:
    """A string with its length in bytes before it."""
    return array(value.encode())
