# Server Script, Script Type "API", API Method "callerdesk_call", Allow Guest off.
# Asks the connector for one call and hands on the sentence it answers with. No phone number is sent.
CONNECTOR = "https://connector.example.com/hooks/frappe-buttons"
# What holds the secret is named so that Frappe's Error Log hides it: do not rename it.
secret = "put the value of FRAPPE_BUTTON_SECRET here"

asked = frappe.form_dict
# Raises unless whoever presses may read the record.
frappe.get_doc(asked.get("object"), asked.get("id")).check_permission("read")
body = {
    "object": asked.get("object"),
    "id": asked.get("id"),
    "click_id": asked.get("click_id"),
    "user": frappe.session.user,
    "source": "button",
}
try:
    answer = frappe.make_post_request(
        CONNECTOR,
        headers={"token": secret, "Content-Type": "application/json"},
        data=json.dumps(body),
    )
    frappe.response["message"] = {"ok": True, "message": answer.get("message"), "url": answer.get("url")}
except Exception as error:
    # A refusal is a 4xx with a sentence (RFC 9457: `detail`); of anything else nothing is known.
    sentence = "No answer came from CallerDesk. Look at the record's calls before you press again."
    try:
        sentence = error.response.json().get("detail") or sentence
    except Exception:
        pass
    frappe.response["message"] = {"ok": False, "message": sentence}
