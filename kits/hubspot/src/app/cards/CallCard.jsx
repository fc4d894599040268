import React, { useRef, useState } from "react";
import { Button, Flex, Link, Text, hubspot } from "@hubspot/ui-extensions";

// The connector's address and the name of its HubSpot connection for buttons.
const HOOK = "https://connector.example.com/hooks/hubspot";

hubspot.extend(({ context }) => <CallCard context={context} />);

// One press, one id: HubSpot sends a request again when it fails, and the connector rings once for one id.
const newPress = () =>
  `press-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;

const bodyOf = (crm, press) => ({
  object: crm.objectTypeId,
  id: crm.objectId,
  click_id: press,
  source: "button",
});

const CallCard = ({ context }) => {
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState(null);
  const press = useRef(null);

  const call = async () => {
    press.current = press.current || newPress();
    setBusy(true);
    setTold(null);
    try {
      const answer = await hubspot.fetch(HOOK, {
        method: "POST",
        timeout: 15000,
        body: bodyOf(context.crm, press.current),
      });
      const said = await answer.json();
      setTold({ text: said.message || said.detail || "The connector gave no reason.", url: said.url });
      press.current = null;
    } catch (failure) {
      // Nobody knows whether it arrived: the next press carries the same id, and cannot ring a second time.
      setTold({ text: "The connector did not answer. Press again to see what became of the call.", url: null });
    } finally {
      setBusy(false);
    }
  };

  return (
    <Flex direction="column" gap="small">
      <Button onClick={call} disabled={busy} variant="primary">
        {busy ? "Ringing…" : "Call with CallerDesk"}
      </Button>
      {told && <Text>{told.text}</Text>}
      {told && told.url && <Link href={told.url}>Follow the call</Link>}
    </Flex>
  );
};
