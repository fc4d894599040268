"""Every guard says no with its own code and sentence, and only what may be overridden is."""

import json
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from connector.errors import Refused
from connector.model import Call, CallPlan, Click, Source, State
from connector.policy import (
    GUARDS,
    OVERRIDABLE,
    Action,
    Ask,
    Caps,
    MemberBusy,
    Policy,
    PolicySchema,
    Purpose,
    QuietHours,
    decide,
    pace,
    verdicts,
)

INDIA = ZoneInfo("Asia/Kolkata")
CUSTOMER, MEMBER = "+919876500001", "+919876500002"
NOON = datetime(2026, 3, 2, 12, 0, 30, tzinfo=INDIA)
NIGHT = datetime(2026, 3, 2, 21, 40, tzinfo=INDIA)


@dataclass
class Book:
    """A ledger in memory: who was dialled when, and what stands now."""

    dialled: list[dict] = field(default_factory=list)
    busy: dict[str, datetime] = field(default_factory=dict)
    channels: int = 0
    coins: Decimal | float = 0.0
    coins_from: datetime | None = None
    stopped: bool = False
    person_waits: bool = False
    asked: list[str] = field(default_factory=list)

    def add(self, at, customer=CUSTOMER, member=MEMBER, connection="odoo", source=Source.BUTTON):
        self.dialled.append(
            {"at": at, "customer": customer, "member": member, "connection": connection, "source": source}
        )

    def last_dialled(self, customer):
        self.asked.append("last_dialled")
        return max((call["at"] for call in self.dialled if call["customer"] == customer), default=None)

    def member_busy_since(self, member):
        self.asked.append("member_busy_since")
        return self.busy.get(member)

    def person_waits_for(self, member):
        return self.person_waits

    def dialled_since(self, since, *, customer=None, member=None, connection=None, source=None):
        self.asked.append("dialled_since")
        wanted = {"customer": customer, "member": member, "connection": connection, "source": source}
        return sum(
            call["at"] >= since and all(value in (None, call[key]) for key, value in wanted.items())
            for call in self.dialled
        )

    def channels_in_use(self):
        self.asked.append("channels_in_use")
        return self.channels

    def coins_since(self, since):
        self.asked.append("coins_since")
        self.coins_from = since
        return self.coins

    def paused(self):
        self.asked.append("paused")
        return self.stopped


@pytest.fixture
def book():
    return Book()


def an_ask(now=NOON, source=Source.BUTTON, customer=CUSTOMER, member=MEMBER, deskphone="01204567890", **more):
    plan = CallPlan(customer=customer, member=member, deskphone=deskphone)
    return Ask("odoo", "res.partner", "Asha Rao", source, plan, now, user="asha@example.test", **more)


def by_rule(**more):
    return an_ask(source=Source.RULE, **more)


RULES_RING = Policy(workflow_dialling="They asked to be rung back on our form.")


def the_verdict(code, policy, ask, book):
    return next(verdict for verdict in verdicts(policy, ask, book) if verdict.code == code)


def the_refusal(policy, ask, book):
    """The one objection, checked to be a sentence without a full number."""
    objections = [verdict for verdict in verdicts(policy, ask, book) if not verdict.ok]
    assert decide(policy, ask, book) == (objections[0] if objections else None)
    assert len(objections) == 1
    (verdict,) = objections
    assert verdict.sentence[0].isupper() or verdict.sentence.startswith(ask.connection)
    assert verdict.sentence.endswith(".")
    assert not any(number[3:] in verdict.sentence for number in (ask.plan.customer, ask.plan.member))
    assert (verdict.until is None) == (verdict.action is Action.REFUSE)
    assert verdict.until is None or verdict.until.tzinfo is UTC
    assert verdict.ok is False
    return verdict


# -- The whole ---------------------------------------------------------------------------------------------


def test_it_lets_an_ordinary_call_ring(book):
    assert decide(Policy(), an_ask(), book) is None
    assert all(verdict.ok and not verdict.sentence for verdict in verdicts(Policy(), an_ask(), book))


def test_it_gives_every_guard_a_code_of_its_own_and_a_verdict(book):
    codes = [code for code, _ in GUARDS]
    assert len(set(codes)) == len(codes)
    assert [verdict.code for verdict in verdicts(Policy(), an_ask(), book)] == codes
    assert set(codes) >= OVERRIDABLE


def test_it_asks_the_ledger_only_what_the_policy_needs(book):
    decide(Policy(), an_ask(), book)
    assert book.asked == ["paused", "last_dialled", "member_busy_since"]
    book.asked.clear()
    decide(Policy(recall_gap=0, member_busy=MemberBusy.IGNORE), an_ask(), book)
    assert book.asked == ["paused"]


def test_it_asks_nothing_behind_the_first_objection(book):
    book.stopped = True
    assert decide(Policy(), an_ask(), book).code == "paused"
    assert book.asked == ["paused"]


def test_it_judges_the_numbers_of_the_plan_and_no_others():
    with pytest.raises(Refused):
        an_ask(customer="+9198765")
    with pytest.raises(TypeError):
        an_ask(customer_number=CUSTOMER)
    with pytest.raises(ValueError, match="time zone"):
        an_ask(now=datetime(2026, 3, 2, 12))


