// Refreshes the timeline every second, and says at once that a press was heard.
"use strict";
const timeline = document.getElementById("timeline");
if (timeline) {
  // Compared as it was sent, and left alone while it is the same: a recording may be playing in it.
  let shown = null;
  setInterval(async () => {
    try {
      const answer = await fetch(timeline.dataset.from);
      const html = await answer.text();
      if (answer.ok && html !== shown) timeline.innerHTML = shown = html;
    } catch {
      // The sandbox was stopped: keep what is shown.
    }
  }, 1000);
}
const form = document.getElementById("call");
if (form) {
  form.addEventListener("submit", () => {
    form.querySelector("button").disabled = true;
    const said = document.getElementById("said");
    said.className = "said";
    said.textContent = "Asking …";
  });
}
