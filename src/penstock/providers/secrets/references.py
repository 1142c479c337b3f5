"""References to values: `env:NAME` of whoever gives the order, `file:/path` without its last line end."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import UserError
from penstock.providers.secrets.private import keep_first, write_private

_LIMIT = 64 << 10
_WAIT_S = 5.0
_POLL_S = 0.02
_OPEN_TO_OTHERS = 0o066
_KEY_BYTES = 32


class ReferenceSecrets:
    """Fills `ports.Secrets`. `folder` holds the key under which digests of values are made (0600)."""

    def __init__(self, folder: Path) -> None:
        self._key_file = Path(folder) / "digest.key"

    def resolve(self, references: Mapping[str, str], environment: str) -> dict[str, str]:
        """The values, by name. No error ever holds one.

        UserError `no-secret` names the reference that leads to nothing; `secret-readable` the file that
        others than its owner may read or write.
        """
        return {name: _value(name, reference, environment) for name, reference in references.items()}

    def write_private(self, path: Path, values: Mapping[str, str]) -> None:
        """The values as JSON, 0600, whole or not at all; a StateError when they cannot be written."""
        write_private(path, json.dumps(dict(values)).encode())

    def digest(self, values: Mapping[str, str]) -> str:
        """A keyed digest: equal for equal values in this state folder, and it gives nothing away."""
        text = json.dumps(dict(values), sort_keys=True).encode()
        return hmac.new(self._key(), text, hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        return keep_first(self._key_file, _KEY_BYTES)


def _value(name: str, reference: str, environment: str) -> str:
    scheme, _, locator = reference.partition(":")
    locator = locator.replace("$ENVIRONMENT", environment)
    if scheme == "env":
        found = os.environ.get(locator)
        if found is None:
            do = f"export {locator}=…, and order again"
            raise _missing(name, reference, f"the variable {locator} is not set", do)
        return found
    if scheme == "file":
        return _file(name, reference, Path(locator))
    raise _missing(name, reference, f"`{scheme}:` is not known", "file:/a/path or env:A_VARIABLE")


def _file(name: str, reference: str, path: Path) -> str:
    try:
        # What is opened is what is looked at; and to open a pipe must not be to wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _refuse_open_to_others(name, path, os.fstat(fd))
            data = _read(fd)
        finally:
            os.close(fd)
    except OSError as error:
        do = "write the value there, readable by its owner only (chmod 600)"
        raise _missing(name, reference, f"{path}: {error.strerror or error}", do) from error
    if len(data) > _LIMIT or b"\0" in data:
        what = "holds a NUL character" if b"\0" in data else "is larger than 64 KiB"
        raise _missing(name, reference, f"{path} {what}", "a secret is a word or a key, as text")
    return data.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")


def _refuse_open_to_others(name: str, path: Path, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) and found.st_mode & _OPEN_TO_OTHERS:
        raise UserError(
            "secret-readable",
            f"the secret {name} is open to others than its owner",
            str(path),
            f"its file has the mode {stat.S_IMODE(found.st_mode):04o}: its group or everybody may use it",
            f"chmod 600 {path}",
        )


def _read(fd: int) -> bytes:
    """Everything up to just over the limit; a pipe that nobody fills is a TimeoutError after five seconds."""
    data, deadline = b"", time.monotonic() + _WAIT_S
    is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
    while len(data) <= _LIMIT:
        chunk = _next(fd, _LIMIT + 1 - len(data))
        if chunk:
            data += chunk
        elif chunk is not None and (data or not is_pipe):
            return data
        elif time.monotonic() > deadline:
            raise TimeoutError(f"nothing could be read for {_WAIT_S:g} s")
        else:
            time.sleep(_POLL_S)  # a pipe whose writer has not come yet looks as if it were at its end
    return data


def _next(fd: int, size: int) -> bytes | None:
    """What can be read now; empty at the end, None while there is a writer who has not written."""
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None


def _missing(name: str, reference: str, why: str, do: str) -> UserError:
    return UserError("no-secret", f"the secret {name} cannot be had", reference, why, do)