def test_its_reprs_hold_no_full_number():
    assert CUSTOMER not in repr(an_ask())
    assert CUSTOMER not in repr(Policy(block=frozenset({CUSTOMER})))


# -- Who and whom ------------------------------------------------------------------------------------------


def test_it_refuses_everything_while_paused(book):
    book.stopped = True
    for ask in (an_ask(), by_rule()):
        verdict = the_refusal(RULES_RING, ask, book)
        assert (verdict.code, verdict.action) == ("paused", Action.REFUSE)
        assert "Asha Rao was not rung" in verdict.sentence


def test_it_lets_no_rule_ring_without_a_statement(book):
    verdict = the_refusal(Policy(), by_rule(), book)
    assert (verdict.code, verdict.action) == ("workflow_dialling_off", Action.REFUSE)
    assert "`workflow_dialling`" in verdict.sentence


def test_it_shows_the_statement_under_which_a_rule_rings(book):
    assert decide(RULES_RING, by_rule(), book) is None
    verdict = the_verdict("workflow_dialling_off", RULES_RING, by_rule(), book)
    assert verdict.sentence == "Rules may ring: They asked to be rung back on our form."


@pytest.mark.parametrize("party", ["customer", "member"])
def test_it_refuses_a_country_that_is_not_allowed(book, party):
    ask = an_ask(**{party: "+12025550123"})
    verdict = the_refusal(Policy(quiet_hours=None), ask, book)
    assert verdict.code == "country_not_allowed"
    assert f"The {party}'s number …0123 is in US, and only calls within IN are allowed" in verdict.sentence
    assert decide(Policy(countries=frozenset({"IN", "US"}), quiet_hours=None), ask, book) is None
    elsewhere = the_refusal(Policy(countries=frozenset({"IN", "GB"}), quiet_hours=None), ask, book)
    assert "only calls within GB, IN are allowed" in elsewhere.sentence


@pytest.mark.parametrize("party", ["customer", "member"])
@pytest.mark.parametrize(
    ("number", "kind"),
    [("+9118001234567", "toll_free"), ("+9118605001234", "shared_cost"), ("+911401234567", "uan")],
)
def test_it_refuses_a_kind_of_number_that_is_not_allowed(book, party, number, kind):
    ask = an_ask(**{party: number})
    verdict = the_refusal(Policy(), ask, book)
    assert verdict.code == "number_type_not_allowed"
    assert f"The {party}'s number …{number[-4:]} is of the kind {kind}" in verdict.sentence
    assert decide(replace(Policy(), number_types=frozenset({"mobile", kind})), ask, book) is None


@pytest.mark.parametrize(("party", "number"), [("customer", CUSTOMER), ("member", MEMBER)])
def test_it_refuses_a_blocked_number(book, party, number):
    verdict = the_refusal(Policy(block=frozenset({number})), an_ask(), book)
    assert verdict.code == "number_blocked"
    assert f"The {party}'s number …{number[-4:]}" in verdict.sentence


def test_it_refuses_to_connect_a_number_with_itself(book):
    verdict = the_refusal(Policy(), an_ask(member=CUSTOMER), book)
    assert verdict.code == "same_number"
    assert "the same number …0001" in verdict.sentence


def test_it_refuses_a_member_that_callerdesk_lists_as_inactive_only(book):
    verdict = the_refusal(Policy(), an_ask(member_active=False), book)
    assert verdict.code == "member_not_active"
    assert "…0002" in verdict.sentence
    for active in (True, None):
        assert decide(Policy(), an_ask(member_active=active), book) is None


@pytest.mark.parametrize(
    ("purpose", "deskphone", "note"),
    [
        (Purpose.SERVICE, "01204567890", ""),
        (Purpose.SERVICE, "1401234567", "is of the 140 series"),
        (Purpose.SERVICE, "01401234567", "is of the 140 series"),
        (Purpose.SERVICE, "911401234567", "is of the 140 series"),
        (Purpose.SERVICE, "+911401234567", "the deskphone …4567 is of the 140 series"),
        (Purpose.PROMOTIONAL, "1401234567", ""),
        (Purpose.PROMOTIONAL, "01204567890", "is not of the 140 series"),
        (Purpose.PROMOTIONAL, "9140012345", "is not of the 140 series"),  # a mobile that begins like 91 140
    ],
)
def test_it_warns_when_purpose_and_deskphone_disagree_but_rings(book, purpose, deskphone, note):
    policy, ask = Policy(purpose=purpose), an_ask(deskphone=deskphone)
    verdict = the_verdict("number_series", policy, ask, book)
    assert verdict.ok
    assert note in verdict.sentence
    assert bool(verdict.sentence) == bool(note)
    assert decide(policy, ask, book) is None


# -- When --------------------------------------------------------------------------------------------------


def test_it_refuses_a_person_in_quiet_hours_and_names_the_way_out(book):
    verdict = the_refusal(Policy(), an_ask(now=NIGHT), book)
    assert (verdict.code, verdict.action, verdict.overridable) == ("quiet_hours", Action.REFUSE, True)
    assert "21:40 for Asha Rao (Asia/Kolkata)" in verdict.sentence
    assert "between 21:00 and 09:00" in verdict.sentence
    assert "ask again after 09:00, or override" in verdict.sentence


