"""The contract with Bitrix24: a callback form's event, with the application's token in it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

REST = "https://example.bitrix24.in/rest/"
BATCH, STATISTICS = REST + "batch", REST + "voximplant.statistic.get"
REGISTER = REST + "telephony.externalCall.register"
FINISH = REST + "telephony.externalCall.finish"
ATTACH = REST + "telephony.externalCall.attachRecord"
CALL = "externalCall.716f1cb73def9700a23842adf9c4c568.1773130779"
FORM = "application/x-www-form-urlencoded"


def told(name: str) -> bytes:
    return body("bitrix24", name).replace(b"@KEY@", KEY.encode())


def event(name: str) -> Hook:
    raw = told(name)
    return Hook("POST", raw, FORM, {}, dict(parse_qsl(raw.decode(), keep_blank_values=True)))


def _contract() -> Contract:
    return Contract(
        crm="bitrix24",
        settings={
            "base_url": "https://example.bitrix24.in",
            "client_id": "local.0000000000000.00000000",
            "client_secret": "canary-of-bitrix-secret",
            "refresh_token": "canary-of-bitrix-first-refresh",
        },
        secrets=(
            "canary-of-bitrix-secret",
            "canary-of-bitrix-first-refresh",
            "canary-of-bitrix-second-refresh",
            "canary-of-bitrix-access",
        ),
        auth="bitrix24",
        login=[Say("POST", "https://oauth.bitrix.info/oauth/token/", told("token.json"))],
        renewals=1,
        clicked=Click("bitrix24", "CONTACT", "797"),
        hook=event("call_back.txt"),
        names=[("CONTACT", "797")],
        wanted=Wanted(record=["NAME", "PHONE", "PHONE_MOBILE"], owner=["PERSONAL_MOBILE", "EMAIL"]),
        owner_phone="PERSONAL_MOBILE",
        read=[Say("POST", BATCH, told("batch.json"))],
        unowned=[Say("POST", BATCH, told("batch_user_without_phone.json"))],
        gone=[Say("POST", BATCH, told("batch_not_found.json"))],
        unknown_field=("NAME", [Say("POST", BATCH, told("batch_other_fields.json"))]),
        create=[Say("POST", REGISTER, told("registered.json"))],
        found=[Say("POST", STATISTICS, told("statistics.json"))],
        update=[Say("POST", FINISH, told("finished.json"))],
        end=[Say("POST", FINISH, told("finished.json"))],
        activity_id=CALL,
        fields={"USER_ID": "5", "PHONE_NUMBER": "+919876500001", "DURATION": 0, "STATUS_CODE": "304"},
        queue=(
            Click("bitrix24", "CONTACT", "797"),
            Wanted(record=["NAME"], owner=["PERSONAL_MOBILE"]),
            [Say("POST", BATCH, told("batch_without_owner.json"))],
        ),
        do_not_call=(
            "record.UF_CRM_DO_NOT_CALL",
            True,
            [Say("POST", BATCH, told("batch_do_not_call.json"))],
        ),
        slow_down=(503, told("query_limit.json")),
        deleted=(400, told("call_not_found.json")),
    )


CONTRACT = _contract()
