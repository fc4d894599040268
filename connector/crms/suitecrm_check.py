"""What `check --live` asks SuiteCRM: is the client good, may calls be read, are the fields there?

Each module is asked for one record with just the wanted fields, as a click would: SuiteCRM names those it
does not know. Its own list of fields (`/Api/V8/meta/fields`) leaves users out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import looked_at, people_paths
from connector.crms.base_read import first_parts
from connector.crms.suitecrm_said import MODULES
from connector.errors import ConnectorError
from connector.model import Wanted

_ONE = {"page[size]": "1", "page[number]": "1"}
#: Refusals that say the client itself is good.
_OF_THE_MODULE = frozenset({"crm_forbidden", "crm_rejected", "unknown_object"})


def findings(api: JsonApi, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the OAuth2 client, and one each for calls, every module and users."""
    try:
        api.object("GET", f"{MODULES}/Calls", "Calls", params=_ONE)
    except ConnectorError as error:
        if error.code not in _OF_THE_MODULE:
            return [Finding("OAuth2 client", False, error.message)]
        calls = Finding("Calls", False, error.message)
    else:
        calls = Finding("Calls", True)
    modules = {module: list(paths.record) for module, paths in wanted.items()}
    people = people_paths(wanted)
    asked = modules | ({"Users": people} if people else {})
    return [Finding("OAuth2 client", True), calls, *(_module(api, *each) for each in asked.items())]


def _module(api: JsonApi, module: str, paths: Iterable[str]) -> Finding:
    fields = ",".join(name for name in first_parts(paths) if name != "id")
    params = _ONE | ({f"fields[{module}]": fields} if fields else {})
    return looked_at(module, partial(api.object, "GET", f"{MODULES}/{module}", module, params=params))
