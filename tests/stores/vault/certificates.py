"""A CA, a server certificate for localhost and a client certificate; and a CA that has signed nothing."""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = [
    x509.DNSName("localhost"),
    x509.DNSName("vault.test"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
]


def make_certificates(directory):
    ca_key, ca = authority("keybearer test CA")
    _, other = authority("another CA")
    server_key, server = leaf(ca_key, ca, "localhost", ExtendedKeyUsageOID.SERVER_AUTH, NAMES)
    client_key, client = leaf(ca_key, ca, "site.test", ExtendedKeyUsageOID.CLIENT_AUTH, [x509.DNSName("site.test")])
    contents = {
        "ca": pem(ca),
        "other_ca": pem(other),
        "server_cert": pem(server),
        "server_key": private(server_key),
        "client_cert": pem(client),
        "client_key": private(client_key),
    }
    files = {}
    for name, content in contents.items():
        files[name] = os.path.join(directory, name.replace("_", "-") + ".pem")
        with open(files[name], "wb") as file:
            file.write(content)
    return files


def authority(name):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = certificate(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return key, builder.add_extension(usage, True).sign(key, hashes.SHA256())


def leaf(ca_key, ca, name, purpose, names):
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    builder = certificate(name, issuer, key).add_extension(x509.BasicConstraints(False, None), True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return key, builder.sign(ca_key, hashes.SHA256())


def certificate(name, issuer, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )


def common_name(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def private(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
