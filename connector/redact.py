"""What may be shown: phone numbers as their last four digits, secrets not at all.

`install()` puts one filter on every handler of the root logger and on the loggers of libraries that would
write a request URL (urllib3 logs the whole query at DEBUG). Standard library only.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

#: Values registered as secret: replaced wherever they turn up in a log line or an error text. The longest
#: comes first, lest its beginning is replaced and its end shown. Exchanged, never changed: others read it.
_secrets: tuple[str, ...] = ()
_registering = threading.Lock()
#: Shorter values are not registered: replacing every "abc" would garble logs and protect nothing.
_SHORTEST_SECRET = 6

_QUERY = re.compile(r"\?[^\s\"'<>]+")
_NUMBER = re.compile(r"(?<![\w.:-])(\+?\d(?:[\s()-]{0,2}\d){8,14})(?![\w:.-]*\w)")
#: A link to a recording: its last part opens it for whoever reads a log.
_OPENING = re.compile(r"(/recordings/[^/\s\"'<>]{1,64}/)[^\s\"'<>]+")
_NOT_A_DIGIT = re.compile(r"\D")
_URL_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.poolmanager")


def register_secret(value: str | None) -> None:
    """Never let `value` appear in a log line or scrubbed text of this process."""
    global _secrets
    if value and len(value) >= _SHORTEST_SECRET and value not in _secrets:
        with _registering:
            _secrets = tuple(sorted({*_secrets, value}, key=len, reverse=True))


def mask(number: str | None) -> str:
    """Show a phone number as its last four digits: `…0001`; empty stays empty."""
    digits = _NOT_A_DIGIT.sub("", number or "")
    return f"…{digits[-4:]}" if digits else ""


def scrub(text: str) -> str:
    """Take registered secrets, query strings, keys of recordings and full phone numbers out of a text."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, "[secret]")
    text = _QUERY.sub("?…", text)
    if "/recordings/" in text:
        text = _OPENING.sub(r"\1…", text)
    return _NUMBER.sub(lambda found: mask(found.group(1)), text)


def scrub_value(value: Any) -> Any:
    """Scrub every text inside nested plain data; keys and other types stay as they are."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: scrub_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_value(item) for item in value]
    return value


class RedactingFilter(logging.Filter):
    """Scrub the finished message and any traceback text of each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = scrub(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = scrub(record.exc_text)
        return True


_FILTER = RedactingFilter()


def guard_url_loggers() -> None:
    """Scrub the lines of the HTTP library at their source, whatever handlers the host program set up."""
    for name in _URL_LOGGERS:
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)


def install(level: int = logging.INFO) -> None:
    """Log to standard error at `level`, every line scrubbed."""
    root = logging.getLogger()
    if not root.handlers:
        to_stderr = logging.StreamHandler()
        to_stderr.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(to_stderr)
    for handler in root.handlers:
        if _FILTER not in handler.filters:
            handler.addFilter(_FILTER)
    root.setLevel(level)
    guard_url_loggers()
    threading.excepthook = _tell_of_thread


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """What ends a thread is logged like everything else: Python itself would print it as it stands."""
    name = ended.thread.name if ended.thread else "a thread"
    fault = ended.exc_value or ended.exc_type()
    logging.getLogger("connector").error("%s ended by a fault of the connector's own", name, exc_info=fault)
