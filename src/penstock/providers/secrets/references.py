"""References to values: `env:NAME` of whoever gives the order, `file:/path` without its last line end."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import UserError

_LIMIT = 64 << 10


class ReferenceSecrets:
    """Fills `ports.Secrets`. `folder` holds the key under which digests of values are made (0600)."""

    def __init__(self, folder: Path) -> None:
        self._key_file = Path(folder) / "digest.key"

    def resolve(self, references: Mapping[str, str], environment: str) -> dict[str, str]:
        """The values. A missing one is a UserError `no-secret` that names the reference, never a value."""
        return {name: _value(name, reference, environment) for name, reference in references.items()}

    def write_private(self, path: Path, values: Mapping[str, str]) -> None:
        """The values as JSON, 0600, whole or not at all."""
        _write(path, json.dumps(dict(values)).encode())

    def digest(self, values: Mapping[str, str]) -> str:
        """A keyed digest: equal for equal values in this state folder, and it gives nothing away."""
        text = json.dumps(dict(values), sort_keys=True).encode()
        return hmac.new(self._key(), text, hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        try:
            return self._key_file.read_bytes()
        except FileNotFoundError:
            self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._key_file, os.urandom(32))
            return self._key_file.read_bytes()


def _value(name: str, reference: str, environment: str) -> str:
    scheme, _, locator = reference.partition(":")
    locator = locator.replace("$ENVIRONMENT", environment)
    if scheme == "env":
        value = os.environ.get(locator)
        if value is None:
            raise _missing(name, reference, f"the variable {locator} is not set", f"export {locator}=…, and order again")
        return value
    if scheme == "file":
        return _file(name, reference, Path(locator))
    raise _missing(name, reference, f"`{scheme}:` is not known", "file:/a/path or env:A_VARIABLE")


def _file(name: str, reference: str, path: Path) -> str:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
            raise UserError("secret-readable", f"the secret {name} may be read by others", str(path),
                            "its file is open to its group or to everybody", f"chmod 600 {path}")  # fmt: skip
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise _missing(name, reference, f"{path}: {error.strerror}", "write the value there (0600)") from error
    if len(data) > _LIMIT:
        raise _missing(name, reference, f"{path} is larger than 64 KiB", "a secret is a word, not a file of them")
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")


def _missing(name: str, reference: str, why: str, do: str) -> UserError:
    return UserError("no-secret", f"the secret {name} cannot be had", reference, why, do)


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