def test_it_defers_a_rule_until_the_window_opens_and_stops_its_clock(book):
    verdict = the_refusal(RULES_RING, by_rule(now=NIGHT), book)
    assert (verdict.code, verdict.action, verdict.overridable) == ("quiet_hours", Action.DEFER, False)
    assert verdict.until == datetime(2026, 3, 3, 9, 0, tzinfo=INDIA)
    assert verdict.until.tzinfo is UTC
    assert verdict.may_expire is False
    assert "waits until 09:00" in verdict.sentence


def test_it_honours_a_persons_override_and_no_rules(book):
    override = frozenset({"quiet_hours"})
    assert decide(Policy(), an_ask(now=NIGHT, overrides=override), book) is None
    verdict = the_verdict("quiet_hours", Policy(), an_ask(now=NIGHT, overrides=override), book)
    assert verdict.sentence.startswith("Overridden by asha@example.test. It is 21:40")
    assert decide(RULES_RING, by_rule(now=NIGHT, overrides=override), book).code == "quiet_hours"


@pytest.mark.parametrize(
    ("clock", "quiet"), [("20:59:59", False), ("21:00", True), ("08:59:59", True), ("09:00", False)]
)
def test_it_is_quiet_from_the_first_minute_to_the_last(book, clock, quiet):
    now = datetime.combine(NOON.date(), time.fromisoformat(clock), tzinfo=INDIA)
    assert (decide(Policy(), an_ask(now=now), book) is not None) is quiet


@pytest.mark.parametrize(
    ("clock", "quiet"), [("12:59:59", False), ("13:00", True), ("14:59:59", True), ("15:00", False)]
)
def test_it_may_be_quiet_in_the_middle_of_the_day(book, clock, quiet):
    policy = Policy(quiet_hours=QuietHours(time(13), time(15)))
    now = datetime.combine(NOON.date(), time.fromisoformat(clock), tzinfo=INDIA)
    assert (decide(policy, an_ask(now=now), book) is not None) is quiet


def test_it_goes_by_the_customers_clock_where_the_number_tells_it(book):
    policy = Policy(countries=frozenset({"IN", "US"}))
    # 18:30 in India is 08:00 in New York.
    ask = an_ask(now=datetime(2026, 3, 2, 18, 30, tzinfo=INDIA), customer="+12025550123")
    assert "It is 08:00 for Asha Rao (America/New_York)" in the_refusal(policy, ask, book).sentence


def test_it_goes_by_the_policys_clock_where_the_number_does_not_tell(book):
    policy = Policy(
        countries=frozenset({"IN", "001"}),
        number_types=frozenset({"mobile", "toll_free"}),
        timezone=ZoneInfo("Asia/Dubai"),
    )
    ask = an_ask(now=NIGHT, customer="+80012345678")
    assert decide(policy, ask, book) is None
    assert decide(policy, replace(ask, now=NIGHT + timedelta(hours=2)), book).code == "quiet_hours"


def test_it_goes_by_the_policys_clock_for_a_zone_this_system_does_not_know(book, monkeypatch):
    monkeypatch.setattr("connector.phone.zone_of", lambda number: "Atlantis/Capital")
    assert "(Asia/Kolkata)" in the_refusal(Policy(), an_ask(now=NIGHT), book).sentence


CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
ZONES = st.sampled_from(
    ["Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"]
).map(ZoneInfo)
MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))


@given(st.tuples(CLOCKS, CLOCKS).filter(lambda pair: pair[0] != pair[1]), MOMENTS, ZONES)
def test_its_quiet_hours_end_later_on_the_same_or_next_day_when_it_is_not_quiet(window, moment, zone):
    hours = QuietHours(*window)
    minutes = (window[1].hour - window[0].hour) * 60 + window[1].minute - window[0].minute
    assert hours.holds(moment, zone) != QuietHours(window[1], window[0]).holds(moment, zone)
    if not hours.holds(moment, zone):
        return
    over = hours.over_at(moment, zone)
    assert moment < over <= moment + timedelta(minutes=minutes % (24 * 60)) + timedelta(hours=2)
    assert not hours.holds(over, zone)
    # Clocks that jump over the end reach a later time at once.
    reached = over.astimezone(zone).time()
    assert reached == window[1] or zone.key not in ("Asia/Kolkata", "Asia/Kathmandu", "UTC")


def test_its_quiet_hours_end_after_now_in_the_hour_that_comes_twice():
    zone = ZoneInfo("America/New_York")
    hours = QuietHours(time(22), time(1, 30))
    again = datetime(2026, 11, 1, 1, 10, tzinfo=zone, fold=1)
    assert hours.over_at(again, zone) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


# -- How often ---------------------------------------------------------------------------------------------


