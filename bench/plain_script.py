"""The script a developer would write first: three HTTP calls in the request, nothing stored, nothing guarded.

Run by `bench/run.py` as the ruler:
`STUB=http://127.0.0.1:PORT gunicorn -w 2 -k gthread --threads 32 plain_script:app`.
"""

import os
import re

import requests
from flask import Flask, jsonify, request

STUB = os.environ["STUB"]
app = Flask(__name__)


@app.post("/call")
def call():
    record_id = request.get_json()["id"]
    contact = requests.get(f"{STUB}/crm/contacts/{record_id}", timeout=30).json()
    customer, member = (re.sub(r"\D", "", p)[-10:] for p in (contact["phone"], contact["owner"]["phone"]))
    query = {
        "calling_party_a": customer,
        "calling_party_b": member,
        "deskphone": "01204567890",
        "call_from_did": 1,
        "authcode": "made-up-key",
    }
    placed = requests.get(f"{STUB}/api/click_to_call_v3", timeout=30, params=query).json()
    activity = requests.post(
        f"{STUB}/crm/activities",
        timeout=30,
        json={"contact_id": record_id, "subject": f"Call to {contact['name']}", "result": placed["message"]},
    )
    activity.raise_for_status()
    return jsonify(status="ok", activity=activity.json()["id"])
