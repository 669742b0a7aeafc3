"""A certificate authority for trial systems: its own certificate, and one for each host process, naming its nodes.

Made with the ``openssl`` command, so that serving needs nothing more than Python's own TLS. For trials and tests: the
authority's key lies beside what it signed. This module must never write a key that others may read.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reference_impl.trust.errors import TrustError

__all__ = ["AUTHORITY_FILE", "DAYS", "certificate_file", "make_authority", "name_of", "node_in"]

AUTHORITY_FILE = "authority.pem"
DAYS = 30
"""How long certificates hold: for a trial, and never for longer unnoticed."""
_DOMAIN = ".nodes.yidi.invalid"
_EXTENSIONS = """\
[authority]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign
[process]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName={names}
"""


def name_of(node: str) -> str:
    """Return the name that a certificate proves a node by.

    >>> name_of("33"), node_in(name_of("33")), node_in("example.org")
    ('33.nodes.yidi.invalid', '33', '')
    """
    return f"{node}{_DOMAIN}"


def node_in(name: str) -> str:
    """Return the node that a name of a certificate is of; empty for any other name."""
    return name.removesuffix(_DOMAIN) if name.endswith(_DOMAIN) else ""


def certificate_file(folder: Path, host: str) -> Path:
    """Return where the certificate of a host process stands; its key is beside it."""
    return folder / f"host-{host}.pem"


def make_authority(folder: Path, hosts: Mapping[str, Iterable[str]]) -> None:
    """Make an authority, and a key and a certificate for each process that serves these nodes.

    Raises:
        TrustError: when openssl is not there or cannot.

    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = folder / AUTHORITY_FILE
    _request(authority, "yidi trial authority")
    _sign(authority, authority, "authority", "DNS:authority.invalid")
    for host, nodes in hosts.items():
        mine = certificate_file(folder, host)
        _request(mine, host)
        _sign(mine, authority, "process", ",".join(f"DNS:{name_of(node)}" for node in nodes))


def _request(certificate: Path, subject: str) -> None:
    key = certificate.with_suffix(".key")
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600))  # there before anything is written into it
    _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)])
    wanted = certificate.with_suffix(".csr")
    _openssl(["req", "-new", "-key", str(key), "-subj", f"/CN={subject}", "-out", str(wanted)])


def _sign(certificate: Path, authority: Path, section: str, names: str) -> None:
    extensions, wanted = certificate.with_suffix(".ext"), certificate.with_suffix(".csr")
    extensions.write_text(_EXTENSIONS.format(names=names), encoding="ascii")
    signer = authority.with_suffix(".key")
    by = ["-signkey", str(signer)] if certificate == authority else ["-CA", str(authority), "-CAkey", str(signer)]
    serial = [] if certificate == authority else ["-CAcreateserial"]
    asked = ["-in", str(wanted), "-days", str(DAYS), "-sha256", "-extfile", str(extensions), "-extensions", section]
    _openssl(["x509", "-req", *asked, *by, *serial, "-out", str(certificate)])
    for leftover in (extensions, wanted):
        leftover.unlink()


def _openssl(arguments: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            ["openssl", *arguments],  # noqa: S607 - wherever it is installed
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise TrustError(
            f"cannot run openssl: {error.strerror}; install it, or bring certificates of your own"
        ) from None
    if done.returncode:
        raise TrustError(f"openssl {arguments[0]}: {' '.join(done.stderr.split())}")
