"""A recording for whoever holds its link: played in place, in parts if asked for, and written down."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from connector.assembly import House
from connector.errors import Gone
from connector.journal import listening
from connector.recordings import KINDS, Audio, BeyondTheEnd, FarRecordings, wanted_range
from connector.web.problems import problem

#: A browser that opens the link by itself makes a page around the recording, with a style of its own.
_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_UNPRINTABLE = re.compile(r"[^ -~]")
_LONGEST_PLAYER = 100


def blueprint(house: House, far: FarRecordings | None = None) -> Blueprint:
    """GET and HEAD /recordings/<call>/<token>: the audio itself, as `<audio>` elements ask for it."""
    recordings = Blueprint("recordings", __name__)
    fetched = far or FarRecordings(house.settings.recordings, house.settings.named)

    @recordings.get("/recordings/<call_id>/<token>")
    def listen(call_id: str, token: str) -> Response:
        house.recordings.check(call_id, token)
        call = house.journal.get(call_id)
        url = call.ending.recording_url if call and call.ending else None
        if url is None:
            raise Gone(
                "recording_gone",
                "There is no recording of this call here any more: it was forgotten or erased.",
                status=410,
            )
        # Of a HEAD a range means nothing; with If-Range it is one of a version that we never named.
        whole = request.method == "HEAD" or "If-Range" in request.headers
        try:
            audio = fetched.open(url, None if whole else wanted_range(request.headers.get("Range")), call_id)
        except BeyondTheEnd as error:
            answer = problem(error.status, error.code, error.message)
            if error.length is not None:
                answer.headers["Content-Range"] = f"bytes */{error.length}"
            return answer
        try:
            if request.method == "GET":
                # Before the first byte: who cannot be written down hears nothing.
                _write_down(house, call_id, audio)
            return _answer(audio, call_id)
        except BaseException:
            audio.close()
            raise

    return recordings


def _write_down(house: House, call_id: str, audio: Audio) -> None:
    player = _UNPRINTABLE.sub("", request.headers.get("User-Agent", ""))[:_LONGEST_PLAYER].strip()
    part = f"from byte {audio.part.first} of {audio.part.length}"
    address = _UNPRINTABLE.sub("", request.remote_addr or "")[:_LONGEST_PLAYER]
    listening.listens(house.journal, call_id, address or "unknown", player, part)


def _answer(audio: Audio, call_id: str) -> Response:
    part = audio.part
    answer = Response(iter(audio), 206 if part.partial else 200, content_type=part.kind)
    # Also when not one byte is taken: a HEAD, or a client that has gone.
    answer.call_on_close(audio.close)
    answer.headers["Content-Length"] = str(part.size)
    answer.headers["Accept-Ranges"] = "bytes"
    if part.partial:
        answer.headers["Content-Range"] = f"bytes {part.first}-{part.last}/{part.length}"
    answer.headers["Content-Disposition"] = f'inline; filename="call-{call_id}.{KINDS[part.kind]}"'
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
