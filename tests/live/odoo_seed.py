# ruff: noqa: F821
"""Fed to `odoo shell`, which gives `env`: people, two webhook rules, a Call button; prints `LABJSON {…}`.

Every number is made up. The webhooks point nowhere until a test points them at itself.
"""

import datetime
import json
import os

NOWHERE = "http://127.0.0.1:9/"
for name in ("iap", "enrich", "reveal", "sms", "snailmail", "iap.partner_autocomplete"):
    env["ir.config_parameter"].set_param(f"{name}.endpoint", NOWHERE)

groups = [env.ref(name).id for name in ("base.group_user", "sales_team.group_sale_salesman")]
contacts = env.ref("base.group_partner_manager").id
all_leads = env.ref("sales_team.group_sale_salesman_all_leads").id
Users = env["res.users"].with_context(no_reset_password=True)


def user(name, login, phone, more=()):
    """An ordinary internal user."""
    values = {"name": name, "login": login, "email": login, "phone": phone}
    return Users.create({**values, "group_ids": [(6, 0, [*groups, contacts, *more])]})


def api_key(of):
    """A key for the API; 30 days, for an ordinary user's may not last longer than three months."""
    until = datetime.datetime.now() + datetime.timedelta(days=30)
    return env(user=of.id)["res.users.apikeys"]._generate("rpc", "connector lab", until)


india = env.ref("base.in").id
agent = user("Ravi Agent", "ravi@example.test", "+91 98765 00101")
left = user("Lata Left", "lata@example.test", "+91 98765 00102")
integration = user("CallerDesk Connector", "connector@example.test", False, [all_leads])
left.active = False
company = env["res.partner"].create(
    {"name": "Kaveri Textiles", "is_company": True, "phone": "+91 98765 00009", "country_id": india}
)
partner = env["res.partner"].create(
    {
        "name": "Asha Customer",
        "parent_id": company.id,
        "phone": "98765 00001",
        "country_id": india,
        "user_id": agent.id,
        "email": "asha@example.test",
    }
)
lead = env["crm.lead"].create(
    {"name": "Interested in cotton", "partner_id": partner.id, "user_id": agent.id, "phone": "98765 00001"}
)


def webhook(name, model, fields):
    """An action "Send Webhook Notification" with the chosen fields."""
    chosen = env["ir.model.fields"].search([("model", "=", model), ("name", "in", fields)])
    values = {"name": name, "model_id": env["ir.model"]._get(model).id, "state": "webhook"}
    return env["ir.actions.server"].create(
        {**values, "webhook_url": NOWHERE, "webhook_field_ids": [(6, 0, chosen.ids)]}
    )


def rule(model, fields):
    """An automation rule that sends a webhook whenever a record is made or changed."""
    action = webhook(f"Tell CallerDesk ({model})", model, fields)
    automation = env["base.automation"].create(
        {"name": action.name, "model_id": action.model_id.id, "trigger": "on_create_or_write"}
    )
    action.write({"base_automation_id": automation.id, "usage": "base_automation"})
    return action


shown = ["name", "phone", "user_id", "write_date"]
rules = {model: rule(model, shown).id for model in ("res.partner", "crm.lead")}
# The button of docs/odoo.md, word for word.
button_hook = webhook("CallerDesk call", "res.partner", ["write_date", "write_uid"])
button = env["ir.actions.server"].create(
    {
        "name": "Call with CallerDesk",
        "model_id": env["ir.model"]._get("res.partner").id,
        "state": "code",
        "code": os.environ["LAB_BUTTON_CODE"],
    }
)
button.create_action()
found = {
    "url": os.environ["LAB_URL"],
    "db": env.cr.dbname,
    "key": api_key(integration),
    "admin_key": api_key(env.ref("base.user_admin")),
    "agent": agent.id,
    "left": left.id,
    "integration": integration.id,
    "partner": partner.id,
    "lead": lead.id,
    "rules": rules,
    "button_hook": button_hook.id,
    "button": button.id,
}
env.cr.commit()
print("LABJSON " + json.dumps(found))
