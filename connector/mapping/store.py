"""A mapping file that may be edited while we run: loaded when valid, the last good one otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from connector.errors import ConfigError, Problem
from connector.mapping.loading import CrmCheck, load
from connector.mapping.mapping import Mapping as MappingRules
from connector.mapping.paths import Path as FieldPath
from connector.mapping.templates import RequestTemplate
from connector.yamlfile import MAX_BYTES

#: Request templates by name.
Requests = Mapping[str, RequestTemplate | FieldPath]

#: Seconds between two looks at the file.
LOOK_EVERY = 0.5

#: What tells one state of a file from another: mtime in ns, size, inode; None when there is no file.
Signature = tuple[int, int, int] | None


class MappingFile:
    """The current mapping of one file; thread-safe. The first load must be good, or ConfigError is raised."""

    def __init__(
        self,
        path: str | Path,
        *,
        crm_check: CrmCheck | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        #: Why the file as it stands now is not the one in use; None when it is.
        self.problem: ConfigError | None = None
        self._crm_check = crm_check
        self._clock = clock
        self._lock = threading.Lock()
        self._signature = self._look()
        self._mapping = self._load()
        self._next_look = clock() + LOOK_EVERY

    def current(self) -> MappingRules:
        """The newest valid mapping; looks at the file at most every half second."""
        if self._clock() >= self._next_look:
            with self._lock:
                if self._clock() >= self._next_look:
                    self._refresh()
                    self._next_look = self._clock() + LOOK_EVERY
        return self._mapping

    @property
    def requests(self) -> Requests:
        """The request templates of the current mapping, as a live view for `Account.requests`."""
        return _LiveRequests(self)

    def _refresh(self) -> None:
        # Looked at before it is read: an edit in between changes the signature again and is seen next time.
        signature = self._look()
        if signature == self._signature:
            return
        try:
            mapping = self._load()
            if mapping.crm != self._mapping.crm:
                message = f"`crm` was {self._mapping.crm}: a file changes its CRM at a restart only"
                raise ConfigError([mapping.document.problem(("crm",), message, value=True)])
            self._mapping, self.problem = mapping, None
        except ConfigError as error:
            self.problem = error
        self._signature = signature

    def _look(self) -> Signature:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> MappingRules:
        name = str(self.path)
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
        except OSError as error:
            message = f"the file cannot be read: {error.strerror or type(error).__name__}"
            raise ConfigError([Problem(name, 1, 1, message)]) from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise ConfigError([Problem(name, line, 1, "the file is not UTF-8 text")]) from None
        return load(text, name, crm_check=self._crm_check)


class _LiveRequests(Mapping[str, RequestTemplate | FieldPath]):
    """Looks into the current mapping each time it is asked."""

    def __init__(self, file: MappingFile) -> None:
        self._file = file

    def __getitem__(self, name: str) -> RequestTemplate | FieldPath:
        return self._file.current().requests[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.current().requests)

    def __len__(self) -> int:
        return len(self._file.current().requests)
