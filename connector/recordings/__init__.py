"""Recordings behind links of our own: signed, running out, and fetched from hosts that a setting names.

`RecordingRules` is the section of the manifest, `RecordingLinks` makes and opens links, `FarRecordings`
fetches what a link opens, `ByteRange` is the part that was asked for. Nothing of a recording is kept here.
"""

from connector.recordings.audio import KINDS, Audio
from connector.recordings.fetching import LISTENERS, BeyondTheEnd, FarRecordings
from connector.recordings.links import RecordingLinks
from connector.recordings.ranges import ByteRange, wanted_range
from connector.recordings.rules import RecordingRules, RecordingsSchema, Whose, host_of, rules_of

__all__ = [
    "KINDS",
    "LISTENERS",
    "Audio",
    "BeyondTheEnd",
    "ByteRange",
    "FarRecordings",
    "RecordingLinks",
    "RecordingRules",
    "RecordingsSchema",
    "Whose",
    "host_of",
    "rules_of",
    "wanted_range",
]
