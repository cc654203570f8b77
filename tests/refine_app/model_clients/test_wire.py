"""The transport of model calls before servers that speak HTTP byte by byte: encryption, bounds, limits of time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from refine_app.model_clients.event_stream import Lines
from refine_app.model_clients.wire import FULL, WireTransport

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NAME = "models.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of NAME that nobody but these tests trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@asynccontextmanager
async def served(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers once its request is read; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"connection: close" in head.lower()
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            await answer(reader, writer)
        except ConnectionError:
            pass  # who asked has hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def asked(port: int, *, scheme: str = "http", name: str = NAME, **limits: float) -> httpx2.Request:
    timeout = httpx2.Timeout(limits.pop("read", 60.0), connect=60.0)
    extensions = {"timeout": timeout.as_dict(), "sni_hostname": name, **limits}
    return httpx2.Request("POST", f"{scheme}://127.0.0.1:{port}/v1", json={"say": "words"}, extensions=extensions)


async def no_tls(request: httpx2.Request) -> httpx2.Response:
    def unused() -> ssl.SSLContext:
        raise AssertionError("nothing here is encrypted")

    return await WireTransport(unused).handle_async_request(request)


async def test_an_encrypted_answer_comes_from_whom_the_certificate_names_and_from_nobody_else(
    certificate: Path,
) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    ours = ssl.create_default_context(cafile=str(certificate))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nwords\r\n0\r\n\r\n")
        await writer.drain()

    async with served(answer, theirs) as port:
        transport = WireTransport(lambda: ours)
        response = await transport.handle_async_request(asked(port, scheme="https"))
        assert (response.status_code, await response.aread()) == (200, b"words")
        with pytest.raises(httpx2.ConnectError, match=r"(?i)hostname"):
            await transport.handle_async_request(asked(port, scheme="https", name="other.example"))
        with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate"):
            await WireTransport(ssl.create_default_context).handle_async_request(asked(port, scheme="https"))


async def test_a_server_that_talks_faster_than_we_read_is_held_back() -> None:
    sent = 0
    enough = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.transport.set_write_buffer_limits(high=1024)
        writer.write(HEAD)
        part = b"x" * 65_536
        for _ in range(1000):
            writer.write(b"10000\r\n" + part + b"\r\n")
            sent += len(part)
            try:
                async with asyncio.timeout(0.5):
                    await writer.drain()
            except TimeoutError:
                enough.set()
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async with served(answer) as port:
        response = await no_tls(asked(port))
        async with asyncio.timeout(60):
            await enough.wait()
        assert sent < 1000 * 65_536 - FULL, "all that a server has was taken in, though nobody read it"
        assert len(await response.aread()) == 1000 * 65_536


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", httpx2.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH\r\n\r\n", httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, httpx2.RemoteProtocolError),
        (HEAD + b"5\r\nwor", httpx2.RemoteProtocolError),
        (HEAD + b"zz\r\nwords\r\n", httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nwords", httpx2.RemoteProtocolError),
    ],
)
async def test_what_is_no_whole_answer_is_an_error_of_its_own(said: bytes, error: type[Exception]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with served(answer) as port:
        with pytest.raises(error):
            await (await no_tls(asked(port))).aread()


async def test_silence_and_a_call_that_goes_on_for_too_long_are_told_apart() -> None:
    released = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nwords\r\n")
        await writer.drain()
        await released.wait()

    async with served(answer) as port:
        with pytest.raises(httpx2.ReadTimeout):
            await (await no_tls(asked(port, read=0.05))).aread()
        with pytest.raises(TimeoutError):
            await (await no_tls(asked(port, deadline=asyncio.get_running_loop().time() + 0.05))).aread()
        released.set()


async def test_lines_are_whole_however_they_are_cut() -> None:
    said = "data: é\u2028ü\r\n\r\ndata: [DONE]\nrest".encode()

    async def parts() -> AsyncIterator[bytes]:
        for at in range(len(said)):
            yield said[at : at + 1]

    assert [line async for line in Lines(parts())] == ["data: é\u2028ü", "", "data: [DONE]", "rest"]
