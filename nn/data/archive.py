"""Files out of a tar archive, gzipped or not, into memory: nothing is written anywhere."""

import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from .files import BLOCK, GZIP_ERRORS, bad_file, open_unzipped

LARGEST = 1 << 26  # bytes of one member; twice what a batch of CIFAR-10 has
MOST = 1000  # members; CIFAR-10 has 9


class _Bounded:
    """A file of which no more than LARGEST bytes are read at once: headers, too, may claim any size."""

    def __init__(self, file: Any) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file

    def read(self, count: int) -> bytes:
        if count > LARGEST:
            raise tarfile.ReadError(f"{count} bytes in one piece")
        return self._file.read(count)


def _opened(file: Any) -> tarfile.TarFile:
    bounded: Any = _Bounded(file)
    return tarfile.open(fileobj=bounded, mode="r:")


def read_members(path: Path, names: Iterable[str]) -> dict[Path, bytes]:
    """`path / name` -> the content of the archive's file with this name, whatever folder it is in.

    A name that is missing is left out. ValueError if the archive is damaged, or if a file is larger than the data sets
    here can need.
    """
    wanted, found = set(names), {}
    try:
        with open_unzipped(path) as file, _opened(file) as archive:
            for number, member in enumerate(archive):
                if number == MOST:
                    raise bad_file(path, f"over {MOST} members", "those of CIFAR-10")
                name = PurePosixPath(member.name).name
                if name not in wanted or not member.isfile():
                    continue
                if member.size > LARGEST:
                    raise bad_file(path / name, f"{member.size} bytes", f"at most {LARGEST}")
                content = archive.extractfile(member)
                if content is not None:
                    found[path / name] = content.read()
            # the checksum of gzip stands at the very end
            while file.read(BLOCK):
                pass
    except (*GZIP_ERRORS, tarfile.TarError) as error:
        raise bad_file(path, f"a damaged archive ({error})", "a whole tar file") from None
    return found
