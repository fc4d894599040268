"""`requests:` of a mapping file: the HTTP requests to a CRM that has no adapter of its own.

An adapter is handed these objects in its account and calls them; it need not import this package:

    method, path, params, json = template.render({"click": …, "record": …, "activity": …})
    template.headers                  # fixed headers of this request
    template.find_id(answer)          # their id of the activity, out of the decoded answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from marshmallow import ValidationError

from connector.errors import AdminNeeded, Refused
from connector.mapping.parsing import Place, each, parse_keys, parse_pieces, parse_tree
from connector.mapping.paths import Path, as_text, is_empty, parse_path
from connector.mapping.values import Text, render_tree, tree_paths
from connector.mapping.words import Words, activity_words, click_words
from connector.model import Activity, Click, Record

VERBS = ("get", "post", "patch", "put")

#: request -> the roots it may use, in the order in which they become known
REQUEST_ROOTS: dict[str, tuple[str, ...]] = {
    "read": ("click",),
    "owner": ("record", "click"),
    "user": ("click", "record", "owner"),
    "find": ("activity", "record", "owner", "user", "click", "call"),
    "create": ("activity", "record", "owner", "user", "click", "call"),
    "update": ("activity", "record", "owner", "user", "click", "call"),
}

#: method, path with its values quoted, query parameters or None, JSON body or None
Rendered = tuple[str, str, dict[str, str] | None, Any]


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One request, compiled."""

    name: str
    method: str
    path: Text
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Dotted path to the activity's id in the decoded answer, None when the file names none.
    id: str | None = None

    def render(self, words: Words) -> Rendered:
        """Fill the request: `(method, path, params, json)`, each value in the path URL-quoted.

        `words` holds plain data under the roots. A Click or an Activity is turned into its words here, and
        an Activity brings its record, owner, user, click and call along: `render({"activity": activity})`.
        Without a `json` of their own, create and update send all the activity's fields. When a value the
        path needs is empty, `.` or `..`: Refused (`request_incomplete`) for what is read before the call,
        AdminNeeded (same code) for what is written after it.
        """
        known = _plain_words(words)
        path = "".join(
            piece if isinstance(piece, str) else self._quoted(piece, known) for piece in self.path.pieces
        )
        params = {name: as_text(value) for name, value in render_tree(self.params, known).items()}
        return self.method, path, params or None, self._body(known)

    def find_id(self, answer: Any) -> str | None:
        """The activity's id out of a decoded answer (lists count from 0, a bare id is it), or None.

        It stands at `id` where the file does not say.
        """
        if isinstance(answer, str | int) and not isinstance(answer, bool):
            return as_text(answer)
        where = self.id or "id"
        value = Path(where, "answer", tuple(where.split("."))).read({"answer": answer})
        return None if is_empty(value) or isinstance(value, dict | list | bool) else as_text(value)

    def paths(self) -> Iterator[Path]:
        """Every path it reads."""
        yield from self.path.paths()
        yield from tree_paths(self.params)
        if self.json is not None:
            yield from tree_paths(self.json)

    def _body(self, words: Words) -> Any:
        if self.json is not None:
            return render_tree(self.json, words)
        if self.name not in ("create", "update") or self.method == "GET":
            return None
        return dict(words.get("activity", {}).get("fields", {}))

    def _quoted(self, path: Path, words: Words) -> str:
        text = as_text(path.read(words)).strip()
        if text not in ("", ".", ".."):
            return quote(text, safe="")
        # Dots would be taken for "this folder" and "the folder above", even when they are quoted.
        why = f"holds {text!r}, which no address can carry" if text else "is empty"
        error = Refused if self.name in ("read", "owner", "user") else AdminNeeded
        raise error("request_incomplete", f"The CRM request {self.name!r} needs {path.text}, which {why}.")


def _plain_words(words: Words) -> dict[str, Any]:
    known = dict(words)
    activity, click = known.get("activity"), known.get("click")
    if isinstance(click, Click):
        known["click"] = click_words(click)
    if not isinstance(activity, Activity):
        return known
    record = activity.record or Record({})
    roots = {"record": record.record, "owner": record.owner, "user": record.user}
    return {
        **roots,
        "click": activity.click,
        "call": activity.call,
        **known,
        "activity": activity_words(activity),
    }


def render_request(template: RequestTemplate, words: Words) -> Rendered:
    """`template.render(words)`, for those who hold the template as plain data."""
    return template.render(words)


def parse_request(name: str, raw: Any) -> RequestTemplate | Path:
    """Compile one request, or for `owner` and `user` the path at which the record already holds them."""
    place = Place(REQUEST_ROOTS[name])
    if isinstance(raw, str) and name in ("owner", "user"):
        return parse_path(raw, ("record",))
    if not isinstance(raw, dict):
        raise ValidationError('must be a request such as {get: "/contacts/{click.id}"}')
    verbs = [verb for verb in VERBS if verb in raw]
    if len(verbs) > 1:
        raise ValidationError(f"must hold exactly one of {', '.join(VERBS)}")
    parsers: dict[str, Callable[[Any], Any]] = {
        **{verb: lambda part: _parse_path_text(part, place) for verb in VERBS},
        "params": lambda part: _parse_flat(part, place),
        "json": lambda part: parse_tree(part, place),
        "headers": _parse_headers,
        "id": _parse_id,
    }
    parts = parse_keys(raw, parsers, needed=())
    if not verbs:
        raise ValidationError(f"must hold exactly one of {', '.join(VERBS)}")
    return RequestTemplate(name, verbs[0].upper(), parts.pop(verbs[0]), **parts)


def _parse_path_text(raw: Any, place: Place) -> Text:
    if not isinstance(raw, str) or not raw.startswith("/") or raw.startswith("//"):
        raise ValidationError("must be a path under the base_url that starts with one /")
    if any(sign in raw for sign in "?#\\") or any(map(str.isspace, raw)):
        raise ValidationError("must hold no ?, # or blank: query fields go to `params`")
    return parse_pieces(raw, place)


def _parse_flat(raw: Any, place: Place) -> Any:
    if not isinstance(raw, dict):
        raise ValidationError("must hold keys and values")
    return each(raw, lambda item: parse_tree(item, place))


def _parse_headers(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise ValidationError("must hold header names and their fixed texts")
    secret = [name for name in raw if name.lower() in ("authorization", "cookie", "x-api-key")]
    if secret:
        raise ValidationError(
            {secret[0]: ["credentials stand in the manifest's `auth`, never in a mapping file"]}
        )
    return raw


def _parse_id(raw: Any) -> str:
    if not isinstance(raw, str) or not raw or not all(raw.split(".")):
        raise ValidationError("must be where the id stands in the answer, such as id or data.id")
    return raw
