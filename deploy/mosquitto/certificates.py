"""Certificates: an authority of the bank's own, and what it signs for brokers and clients (X.509, ECDSA on P-256)."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEAR: Final = timedelta(days=365)
_AUTHORITY_LIVES: Final = 20 * _YEAR
_BEFORE: Final = timedelta(days=1)  # a box whose clock is slow would not believe a certificate of today
Key = ec.EllipticCurvePrivateKey


class Signed(msgspec.Struct, frozen=True):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates; its key belongs somewhere safe, not on the broker."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self._certificate, self._key = certificate, key

    @classmethod
    def new(cls, name: str) -> Self:
        """An authority that nobody knows yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _begun(name, name, key, _AUTHORITY_LIVES)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def of(cls, certificate: bytes, key: bytes) -> Self:
        """The authority in two PEM files.

        Raises:
            ValueError: they hold no certificate, or no key of the kind that is made here.
        """
        private = serialization.load_pem_private_key(key, None)
        if not isinstance(private, Key):
            raise ValueError("the authority's key is not one that was made here (ECDSA)")  # noqa: TRY004 (what is wrong is in a file)
        return cls(x509.load_pem_x509_certificate(certificate), private)

    @property
    def pem(self) -> Signed:
        """Its own certificate, which is for everybody, and its key, which is for nobody."""
        return Signed(self._certificate.public_bytes(serialization.Encoding.PEM), _pem(self._key))

    def server(self, hosts: list[str], years: int) -> Signed:
        """For a broker that is called by these names and addresses."""
        names = x509.SubjectAlternativeName([_name(host) for host in hosts])
        return self._signed(hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, years, names)

    def client(self, user: str, years: int) -> Signed:
        """For whoever logs in as `user`."""
        return self._signed(user, ExtendedKeyUsageOID.CLIENT_AUTH, years)

    def _signed(self, name: str, use: x509.ObjectIdentifier, years: int, names: x509.SubjectAlternativeName | None = None) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        builder = (
            _begun(name, str(issuer), key, years * _YEAR)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return Signed(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), _pem(key))


def _begun(name: str, issuer: str, key: Key, lives: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + lives)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: Key) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