def test_it_refuses_to_ring_a_customer_again_at_once_unless_a_person_insists(book):
    book.add(NOON - timedelta(seconds=12))
    verdict = the_refusal(Policy(), an_ask(), book)
    assert (verdict.code, verdict.action, verdict.overridable) == ("called_recently", Action.REFUSE, True)
    assert verdict.sentence.startswith("Asha Rao was rung 12 seconds ago: wait until 30 seconds")
    override = frozenset({"called_recently"})
    assert decide(Policy(), an_ask(overrides=override), book) is None
    assert decide(RULES_RING, by_rule(overrides=override), book).code == "called_recently"


@pytest.mark.parametrize(("ago", "refused"), [(29.9, True), (30, False), (-5, True)])
def test_it_rings_again_once_the_gap_is_over(book, ago, refused):
    book.add(NOON - timedelta(seconds=ago))
    assert (decide(Policy(), an_ask(), book) is not None) is refused


def test_it_never_says_that_a_call_was_dialled_in_the_future(book):
    book.add(NOON + timedelta(seconds=5))
    assert the_refusal(Policy(), an_ask(), book).sentence.startswith("Asha Rao was rung 0 seconds ago")


def test_it_looks_at_this_customers_calls_only(book):
    book.add(NOON, customer="+919876500009")
    assert decide(Policy(), an_ask(), book) is None


def test_it_lets_a_call_wait_for_a_busy_member_no_longer_than_its_click_lives(book):
    book.busy[MEMBER] = NOON - timedelta(minutes=4)
    for ask, may_expire in ((an_ask(), True), (by_rule(), False)):
        verdict = the_refusal(RULES_RING, ask, book)
        assert (verdict.code, verdict.action) == ("member_busy", Action.DEFER)
        assert (verdict.may_expire, verdict.in_line) == (may_expire, not may_expire)
        assert verdict.until == NOON + timedelta(seconds=5)
        assert "…0002 has been in a call since 11:56: Asha Rao is rung as soon as it ends" in verdict.sentence


def test_it_refuses_or_ignores_a_busy_member_as_the_policy_says(book):
    book.busy[MEMBER] = NOON - timedelta(minutes=4)
    verdict = the_refusal(Policy(member_busy=MemberBusy.REFUSE), an_ask(), book)
    assert (verdict.code, verdict.action) == ("member_busy", Action.REFUSE)
    assert decide(Policy(member_busy=MemberBusy.IGNORE), an_ask(), book) is None


def test_it_takes_a_call_that_never_ended_to_be_over(book):
    book.busy[MEMBER] = NOON - timedelta(hours=4)
    assert decide(Policy(), an_ask(), book) is None
    assert "report never came" in the_verdict("member_busy", Policy(), an_ask(), book).sentence


EARLIER = NOON - timedelta(hours=2)
YESTERDAY = NOON - timedelta(hours=13)
THIS_MINUTE = NOON - timedelta(seconds=30)
LAST_MINUTE = NOON - timedelta(seconds=31)
OTHERS = {"customer": "+919876500008", "member": "+919876500009", "connection": "crm"}


@pytest.mark.parametrize(
    ("cap", "at", "ours", "other"),
    [
        ("member_per_day", EARLIER, {"customer": OTHERS["customer"]}, {"member": OTHERS["member"]}),
        ("customer_per_day", EARLIER, {"member": OTHERS["member"]}, {"customer": OTHERS["customer"]}),
        ("connection_per_day", EARLIER, {"member": OTHERS["member"]}, {"connection": "crm"}),
        ("connection_per_minute", THIS_MINUTE, {"customer": OTHERS["customer"]}, {"connection": "crm"}),
    ],
)
def test_it_holds_each_cap_on_what_it_counts(book, cap, at, ours, other):
    policy = Policy(caps=Caps(**{cap: 2}), recall_gap=0)
    book.add(at, **ours)
    book.add(at, **other)
    assert decide(policy, an_ask(), book) is None
    book.add(at, **ours)
    verdict = the_refusal(policy, an_ask(), book)
    assert (verdict.code, verdict.action, verdict.overridable) == (f"cap_{cap}", Action.REFUSE, False)
    assert "2 " in verdict.sentence


@pytest.mark.parametrize(
    ("cap", "once", "twice"),
    [
        ("member_per_day", "The member …0002 has had 1 call today", "The member …0002 has had 2 calls today"),
        ("customer_per_day", "Asha Rao has been rung once today", "Asha Rao has been rung 2 times today"),
        ("connection_per_day", "odoo has made 1 call today", "odoo has made 2 calls today"),
        ("connection_per_minute", "odoo has made 1 call this minute", "odoo has made 2 calls this minute"),
        (
            "rule_per_minute",
            "Rules of odoo have made 1 call this minute",
            "Rules of odoo have made 2 calls this minute",
        ),
    ],
)
def test_its_caps_say_whose_calls_they_counted_and_how_many(book, cap, once, twice):
    for count, says in ((1, once), (2, twice)):
        book.add(THIS_MINUTE, source=Source.RULE)
        policy = replace(RULES_RING, caps=Caps(**{cap: count}), recall_gap=0)
        assert the_refusal(policy, by_rule(), book).sentence.startswith(says)


