"""Certificates for tests: an authority of our own, and what it signs for 127.0.0.1 and localhost."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"
_EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Authority:
    """Files in PEM: clients are told to trust `certificate`."""

    certificate: Path
    key: Path

    def sign(self, certificate: Path, key: Path) -> None:
        """Write a fresh key and a certificate for it, over what is there."""
        request = certificate.with_suffix(".csr")
        _openssl("req", *_EC, "-subj", "/CN=localhost", "-addext", _NAMES, "-out", str(request), "-keyout", str(key))
        by = ["-CA", str(self.certificate), "-CAkey", str(self.key), "-copy_extensions", "copy", "-days", "2"]
        _openssl("x509", "-req", "-in", str(request), *by, "-out", str(certificate))


def authority(directory: Path) -> Authority:
    made = Authority(directory / "authority.pem", directory / "authority-key.pem")
    usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    files = ["-out", str(made.certificate), "-keyout", str(made.key)]
    _openssl("req", "-x509", *_EC, "-days", "2", "-subj", "/CN=test authority", *usage, *files)
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
