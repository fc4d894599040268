// Looks at one call again and again until it rests and stands on the CRM record. It only reads.
"use strict";

const main = document.querySelector("main");
const by = (id) => document.getElementById(id);
// Writing an equal text again would make a screen reader say it again, every second.
const put = (id, text) => { if (by(id).textContent !== text) by(id).textContent = text; };

const LEGS = {
  pending: "waiting", ringing: "ringing", picked: "picked up", no_answer: "no answer",
  busy: "busy", unreachable: "could not be reached", not_rung: "was not rung", unknown: "not known",
};
// What a live word says of each leg: customer, member.
const LIVE = {
  customer_ringing: ["ringing", "pending"], customer_picked: ["picked", "pending"],
  member_ringing: ["picked", "ringing"], both_talking: ["picked", "picked"],
};
// Milliseconds between two looks: while somebody watches, and once nobody seems to or the connector is away.
// Far from its turn it is enough to look now and then.
const SOON = 1000, LATER = 5000, FAR = 15000;
const WATCHED = 120;
let looks = 0;

function legs(call) {
  if (call.outcome) {
    return [call.customer.leg, call.member.leg].map((leg) => (leg ? leg.state : "unknown"));
  }
  if (call.live in LIVE) return LIVE[call.live];
  return call.state === "placed" ? ["ringing", "pending"] : [null, null];
}

function onRecord({ done, activity: { written, wanted, dead, error } }) {
  if (written) return "yes";
  if (!wanted) return done ? "nothing to write" : "not yet";
  return dead ? `given up: ${error}` : error || "not yet";
}

function show(call) {
  put("state", call.state);
  by("state").dataset.state = call.state;
  put("headline", call.outcome_text);
  put("message", call.message || "");
  put("line", call.line ? call.line.text : "");
  by("cancel").hidden = !call.cancellable;
  ["customer", "member"].forEach((party, index) => {
    const state = legs(call)[index];
    put(`${party}-number`, call[party].number || "—");
    put(`${party}-leg`, state ? LEGS[state] : "—");
    by(`${party}-leg`).parentElement.dataset.leg = state || "";
  });
  put("talk", call.talk_seconds === null ? "—" : `${call.talk_seconds} s`);
  put("written", onRecord(call));
  if (/^https:|^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(call.recording_url || "")) {
    by("recording").href = call.recording_url;
    by("recording").hidden = false;
  }
}

// The call as it stands now; null when the link does not open it any more.
async function read() {
  const key = encodeURIComponent(main.dataset.key);
  const answer = await fetch(`/calls/${main.dataset.call}?key=${key}`, { headers: { Accept: "application/json" } });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

async function look() {
  looks += 1;
  let call;
  try {
    call = await read();
  } catch {
    setTimeout(look, LATER); // the connector is away for a moment; the page is still good
    return;
  }
  if (call === null) {
    put("message", "This link has run out. What became of the call stands on the CRM record.");
    return;
  }
  show(call);
  const { written, wanted, dead } = call.activity;
  if (call.done && (written || dead || !wanted)) return;
  const far = call.line && (call.line.wait_seconds === null || call.line.wait_seconds > 120);
  setTimeout(look, far ? FAR : call.done || looks > WATCHED ? LATER : SOON);
}

look();
