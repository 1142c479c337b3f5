"""A tar archive of a commit into a folder: files, folders and links that stay inside, and nothing else."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from penstock.errors import UserError


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into a folder; files get 0644 or 0755, folders 0755, whoever asks.

    A name or a link that leads out of the folder is a UserError `unsafe-file`. Python's own filter does the
    same from 3.11.4 on; this holds on every 3.11.
    """
    with tarfile.open(archive) as tar:
        tar.extraction_filter = lambda member, _: member  # ours has looked already
        for member in _inside(tar):
            tar.extract(member, folder)


def _inside(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    links: set[PurePosixPath] = set()
    for member in tar:
        path = PurePosixPath(member.name)
        if not _is_plain(path) or links & {path, *path.parents}:
            raise _unsafe(member.name, "its name leads out of the folder")
        if member.issym():
            links.add(path)
            if not _stays(path, member.linkname):
                raise _unsafe(member.name, f"it is a link to {member.linkname}, which is not in the commit")
        elif not (member.isreg() or member.isdir()):
            raise _unsafe(member.name, "it is neither a file, nor a folder, nor a link")
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        yield member


def _is_plain(path: PurePosixPath) -> bool:
    return not path.is_absolute() and not {"..", ".git"} & {part.lower() for part in path.parts}


def _stays(path: PurePosixPath, target: str) -> bool:
    end = os.path.normpath(path.parent / target)
    return not os.path.isabs(target) and end != ".." and not end.startswith("../")


def _unsafe(name: str, why: str) -> UserError:
    return UserError(
        "unsafe-file",
        f"`{name}` cannot be part of a release",
        name,
        why,
        "take it out of the repository, or mark it `export-ignore` in .gitattributes",
    )
