"""The certificate of an installation: trusted by a real TLS client, renewed in time, its authority's key nowhere."""

import datetime as dt
import socket
import ssl
import threading

import pytest
from cryptography import x509

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting import certificates
from axonflow_sidecar.hosting.certificates import certificate_for

HOSTS = ("localhost", "127.0.0.1", "::1")


def handshake(certificate, name):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.private_key)
    client = ssl.create_default_context(cafile=certificate.authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answering = threading.Thread(target=lambda: _served(server, theirs))
        answering.start()
        try:
            with client.wrap_socket(ours, server_hostname=name) as connection:
                return connection.version()
        finally:
            answering.join()


def _served(context, connection):
    try:
        context.wrap_socket(connection, server_side=True).close()
    except (ssl.SSLError, OSError):
        connection.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_certificate_is_taken_by_a_strict_client(tmp_path, name):
    assert handshake(certificate_for(tmp_path, HOSTS), name) == "TLSv1.3"


def test_certificate_for_other_names_is_refused_by_a_client(tmp_path):
    with pytest.raises(ssl.SSLError):
        handshake(certificate_for(tmp_path, HOSTS), "example.com")


def test_certificate_is_kept_until_it_soon_runs_out_or_a_host_is_missing(tmp_path, monkeypatch):
    first = certificate_for(tmp_path, HOSTS).chain.read_bytes()
    assert certificate_for(tmp_path, HOSTS).chain.read_bytes() == first
    assert certificate_for(tmp_path, (*HOSTS, "agent.internal")).chain.read_bytes() != first
    second = certificate_for(tmp_path, HOSTS).chain.read_bytes()
    monkeypatch.setattr(certificates, "RENEW_DAYS", 398)
    assert certificate_for(tmp_path, HOSTS).chain.read_bytes() != second


def test_certificate_key_is_closed_to_others_and_the_authoritys_is_nowhere(tmp_path):
    certificate = certificate_for(tmp_path, HOSTS)
    assert certificate.private_key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "server.key", "server.pem"]
    assert b"PRIVATE" not in certificate.authority.read_bytes() + certificate.chain.read_bytes()
    authority = x509.load_pem_x509_certificate(certificate.authority.read_bytes())
    life = authority.not_valid_after_utc - authority.not_valid_before_utc
    assert life <= dt.timedelta(days=398)


def test_certificate_that_is_damaged_is_refused_and_left_alone(tmp_path):
    certificate = certificate_for(tmp_path, HOSTS)
    certificate.chain.write_text("nonsense")
    with pytest.raises(ConfigurationError, match="Remove the folder"):
        certificate_for(tmp_path, HOSTS)
    assert certificate.chain.read_text() == "nonsense"