def test_it_counts_a_day_of_the_policys_time_zone(book):
    policy = Policy(caps=Caps(customer_per_day=1), daily_coins=Decimal(50), quiet_hours=None)
    # In UTC it is still the day before.
    now = NOON.replace(hour=2)
    book.add(NOON.replace(hour=0, minute=0, second=0) - timedelta(seconds=1))
    assert decide(policy, an_ask(now=now), book) is None
    assert book.coins_from == NOON.replace(hour=0, minute=0, second=0)
    book.add(now - timedelta(hours=1))
    assert the_refusal(policy, an_ask(now=now), book).code == "cap_customer_per_day"


def test_it_counts_a_minute_from_its_first_moment(book):
    book.add(NOON.replace(second=0))
    policy = Policy(caps=Caps(connection_per_minute=1), recall_gap=0)
    now = NOON.replace(second=0, microsecond=500)
    assert the_refusal(policy, an_ask(now=now), book).code == "cap_connection_per_minute"


@pytest.mark.parametrize("cap", ["member_per_day", "customer_per_day", "connection_per_day"])
def test_it_counts_a_day_from_midnight_and_refuses_rules_too(book, cap):
    policy = replace(RULES_RING, caps=Caps(**{cap: 1}))
    book.add(YESTERDAY)
    assert decide(policy, an_ask(), book) is None
    book.add(NOON.replace(hour=0, minute=0, second=0))
    assert the_refusal(policy, by_rule(), book).action is Action.REFUSE


def test_it_paces_rules_by_the_minute_and_keeps_them_from_expiring(book):
    policy = replace(RULES_RING, caps=Caps(rule_per_minute=1), recall_gap=0)
    book.add(LAST_MINUTE, source=Source.RULE)
    book.add(THIS_MINUTE)
    book.add(THIS_MINUTE, source=Source.RULE, connection="crm")
    assert decide(policy, by_rule(), book) is None
    book.add(THIS_MINUTE, source=Source.RULE)
    verdict = the_refusal(policy, by_rule(), book)
    assert (verdict.code, verdict.action, verdict.may_expire) == ("cap_rule_per_minute", Action.DEFER, False)
    assert verdict.until == NOON.replace(minute=1, second=0)
    assert decide(policy, an_ask(), book) is None


def test_it_lets_a_rule_wait_where_a_person_is_told(book):
    policy = replace(RULES_RING, caps=Caps(connection_per_minute=1, channels=4), recall_gap=0)
    book.add(THIS_MINUTE)
    assert the_refusal(policy, an_ask(), book).action is Action.REFUSE
    verdict = the_refusal(policy, by_rule(), book)
    assert (verdict.code, verdict.until) == ("cap_connection_per_minute", NOON.replace(minute=1, second=0))


def test_it_keeps_two_channels_for_the_two_legs(book):
    policy = replace(RULES_RING, caps=Caps(channels=5))
    book.channels = 3
    assert decide(policy, an_ask(), book) is None
    book.channels = 4
    verdict = the_refusal(policy, an_ask(), book)
    assert (verdict.code, verdict.action) == ("cap_channels", Action.REFUSE)
    assert "Of 5 channels 4 are in use, and a call takes two" in verdict.sentence
    verdict = the_refusal(policy, by_rule(), book)
    assert (verdict.action, verdict.until) == (Action.DEFER, NOON + timedelta(seconds=5))


@pytest.mark.parametrize("spent", [Decimal("50"), 50.5, 50])
def test_it_stops_when_the_days_coins_are_spent(book, spent):
    policy = Policy(daily_coins=Decimal("50"))
    book.coins = 49.9
    assert decide(policy, an_ask(), book) is None
    book.coins = spent
    verdict = the_refusal(policy, an_ask(), book)
    assert (verdict.code, verdict.action) == ("daily_coins", Action.REFUSE)
    assert "Today's 50 CallerDesk coins are spent" in verdict.sentence


def test_it_trusts_overrides_for_nothing_but_the_overridable(book):
    everything = frozenset(code for code, _ in GUARDS)
    book.stopped = True
    book.channels, book.coins = 9, 99
    book.busy[CUSTOMER] = NIGHT
    for source in Source:
        book.add(NIGHT, member=CUSTOMER, source=source)
    policy = Policy(
        countries=frozenset({"GB"}),
        number_types=frozenset({"pager"}),
        block=frozenset({CUSTOMER}),
        caps=Caps(1, 1, 1, 1, 1, 1),
        daily_coins=Decimal(1),
    )
    ask = an_ask(now=NIGHT, member=CUSTOMER, member_active=False, overrides=everything)
    passed = {verdict.code for verdict in verdicts(policy, ask, book) if verdict.ok}
    assert passed == OVERRIDABLE | {"workflow_dialling_off", "number_series", "cap_rule_per_minute"}
    by_rule_too = verdicts(policy, replace(ask, source=Source.RULE), book)
    assert {verdict.code for verdict in by_rule_too if verdict.ok} == {"number_series"}


