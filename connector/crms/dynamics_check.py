"""What `check --live` asks Dataverse: does the login work, is every table, field and right there?

A field is checked by asking for it: Dataverse names the first it does not know. Rights by the bound function
RetrieveUserPrivilegeByPrivilegeName, which answers with no privileges for one the user lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from connector.crms.base import Finding
from connector.crms.base_check import looked_at
from connector.crms.dynamics_api import OWNER, USERS, Api, UnknownField, guid_of
from connector.crms.dynamics_call import PHONECALLS
from connector.errors import ConnectorError
from connector.model import Wanted

#: What writing a call takes; Dataverse has one set of rights for activities of every kind.
_RIGHTS = (
    "prvReadActivity",
    "prvCreateActivity",
    "prvWriteActivity",
    "prvAppendActivity",
    "prvAssignActivity",
)


def findings(api: Api, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the login, the application user, each table, each missing field, each missing right."""
    login = looked_at("login", api.login.token)
    if not login.ok:
        return [login]
    try:
        told = api.ask("WhoAmI()", "our own user")
        me = guid_of(str(told.get("UserId")) if isinstance(told, dict) else "", "user of our own")
    except ConnectorError as error:
        return [login, Finding("application user", False, error.message)]
    found = [login, Finding("application user", True)]
    for table, paths in wanted.items():
        asked = [*paths.record, *(f"{OWNER}.{path}" for path in paths.owner)]
        found += _fields(table, asked, partial(_ask, api, table))
    if people := list(dict.fromkeys(path for paths in wanted.values() for path in paths.user)):
        found += _fields("systemuser", people, partial(_rows, api, USERS))
    return [
        *found,
        *_fields("phonecall", ["subject"], partial(_rows, api, PHONECALLS)),
        *_rights(api, me),
    ]


def _ask(api: Api, table: str, paths: Sequence[str]) -> None:
    _rows(api, api.set_of(table), paths)


def _rows(api: Api, address: str, paths: Sequence[str]) -> None:
    api.some(address, paths, address, top=1)


def _fields(table: str, paths: Sequence[str], ask: Callable[[list[str]], None]) -> list[Finding]:
    """Ask for the fields, again without each that is refused, until the rest is answered."""
    left, problems = list(dict.fromkeys(paths)), []
    while True:
        try:
            ask(left)
        except UnknownField as error:
            rest = [path for path in left if error.field not in path.split(".")]
            problems.append(Finding(f"{error.table}.{error.field}", False, error.message))
            if rest and len(rest) < len(left):
                left = rest
                continue
        except ConnectorError as error:
            problems.append(Finding(table, False, error.message))
        return problems or [Finding(table, True)]


def _rights(api: Api, me: str) -> list[Finding]:
    lacking = [right for right in _RIGHTS if _lacks(api, me, right)]
    return [
        Finding(f"right {right}", False, f"Give the application user's role {right}: calls need it.")
        for right in lacking
    ] or [Finding("rights for calls", True)]


def _lacks(api: Api, me: str, right: str) -> bool:
    """Whether Dataverse says so for sure: a version that does not know the function is no missing right."""
    function = f"Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='{right}')"
    try:
        told = api.ask(f"{USERS}({me})/{function}", right)
    except ConnectorError:
        return False
    return isinstance(told, dict) and told.get("RolePrivileges") == []
