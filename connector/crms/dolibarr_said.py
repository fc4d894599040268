"""What Dolibarr's refusals mean: `{"error": {"code": 401, "message": "Unauthorized: …"}}`.

A missing right is 401 in some versions and 403 in others; its words tell it from a wrong key (Dolibarr's
source, `api_*.class.php`).
"""

from __future__ import annotations

import re

from connector.crms.base_said import body_of, forbidden, rejected, said
from connector.errors import ConnectorError
from connector.http import Reply

WHO = "Dolibarr"
API = "api/index.php"
_NO_RIGHT = re.compile(
    r"insuff?icient rights|insuffisant rights|access not allowed|not allowed", re.IGNORECASE
)


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """A right that is missing, or a request that is wrong, in Dolibarr's words; None for everything else."""
    error = body_of(reply).get("error")
    told = str(error.get("message") or "") if isinstance(error, dict) else ""
    if reply.status in (401, 403) and _NO_RIGHT.search(told):
        return forbidden(WHO, about, f"{said(told)}. Give it the right.")
    if reply.status == 400 and told:
        return rejected(WHO, about, said(told))
    return None
