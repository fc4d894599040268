// Client Script for the Desk (ERPNext: Lead, Opportunity, Customer, Contact). Apply To: Form.
// One script for each DocType: put its name in place of "Lead" below.
frappe.ui.form.on("Lead", {
  refresh(frm) {
    if (frm.is_new()) return;
    frm.add_custom_button(__("Call"), () => {
      frappe.call({
        method: "callerdesk_call",
        args: { object: frm.doctype, id: frm.doc.name, click_id: frappe.utils.get_random(20) },
        freeze: true,
        callback: ({ message }) => {
          const told = message || { ok: false, message: __("CallerDesk did not answer.") };
          frappe.show_alert({ message: told.message, indicator: told.ok ? "green" : "orange" }, 10);
        },
      });
    });
  },
});
