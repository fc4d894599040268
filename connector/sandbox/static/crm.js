// Refreshes the timeline every second, and says at once that a press was heard.
"use strict";
const timeline = document.getElementById("timeline");
if (timeline) {
  setInterval(async () => {
    try {
      const answer = await fetch(timeline.dataset.from);
      const html = answer.ok ? await answer.text() : timeline.innerHTML;
      if (html !== timeline.innerHTML) timeline.innerHTML = html;
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
