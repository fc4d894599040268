// CRM Form Script for Frappe CRM (CRM Lead, and another one for CRM Deal). Apply To: Form, Enabled.
function setupForm({ doc, call, createToast, toast }) {
  // Newer versions hand over `toast`, older ones `createToast` with a title.
  const tell = (ok, text) => {
    if (toast && toast.success) return ok ? toast.success(text) : toast.error(text);
    if (createToast) createToast({ title: text, message: text, icon: ok ? "check" : "x", type: ok ? "success" : "error" });
  };
  return {
    actions: [
      {
        label: "Call with CallerDesk",
        onClick: async () => {
          const clickId = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
          try {
            const told = await call("callerdesk_call", { object: doc.doctype, id: doc.name, click_id: clickId });
            tell(told.ok, told.message);
          } catch (error) {
            tell(false, "CallerDesk could not be asked. Look at the record's calls before you press again.");
          }
        },
      },
    ],
  };
}
