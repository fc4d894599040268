(function (what) {
  var button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.id = "callerdesk-call";
  button.textContent = "Call with CallerDesk";
  button.onclick = function () {
    // One id a press: if the answer is lost and the press repeated by the browser, it is still one call.
    var id = Array.from(crypto.getRandomValues(new Uint8Array(16)), function (one) {
      return one.toString(16).padStart(2, "0");
    }).join("");
    button.disabled = true;
    fetch("index.php?entryPoint=CallerDeskCall", {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CallerDesk": "1" },
      body: new URLSearchParams({ module: what.module, record: what.record, click_id: id }),
    })
      .then(function (answer) { return answer.json(); })
      .then(function (told) { alert(told.message || told.detail); })
      .catch(function () { alert("No answer came. Look at the record before you press again."); })
      .finally(function () { button.disabled = false; });
  };
  var old = document.getElementById(button.id);
  if (old) old.remove();
  (document.querySelector(".moduleTitle") || document.body).appendChild(button);
})({"WHAT":0});
