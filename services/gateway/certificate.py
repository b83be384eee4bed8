"""A self-signed certificate for development, made once and used again."""

import datetime
import fcntl
import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=14)
NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """Two PEM files."""

    chain: Path
    key: Path


def development_certificate(folder: Path) -> Certificate:
    """The certificate in `folder`; made, or made anew when it is about to expire. Raises OSError."""
    certificate = Certificate(folder / "localhost.crt", folder / "localhost.key")
    if not _usable(certificate):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if not _usable(certificate):
                _make(certificate)
    return certificate


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out: two that write at once would leave the certificate of one and the key of the other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _usable(certificate: Certificate) -> bool:
    try:
        known = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
        key = serialization.load_pem_private_key(certificate.key.read_bytes(), password=None)
    except (OSError, ValueError):
        return False
    fresh = known.not_valid_after_utc - _now() > RENEW_BEFORE
    return fresh and key.public_key() == known.public_key()


def _make(certificate: Certificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(certificate.key, pem)
    _write(certificate.chain, _signed(key).public_bytes(serialization.Encoding.PEM))


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CryptoVault development")])
    names = [x509.DNSName(text) for text in NAMES]
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ADDRESSES]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(hours=1))  # clocks differ
        .not_valid_after(_now() + LIFE)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _write(path: Path, data: bytes) -> None:
    """Write in one step, readable by the owner alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
