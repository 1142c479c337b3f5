"""Signing and proving answers with the keys that people have for SSH, by `ssh-keygen -Y`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock import shell
from penstock.core.signed import NAMESPACE, Signed
from penstock.errors import PenstockError, UserError

SIGNERS = ".penstock/allowed_signers"
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_WITHIN_S = 120.0  # a person may have to type a passphrase, or touch a token


def sign(answer: Signed, key: Path) -> Signed:
    """The answer with its signature. `key`: a private key, or the public half of one that the agent holds."""
    if not key.exists():
        raise UserError("no-key", f"there is no key {key}", str(key),
                        f"an answer is signed with a key that {SIGNERS} names", "--sign ~/.ssh/id_ed25519")  # fmt: skip
    with TemporaryDirectory(prefix="penstock-sign-") as folder:
        message = Path(folder) / "answer"
        message.write_text(answer.message)
        done = shell.run(
            ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(message)], timeout_s=_WITHIN_S, asks=True
        )
        made = message.with_suffix(".sig")
        if not done.ok or not made.exists():
            raise UserError("not-signed", f"the answer was not signed: {_said(done)}", str(key),
                            "`ssh-keygen -Y sign` made no signature",
                            "a key of yours and its passphrase; without a terminal: ssh-add it, and name its .pub")  # fmt: skip
        return replace(answer, signature=made.read_text())


@dataclass(frozen=True)
class Proof:
    """What a signature comes to: why it proves nothing (empty: it does), and the fingerprint of the key."""

    doubt: str = ""
    key: str = ""


_known: dict[tuple[Signed, str], Proof] = {}
"""Signatures that were proven: a waiting release looks at each of them again and again."""


def prove(answer: Signed, signers: str | None) -> Proof:
    """Whether a signature proves that `person` said so. `signers`: the text of allowed_signers."""
    if signers is None:
        return Proof(f"there is no {SIGNERS} in the commit that says whose key is whose")
    if not _PRINCIPAL.fullmatch(answer.person):
        return Proof("its person is no name that could sign")
    if (answer, signers) not in _known:
        found = _proven(answer, signers)
        if found.doubt:
            return found  # what could not be proven now may be proven later
        _known[answer, signers] = found
    return _known[answer, signers]


def _proven(answer: Signed, signers: str) -> Proof:
    with TemporaryDirectory(prefix="penstock-verify-") as folder:
        known, signature = Path(folder) / "allowed_signers", Path(folder) / "answer.sig"
        known.write_text(signers)
        signature.write_text(answer.signature)
        words = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            str(known),
            "-I",
            answer.person,
            "-n",
            NAMESPACE,
            "-s",
            str(signature),
        ]
        try:
            done = shell.run(words, stdin=answer.message, timeout_s=_WITHIN_S)
        except PenstockError as error:
            return Proof(f"it cannot be verified: {error.what}")
    if not done.ok:
        return Proof(f"its signature does not hold for {answer.person}: {_said(done)}")
    key = _KEY.search(done.out + done.err)
    return Proof("", key[0] if key else "")


def _said(done: shell.Completed) -> str:
    lines = (done.err or done.out).strip().splitlines()
    return lines[-1][:200] if lines else f"ssh-keygen ended with {done.code}"
