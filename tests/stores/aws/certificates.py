"""A CA and a certificate of it for localhost, and for the hosts of AWS that SSO asks."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def write(path, *parts):
    with open(path, "wb") as file:
        file.writelines(parts)


def pem(thing):
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def make(directory):
    """ca.pem and server.pem with its key; other-ca.pem has signed nothing here."""
    authority = [(x509.BasicConstraints(ca=True, path_length=None), True)]
    ca_key = ec.generate_private_key(ec.SECP256R1())
    write(f"{directory}/ca.pem", pem(certificate("test CA", ca_key, "test CA", ca_key, authority)))
    other = ec.generate_private_key(ec.SECP256R1())
    write(f"{directory}/other-ca.pem", pem(certificate("other", other, "other", other, authority)))
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = ["localhost", "portal.sso.eu-west-1.amazonaws.com", "oidc.eu-west-1.amazonaws.com"]
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    leaf = [(names, False), (x509.BasicConstraints(ca=False, path_length=None), True)]
    signed = certificate("localhost", key, "test CA", ca_key, leaf)
    write(f"{directory}/server.pem", pem(signed), pem(key))