@given(
    st.builds(
        Policy,
        recall_gap=st.integers(0, 60),
        quiet_hours=st.none() | st.just(QuietHours(time(21), time(9))),
        workflow_dialling=st.none() | st.just("They asked for it."),
        member_busy=st.sampled_from(MemberBusy),
        caps=st.builds(Caps, customer_per_day=st.none() | st.just(1), channels=st.none() | st.just(2)),
    ),
    MOMENTS,
    st.sampled_from(Source),
    st.frozensets(st.sampled_from([code for code, _ in GUARDS])),
    st.integers(0, 100),
)
def test_its_gate_and_its_dry_run_always_agree(policy, now, source, overrides, ago):
    book = Book(channels=ago % 2, busy={MEMBER: now} if ago % 3 else {})
    book.add(now - timedelta(seconds=ago))
    ask = an_ask(now=now, source=source, overrides=overrides)
    objections = [verdict for verdict in verdicts(policy, ask, book) if not verdict.ok]
    assert decide(policy, ask, book) == (objections[0] if objections else None)
    for verdict in objections:
        assert verdict.until is None or verdict.until > now
        assert not (verdict.overridable and verdict.code in overrides)


# -- The pace of rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cap", "kept", "rules"), [(10, 20, 8), (6, 20, 4), (3, 20, 2), (1, 20, 1), (10, 0, 10), (2, 90, 1)]
)
def test_its_rules_leave_people_a_share_rounded_up_but_have_one_call_at_least(cap, kept, rules):
    policy = Policy(kept_for_people=kept)
    assert pace.for_rules(policy, cap) == rules
    # Of channels whole calls, two channels each.
    assert pace.channels_for(policy, 2 * cap, Source.RULE) == 2 * rules
    assert pace.channels_for(policy, 2 * cap + 1, Source.RULE) == 2 * rules
    assert pace.channels_for(policy, 2 * cap + 1, Source.BUTTON) == 2 * cap + 1


def test_a_share_kept_for_people_is_of_a_hundred():
    assert pace.for_rules(Policy(kept_for_people=20), 505) == 404


def test_a_turn_is_told_by_what_its_own_connection_has_dialled(book):
    policy = Policy(caps=Caps(connection_per_minute=1), kept_for_people=0)
    book.add(THIS_MINUTE, connection="crm")
    for ledger in (book, None):
        assert pace.turn_comes(policy, "odoo", ledger, NOON, 0, None) == NOON
    book.add(THIS_MINUTE)
    assert pace.turn_comes(policy, "odoo", book, NOON, 0, None) == NOON + timedelta(seconds=30)


def test_a_wait_ends_by_the_policys_clock_where_the_number_has_no_zone_of_its_own():
    policy = Policy(timezone=ZoneInfo("America/New_York"), deferred_for_at_most=0)
    came = datetime(2026, 3, 2, 22, tzinfo=policy.timezone)
    assert pace.wait_ends(policy, "+12015550123", came) == datetime(2026, 3, 3, 9, tzinfo=policy.timezone)
    assert pace.wait_ends(policy, "+18005550123", came) == datetime(2026, 3, 3, 9, tzinfo=policy.timezone)


def test_it_keeps_the_last_calls_of_a_minute_for_people(book):
    policy = replace(RULES_RING, caps=Caps(connection_per_minute=10), recall_gap=0)
    for made in range(10):
        for source in Source:
            objects = decide(policy, an_ask(source=source), book)
            assert (objects is None) is (source is Source.BUTTON or made < 8)
        if objects := decide(policy, by_rule(), book):
            assert (
                f"odoo has made {made} calls this minute, and the rest is kept for people" in objects.sentence
            )
            assert objects.in_line
        book.add(THIS_MINUTE)
    assert "10 calls this minute, the most allowed" in the_refusal(policy, by_rule(), book).sentence
    assert the_refusal(policy, an_ask(), book).action is Action.REFUSE


def test_it_keeps_the_last_channels_for_people(book):
    policy = replace(RULES_RING, caps=Caps(channels=10), recall_gap=0)
    book.channels = 6
    assert decide(policy, by_rule(), book) is None
    book.channels = 7
    assert decide(policy, an_ask(), book) is None
    verdict = the_refusal(policy, by_rule(), book)
    assert (
        "Of 10 channels 7 are in use, and a call takes two, and the rest is kept for people"
        in verdict.sentence
    )
    assert (verdict.until, verdict.in_line, verdict.may_expire) == (NOON + timedelta(seconds=5), True, False)
    book.channels = 9
    assert "and a call takes two: Asha Rao waits" in the_refusal(policy, by_rule(), book).sentence


def test_a_persons_own_call_for_a_member_goes_before_a_rules(book):
    book.person_waits = True
    assert decide(RULES_RING, an_ask(), book) is None
    verdict = the_refusal(RULES_RING, by_rule(), book)
    assert (verdict.code, verdict.action, verdict.in_line) == ("member_busy", Action.DEFER, True)
    assert (
        verdict.sentence == "A person's own call for the member …0002 goes first: Asha Rao is rung after it."
    )
    assert decide(replace(RULES_RING, member_busy=MemberBusy.IGNORE), by_rule(), book) is None


