"""Small real servers that anchors are kept on: one that takes PUT with If-None-Match over TLS, one that speaks as much
of the object store's protocol as is needed, without looking at signatures."""

import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Kept(ThreadingHTTPServer):
    """`objects` by path. `token`, where there is one, has to come with every request; `failing` answers 503 to all."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.objects = {}
        self.token = ""
        self.failing = False
        self.redirect = ""
        self.seen = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_refused(self):
        self.server.seen.append((self.command, self.path))
        if self.server.failing:
            self.answer(503)
        elif self.server.redirect:
            self.answer(307, location=self.server.redirect)
        elif self.server.token and self.headers["authorization"] != f"Bearer {self.server.token}":
            self.answer(401)
        else:
            return False
        return True

    def do_GET(self):
        if not self.is_refused():
            body = self.server.objects.get(self.path)
            self.answer(404, self.missing, content_type="application/xml") if body is None else self.answer(200, body)

    def do_PUT(self):
        body = self.body()
        if not self.is_refused():
            if self.headers["if-none-match"] == "*" and self.path in self.server.objects:
                self.answer(412, self.there, content_type="application/xml")
            else:
                self.server.objects[self.path] = body
                self.answer(200, etag='"0"')

    missing = there = b""

    def body(self):
        return self.rfile.read(int(self.headers["content-length"]))


class _ObjectStore(_Handler):
    missing = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
    there = b"<?xml version='1.0'?><Error><Code>PreconditionFailed</Code><Message>there</Message></Error>"

    def body(self):
        if "aws-chunked" not in self.headers.get("content-encoding", ""):
            return super().body()
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # checksums behind the chunks
        return b"".join(parts)


@contextlib.contextmanager
def serving(handler, context=None):
    server = Kept(handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def web_server(folder):
    """The server, its address, and the PEM file of whom to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    authority = folder / "authority.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + authority.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with serving(_Handler, context) as server:
        yield server, f"https://127.0.0.1:{server.server_port}/audit", str(authority)


@contextlib.contextmanager
def object_store():
    """The server, and the address of a bucket on it."""
    with serving(_ObjectStore) as server:
        yield server, f"s3://bucket/some/prefix?region=eu-west-1&endpoint=http://127.0.0.1:{server.server_port}"
