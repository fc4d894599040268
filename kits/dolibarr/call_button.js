// A browser bookmark that works on the page of a contact or a third party. Three values to fill in, then see README.md.
(function () {
  var connector = "https://connector.example.com/hooks/dolibarr/BOOKMARK_SECRET";
  var login = "YOUR_LOGIN";
  var page = /\/(contact|societe)\/card\.php$/.exec(location.pathname);
  var query = new URLSearchParams(location.search);
  var id = query.get("socid") && page && page[1] === "societe" ? query.get("socid") : query.get("id");
  if (!page || !/^[1-9][0-9]*$/.test(id || "")) {
    alert("Open the page of a contact or a third party first.");
    return;
  }
  var object = page[1] === "contact" ? "contacts" : "thirdparties";
  open(connector + "?" + new URLSearchParams({ object: object, id: id, user: login }), "_blank", "noopener");
})();