def test_it_says_how_many_calls_rules_may_begin_now(book):
    def room(**caps):
        return pace.room(Policy(caps=Caps(**caps)), "odoo", book, NOON)

    assert room() is None
    book.add(THIS_MINUTE)
    book.add(THIS_MINUTE, source=Source.RULE)
    book.add(THIS_MINUTE, source=Source.RULE, connection="crm")
    book.add(LAST_MINUTE, source=Source.RULE)
    assert room(rule_per_minute=3) == 2
    assert room(connection_per_minute=10) == 6
    book.channels = 3
    assert room(channels=10) == 2
    assert room(rule_per_minute=3, connection_per_minute=10, channels=100) == 2
    assert room(rule_per_minute=30, connection_per_minute=10, channels=8) == 1
    book.channels = 20
    assert room(channels=10) == room(rule_per_minute=30, channels=10) == 0


def test_it_tells_when_a_turn_comes_by_the_minute(book):
    policy = Policy(caps=Caps(rule_per_minute=2))

    def turns(ledger):
        moments = [
            pace.turn_comes(policy, "odoo", ledger, NOON, ahead, timedelta(minutes=1)) for ahead in range(5)
        ]
        return [int((moment - NOON).total_seconds()) for moment in moments]

    # It is 12:00:30.
    assert turns(None) == turns(book) == [0, 0, 30, 30, 90]
    book.add(THIS_MINUTE, source=Source.RULE)
    assert turns(book) == [0, 30, 30, 90, 90]
    book.add(THIS_MINUTE, source=Source.RULE)
    book.add(THIS_MINUTE, source=Source.RULE)
    assert turns(book) == [30, 30, 90, 90, 150]


def test_it_tells_when_a_turn_comes_by_the_channels(book):
    # Four calls at once by rules, of five.
    policy = Policy(caps=Caps(channels=10))

    def turns(ledger):
        moments = [
            pace.turn_comes(policy, "odoo", ledger, NOON, ahead, timedelta(seconds=40))
            for ahead in (0, 3, 4, 8)
        ]
        return [(moment - NOON).total_seconds() for moment in moments]

    assert turns(None) == turns(book) == [0, 0, 10, 50]
    book.channels = 5
    assert turns(book) == [0, 30, 40, 80]
    book.channels = 20
    assert turns(book) == [10, 40, 50, 90]


def test_it_tells_a_turn_by_the_slowest_cap_and_none_where_there_is_no_cap(book):
    takes = timedelta(seconds=40)
    assert pace.turn_comes(Policy(), "odoo", book, NOON, 9, takes) is None
    both = Policy(caps=Caps(rule_per_minute=2, channels=10))
    assert pace.turn_comes(both, "odoo", None, NOON, 4, takes) == NOON + timedelta(seconds=90)
    both = Policy(caps=Caps(connection_per_minute=100, channels=10))
    assert pace.turn_comes(both, "odoo", None, NOON, 4, takes) == NOON + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("policy", "customer", "accepted", "first"),
    [
        (Policy(), CUSTOMER, NOON, NOON),
        (Policy(), CUSTOMER, NIGHT, datetime(2026, 3, 3, 9, tzinfo=INDIA)),
        (Policy(), "+12025550123", NIGHT, NIGHT),  # 11:10 in New York
        (Policy(), None, NIGHT, NIGHT),
        (Policy(quiet_hours=None), CUSTOMER, NIGHT, NIGHT),
    ],
)
def test_a_rules_wait_is_counted_from_the_first_moment_it_might_have_rung(policy, customer, accepted, first):
    policy = replace(policy, deferred_for_at_most=3600)
    assert pace.wait_ends(policy, customer, accepted) == first + timedelta(hours=1)


@pytest.mark.parametrize(("seconds", "waited"), [(60, False), (300, False), (301, True), (43_200, True)])
def test_a_call_that_may_live_longer_than_any_click_has_waited(seconds, waited):
    click = Click("odoo", "res.partner", "1")
    call = Call("1", "odoo", click, State.DEFERRED, NOON, NOON + timedelta(seconds=seconds))
    assert pace.has_waited(call) is waited


# -- The manifest's section --------------------------------------------------------------------------------


def load(**section):
    return PolicySchema().load(section)


def test_it_has_safe_defaults():
    policy = load()
    assert policy == Policy()
    assert policy.countries == {"IN"}
    assert policy.number_types == {"mobile", "fixed_line", "fixed_line_or_mobile"}
    assert (policy.expire_after, policy.recall_gap, policy.repeat_window) == (60, 30, 10)
    assert policy.quiet_hours == QuietHours(time(21), time(9))
    assert (policy.timezone.key, policy.member_busy, policy.purpose) == ("Asia/Kolkata", "defer", "service")
    assert policy.workflow_dialling is policy.daily_coins is policy.call_limit is None
    assert policy.caps == Caps()


def test_it_takes_every_key_of_the_section():
    policy = load(
        countries=["IN", "AE"],
        number_types=["mobile"],
        block=["098765 00001", 9876500002],
        expire_after=300,
        quiet_hours={"from": "20:30", "to": "10:00"},
        timezone="Asia/Dubai",
        member_busy="refuse",
        workflow_dialling="  They asked to be rung back on our form. ",
        recall_gap=0,
        repeat_window=5,
        caps={
            "member_per_day": 1,
            "customer_per_day": 2,
            "connection_per_day": 3,
            "connection_per_minute": 4,
            "rule_per_minute": 5,
            "channels": 6,
        },
        daily_coins=250.5,
        call_limit=3600,
        purpose="promotional",
    )
    assert policy == Policy(
        countries=frozenset({"IN", "AE"}),
        number_types=frozenset({"mobile"}),
        block=frozenset({CUSTOMER, MEMBER}),
        expire_after=300,
        quiet_hours=QuietHours(time(20, 30), time(10)),
        timezone=ZoneInfo("Asia/Dubai"),
        member_busy=MemberBusy.REFUSE,
        workflow_dialling="They asked to be rung back on our form.",
        recall_gap=0,
        repeat_window=5,
        caps=Caps(1, 2, 3, 4, 5, 6),
        daily_coins=Decimal("250.5"),
        call_limit=3600,
        purpose=Purpose.PROMOTIONAL,
    )


