// Looks at one call again every second until it rests. It only reads.
"use strict";

const main = document.querySelector("main");
const by = (id) => document.getElementById(id);

const LEGS = {
  pending: "waiting", ringing: "ringing", picked: "picked up", no_answer: "no answer",
  busy: "busy", unreachable: "could not be reached", not_rung: "was not rung", unknown: "not known",
};
// What a live word says of each leg: customer, member.
const LIVE = {
  customer_ringing: ["ringing", "pending"], customer_picked: ["picked", "pending"],
  member_ringing: ["picked", "ringing"], both_talking: ["picked", "picked"],
};

function legs(call) {
  if (call.outcome) {
    return [call.customer.leg, call.member.leg].map((leg) => (leg ? leg.state : "unknown"));
  }
  if (call.live in LIVE) return LIVE[call.live];
  return call.state === "placed" ? ["ringing", "pending"] : [null, null];
}

function show(call) {
  by("state").textContent = call.state;
  by("state").dataset.state = call.state;
  by("headline").textContent = call.outcome_text || call.message || "Your click is on its way.";
  ["customer", "member"].forEach((party, index) => {
    const state = legs(call)[index];
    by(`${party}-number`).textContent = call[party].number || "—";
    by(`${party}-leg`).textContent = state ? LEGS[state] : "—";
    by(`${party}-leg`).parentElement.dataset.leg = state || "";
  });
  by("talk").textContent = call.talk_seconds === null ? "—" : `${call.talk_seconds} s`;
  by("written").textContent = call.activity.written ? "yes" : call.activity.error || "not yet";
  if (call.recording_url && call.recording_url.startsWith("https:")) {
    by("recording").href = call.recording_url;
    by("recording").hidden = false;
  }
}

async function look() {
  let rest = 1000;
  try {
    const key = encodeURIComponent(main.dataset.key);
    const answer = await fetch(`/calls/${main.dataset.call}?key=${key}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const call = await answer.json();
    show(call);
    if (call.done && (call.activity.written || call.outcome === null)) return;
    if (call.done) rest = 5000;
  } catch {
    rest = 5000; // the connector is away for a moment; the page is still good
  }
  setTimeout(look, rest);
}

look();
