"""Mapping files: their fields <-> our words. Data, never a program.

`load` compiles a file, `MappingFile` keeps one fresh, `Mapping` plans calls and renders activities.
"""

from connector.mapping.loading import load
from connector.mapping.mapping import Mapping
from connector.mapping.store import MappingFile
from connector.mapping.templates import RequestTemplate, render_request
from connector.mapping.words import CALL_WORDS, call_words

__all__ = ["CALL_WORDS", "Mapping", "MappingFile", "RequestTemplate", "call_words", "load", "render_request"]
