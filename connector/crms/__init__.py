"""The CRMs this connector speaks to: one registry line each, imported when a connection uses it."""

from __future__ import annotations

from importlib import import_module

from connector.crms.base import Crm

#: name in the manifest -> module and class
REGISTRY: dict[str, str] = {
    "bitrix24": "connector.crms.bitrix24:Bitrix24",
    "dolibarr": "connector.crms.dolibarr:Dolibarr",
    "dynamics": "connector.crms.dynamics:Dynamics",
    "espocrm": "connector.crms.espocrm:EspoCrm",
    "frappe": "connector.crms.frappe:Frappe",
    "freshsales": "connector.crms.freshsales:Freshsales",
    "hubspot": "connector.crms.hubspot:HubSpot",
    "leadsquared": "connector.crms.leadsquared:LeadSquared",
    "odoo": "connector.crms.odoo:Odoo",
    "pipedrive": "connector.crms.pipedrive:Pipedrive",
    "rest": "connector.crms.rest:Rest",
    "salesforce": "connector.crms.salesforce:Salesforce",
    "suitecrm": "connector.crms.suitecrm:SuiteCrm",
    "zoho": "connector.crms.zoho:Zoho",
}


def adapter(name: str) -> type[Crm]:
    """Return the adapter class of a CRM; KeyError for a name that is not in the registry."""
    module, _, attribute = REGISTRY[name].partition(":")
    found: type[Crm] = getattr(import_module(module), attribute)
    return found
