import { type KeyboardEvent, type RefObject, useMemo, useRef, useState } from "react";
import type { AgentSessionRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, newKey } from "../api";
import { errorsUnder } from "../approvals/arguments";
import { JsonControl, Properties, startOf } from "../fields";
import type { Schema } from "../schema_types";
import { otherInputs, missingIn } from "./message_inputs";
import { isLive, type Turn } from "./turns";

type Values = Record<string, unknown>;

const INPUTS = "inputs.";

/** Run a request, and show its error. */
export type Act = <Result>(call: () => Promise<Result>) => Promise<Result | null>;

/** The request that creates a session with the first message, and what to wait for before it. */
export interface SessionStart {
  path: string;
  json: unknown;
  before?: () => Promise<unknown>;
}

interface Props {
  project: string;
  csrf: string;
  start: SessionStart;
  session: string;
  /** The input schema of the agent; null as long as it is unknown. */
  schema: Schema | null;
  turns: Turn[];
  act: Act;
  onOpen: (id: string) => void;
  field: RefObject<HTMLTextAreaElement | null>;
}

/** The fields for the next message and for the inputs besides it. Enter sends it, and Shift+Enter starts a new line. Inputs that a message
 *  does not set keep their values. */
export function Composer({ project, csrf, start, session, schema, turns, act, onOpen, field }: Props) {
  const [text, setText] = useState(""), [changed, setChanged] = useState<Values | null>(null), [broken, setBroken] = useState(""), [errors, setErrors] = useState<Record<string, string>>({}), [isShown, setShown] = useState<boolean | null>(null), [isBusy, setBusy] = useState(false);
  const running = turns.find(isLive), isSending = useRef(false), slot = useRef(""), created = useRef("");
  const others = useMemo(() => schema && otherInputs(schema), [schema]), initial = useMemo(() => ((!session && others && startOf(others)) || {}) as Values, [others, session]);
  const inputs = changed ?? initial, missing = others && !session ? missingIn(others, inputs) : [], isNeeded = Boolean(others && !session && missingIn(others, initial).length), isOpen = isShown ?? isNeeded;
  const hasFields = !others || Object.keys(others.properties ?? {}).length > 0, canSend = Boolean(text.trim()) || Object.keys(changed ?? {}).length > 0;
  const ask = (names: string[]) => {
    const shown = names.filter((name) => others?.properties?.[name]);
    setErrors(Object.fromEntries(shown.map((name) => [name, "This input is required."])));
    setShown(true);
    throw { detail: shown.length ? `Fill in ${shown.join(", ")} below: the agent needs ${shown.length > 1 ? "these inputs" : "this input"} besides the message.` : `The agent needs ${names.join(", ")}. Write a message, or add the values under Inputs.` };
  };
  const send = (whileRunning: "queue" | "interrupt") => act(async () => {
    if (isSending.current || !canSend) return;
    if (broken) throw { detail: `The inputs are not valid JSON: ${broken}` };
    if (missing.length) ask(missing);
    setErrors({});
    setBusy(true);
    isSending.current = true; // a second click can come before the button is disabled
    slot.current ||= newKey(); // after a lost connection, the same message is the same request
    try {
      if (!session) await start.before?.();
      const id = session || created.current || (await callApi<AgentSessionRead>("POST", start.path, { project, csrf, slot: slot.current, json: start.json })).id;
      created.current = session ? "" : id;
      try {
        await callApi("POST", `/v1/sessions/${id}/messages`, { project, csrf, slot: slot.current, json: { content: text, inputs, while_running: whileRunning } });
      } catch (failure) {
        const error = failure as ApiError, isLost = error.code === "connection_lost", wrong = errorsUnder(INPUTS, error.errors);
        if (!isLost) slot.current = created.current = "";
        if (!session && !isLost) { // no conversation without a message
          await callApi("DELETE", `/v1/sessions/${id}`, { project, csrf }).catch(() => {});
        }
        if (error.code === "inputs_missing") ask(Object.keys(wrong));
        if (Object.keys(wrong).length) { setErrors(wrong); setShown(true); }
        throw error;
      }
      setText("");
      setChanged(null);
      setShown(null);
      slot.current = created.current = "";
      if (!session) onOpen(id);
    } finally { setBusy(false); isSending.current = false; }
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send(event.ctrlKey || event.metaKey ? "interrupt" : "queue");
  };
  const change = (value: Values) => { slot.current = ""; setChanged(value); };
  return (
    <form className="col chat-composer" noValidate onSubmit={(event) => { event.preventDefault(); send("queue"); }}>
      <textarea ref={field} className="in" rows={3} aria-label="Message" placeholder="Message" value={text} onChange={(event) => { slot.current = ""; setText(event.target.value); }} onKeyDown={onKeyDown} />
      {isOpen && hasFields && <div className="sf chat-inputs" role="group" aria-label="Inputs">
        {others ? <Properties schema={others} value={inputs} path="" errors={errors} context={{ project, csrf }} onChange={change} /> : <JsonControl value={changed ?? undefined} rows={3} attributes={{ "aria-label": "Inputs as JSON" }} onChange={(value) => change((value ?? {}) as Values)} onBroken={setBroken} />}
      </div>}
      <div className="row wrap">
        {hasFields && <button type="button" className="btn quiet small" aria-expanded={isOpen} onClick={() => setShown(!isOpen)}>Inputs</button>}
        <span className="t3 grow chat-hint">{running ? "A turn is running: the message is sent after it." : "Enter to send, Shift+Enter for a new line"}</span>
        {running && <button type="button" className="btn" onClick={() => act(() => callApi("POST", `/v1/sessions/${session}/cancel`, { project, csrf }))}>Stop</button>}
        {running && <button type="button" className="btn" disabled={isBusy || !text.trim()} onClick={() => send("interrupt")}>Interrupt and send</button>}
        <button className="btn pri" disabled={isBusy || !canSend}>{isBusy && <span className="spin" />}{running ? "Queue" : "Send"}</button>
      </div>
    </form>
  );
}
