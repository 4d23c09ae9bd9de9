// A conversation with an agent of the draft, in the editor. It is loaded when the user opens it.
import { useRef, useState } from "react";
import type { DraftRead } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import type { Schema } from "../schema_types";
import { Conversation } from "./chat";

interface Props {
  skill: { name: string; input_schema: Schema };
  /** URL of the draft in the API. */
  base: string;
  /** The revision of the draft. */
  revision: number;
  project: string;
  csrf: string;
  canWrite: boolean;
  /** Save the open files. */
  beforeRun: () => Promise<unknown>;
}

/** Each conversation runs the draft as it was at its first message; nothing is published. */
export default function DraftChat({ skill, base, revision, project, csrf, canWrite, beforeRun }: Props) {
  const [session, setSession] = useState(""), [problem, setProblem] = useState(""), [started, setStarted] = useState(0), composer = useRef<HTMLTextAreaElement>(null);
  const before = async () => { await beforeRun(); setStarted((await callApi<DraftRead>("GET", base, { project })).revision); };
  const open = (id: string) => { setSession(id); setProblem(""); if (!id) composer.current?.focus(); };
  const again = <button type="button" className="btn quiet small" onClick={() => open("")}>New chat</button>;
  return (
    <div className="chat chat-single">
      {session && revision > started ? <div className="note line-note row wrap" data-s="wait" role="status"><span className="grow">The draft was changed since this conversation started.</span>{again}</div>
        : <div className="row chat-again"><span className="t3 grow">Runs the draft as it is at the first message. Nothing is published.</span>{session && again}</div>}
      <Conversation {...{ project, csrf, canWrite, session, problem, composer }} start={{ path: `${base}/sessions`, json: { skill: skill.name }, before }} schema={skill.input_schema} skill={`${skill.name} (draft)`} onOpen={open} onChanged={() => {}} onProblem={setProblem} />
    </div>
  );
}