@pytest.mark.parametrize("off", ["off", False])
def test_it_has_no_quiet_hours_when_they_are_off(off, book):
    policy = load(quiet_hours=off)
    assert policy.quiet_hours is None
    assert decide(policy, an_ask(now=NIGHT), book) is None


def test_it_knows_the_lenders_recovery_hours(book):
    policy = load(quiet_hours="recovery")
    for clock, refused in (("07:59", True), ("08:00", False), ("18:59", False), ("19:00", True)):
        now = datetime.combine(NOON.date(), time.fromisoformat(clock), tzinfo=INDIA)
        assert (decide(policy, an_ask(now=now), book) is not None) is refused


@pytest.mark.parametrize("off", ["off", False, None])
def test_it_takes_no_statement_for_an_answer(off):
    assert load(workflow_dialling=off).workflow_dialling is None


def test_it_takes_the_shortest_statement_and_the_smallest_coin():
    assert load(workflow_dialling="By consent").workflow_dialling == "By consent"
    assert load(daily_coins=0.1).daily_coins == Decimal("0.1")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"quite_hours": "off"}, "Unknown field"),
        ({"caps": {"members_per_day": 1}}, "Unknown field"),
        ({"countries": []}, "Shorter than"),
        ({"countries": ["in"]}, "'in' is no country"),
        ({"countries": "IN"}, "Not a valid list"),
        ({"number_types": ["mobil"]}, "'mobil' is none of: fixed_line"),
        ({"number_types": ["unknown"]}, "is none of"),
        ({"block": ["98765 0000"]}, "check for a missing"),
        ({"expire_after": 0}, "greater than or equal to 1"),
        ({"expire_after": 301}, "less than or equal to 300"),
        ({"expire_after": 1.5}, "Not a valid integer"),
        ({"expire_after": True}, "Not a valid integer"),
        ({"quiet_hours": True}, "recovery"),
        ({"quiet_hours": "night"}, "recovery"),
        ({"quiet_hours": {"from": "21:00"}}, "from:"),
        ({"quiet_hours": {"from": "21:00", "to": "09:00", "on": "Sunday"}}, "from:"),
        ({"quiet_hours": {"from": "21:00", "to": "21:00"}}, "same time"),
        ({"quiet_hours": {"from": 1260, "to": "09:00"}}, 'in quotes: "21:00"'),
        ({"quiet_hours": {"from": 60, "to": "09:00"}}, 'in quotes: "01:00"'),
        ({"quiet_hours": {"from": 1439, "to": "09:00"}}, 'in quotes: "23:59"'),
        ({"quiet_hours": {"from": 1440, "to": "09:00"}}, "24 hours"),
        ({"quiet_hours": {"from": "9 pm", "to": "09:00"}}, "24 hours"),
        ({"quiet_hours": {"from": "24:00", "to": "09:00"}}, "24 hours"),
        ({"quiet_hours": {"from": 21, "to": "09:00"}}, "24 hours"),
        ({"timezone": "Kolkata"}, "no time zone"),
        ({"member_busy": "wait"}, "Must be one of: defer, refuse, ignore"),
        ({"workflow_dialling": True}, "Write a sentence"),
        ({"workflow_dialling": "yes"}, "Write a sentence"),
        ({"workflow_dialling": ""}, "Write a sentence"),
        ({"recall_gap": -1}, "greater than or equal to 0"),
        ({"caps": {"channels": 1}}, "greater than or equal to 2"),
        ({"daily_coins": 0}, "Must be more than 0"),
        ({"daily_coins": "nan"}, "not permitted"),
        ({"call_limit": 0}, "greater than or equal to 1"),
        ({"purpose": "marketing"}, "Must be one of: service, promotional"),
    ],
)
def test_it_refuses_a_section_that_is_wrong_and_says_how(section, says):
    with pytest.raises(ValidationError) as error:
        PolicySchema().load(section)
    assert says in str(error.value.messages)
    assert next(iter(section)) in error.value.messages_dict


def test_it_tells_an_editor_what_the_section_takes():
    spec = APISpec("policy", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema("Policy", schema=PolicySchema)
    told = json.loads(json.dumps(spec.to_dict()))["components"]["schemas"]["Policy"]["properties"]
    assert set(told) == {field.name for field in fields(Policy)}
    assert told["quiet_hours"]["anyOf"][0]["enum"] == [False, "off", "recovery"]
    assert told["daily_coins"]["exclusiveMinimum"] == 0
    assert all(told.values())
