/*
 * Call with CallerDesk: the script behind a button of the command bar on a form (contact, lead, account, opportunity).
 *
 * Command: library this file, function CallerDesk.call, parameter PrimaryControl. It sends ids, never numbers, to
 * the flow of flow_button.json, whose address stands in the environment variable cd_CallerDeskFlow, and shows the
 * connector's answer. One press has one id, however often the flow tries.
 */
"use strict";

var CallerDesk = (function () {
  var SCHEMA_NAME = "cd_CallerDeskFlow";
  var SUCCESS = 1;
  var ERROR = 2;
  var pending = {};
  var address = null;

  function bare(id) {
    return String(id || "").replace(/[{}]/g, "").toLowerCase();
  }

  function show(level, message) {
    return Xrm.App.addGlobalNotification({ type: 2, level: level, message: message, showCloseButton: true });
  }

  async function flowAddress() {
    if (!address) {
      var query =
        "?$select=defaultvalue&$filter=schemaname eq '" + SCHEMA_NAME +
        "'&$expand=environmentvariabledefinition_environmentvariablevalue($select=value)";
      var found = await Xrm.WebApi.retrieveMultipleRecords("environmentvariabledefinition", query);
      var row = found.entities[0] || {};
      var values = row.environmentvariabledefinition_environmentvariablevalue || [];
      address = (values[0] && values[0].value) || row.defaultvalue || null;
      if (!address) {
        throw new Error("The environment variable " + SCHEMA_NAME + " holds no address: ask your administrator.");
      }
    }
    return address;
  }

  async function send(click) {
    var answer = await fetch(await flowAddress(), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(click),
    });
    var told = await answer.json().catch(function () {
      return {};
    });
    var sentence = told.message || told.detail;
    return answer.ok
      ? show(SUCCESS, sentence || "CallerDesk was asked to ring the customer, then you.")
      : show(ERROR, sentence || "CallerDesk could not be asked (" + answer.status + "): nobody was rung by this press.");
  }

  function call(form) {
    var entity = form.data.entity;
    var record = bare(entity.getId());
    if (!record) {
      return show(ERROR, "Save the record first, then press Call.");
    }
    if (!pending[record]) {
      var click = {
        object: entity.getEntityName(),
        id: record,
        user: bare(Xrm.Utility.getGlobalContext().userSettings.userId),
        click_id: crypto.randomUUID(),
      };
      pending[record] = send(click)
        .catch(function (problem) {
          return show(ERROR, "It is not known whether CallerDesk was asked: look at the timeline. " + problem.message);
        })
        .finally(function () {
          delete pending[record];
        });
    }
    return pending[record];
  }

  return { call: call };
})();
