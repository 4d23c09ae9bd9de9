import { type FormEvent, useEffect, useState } from "react";
import { useAction, type Watched } from "./action";
import { type ApiError, callApi } from "./api";
import { ArgumentsForm, errorsUnder } from "./approvals/arguments";
import { ShownData } from "./approvals/shown_data";
import { Properties, startOf } from "./fields";
import { Json } from "./value";

type Values = Record<string, unknown>;
type Errors = Record<string, string>;

/** What the widgets read of `GET /v1/approvals`. */
export interface Approval {
  id: string;
  tool: string;
  input: Values;
  message: string | null;
  show: unknown;
  show_bytes: number | null;
  form_schema: Values | null;
  input_schema: Values | null;
  reviewers: string[];
  may_decide: boolean;
}

interface Access {
  project: string;
  csrf: string;
  canWrite: boolean;
  onError: (detail: string) => void;
}

/** The approvals that a job waits for. They are read again whenever `changes` is another number. */
export function PendingApprovals({ job, changes, ...access }: Access & { job: string; changes: number }) {
  const [pending, setPending] = useState<Approval[]>([]), { project, onError } = access;
  useEffect(() => {
    let isGone = false;
    callApi<Approval[]>("GET", `/v1/approvals?job_id=${job}&status=pending`, { project }).then((found) => isGone || setPending(found), (error: ApiError) => onError(error.detail));
    return () => { isGone = true; };
  }, [job, changes, project]);
  const onDecided = (id: string) => setPending((before) => before.filter((one) => one.id !== id));
  return pending.length > 0 && <Approvals approvals={pending} {...access} onDecided={onDecided} />;
}

/** The pending approvals of one job, with their buttons; `onDecided` is called with the ID of a decided one. */
export function Approvals({ approvals, project, csrf, canWrite, onDecided, onError }: Access & { approvals: Approval[]; onDecided: (id: string) => void }) {
  const [isBusy, setBusy] = useState(false), [wrong, setWrong] = useState<{ id: string; errors: Errors }>({ id: "", errors: {} }), [editing, setEditing] = useState("");
  const decide = async (one: Approval, verb: "approve" | "deny", json: Values = {}) => {
    setBusy(true);
    try { await callApi("POST", `/v1/approvals/${one.id}/${verb}`, { project, csrf, json }); onDecided(one.id); } catch (failure) {
      const error = failure as ApiError, errors = { ...errorsUnder("form.", error.errors), ...errorsUnder("arguments.", error.errors) };
      if (Object.keys(errors).length) setWrong({ id: one.id, errors }); else onError(error.detail);
    }
    setBusy(false);
  };
  const errorsOf = (one: Approval) => (wrong.id === one.id ? wrong.errors : {});
  return (
    <div className="col questions" role="group" aria-label="Calls awaiting approval">
      {approvals.map((one) => (
        <div key={one.id} className="col">
          <div className="row wrap">
            <span className="grow">{one.message == null ? <>The agent wants to call <b className="mono">{one.tool}</b></> : one.message}</span>
            {one.reviewers.length > 0 && <span className="cap">Reviewers: {one.reviewers.join(", ")}</span>}
            {canWrite && one.input_schema && one.may_decide && editing !== one.id && <button type="button" className="btn quiet small" onClick={() => setEditing(one.id)}>Edit…</button>}
            {canWrite && <Buttons one={one} isBusy={isBusy} canApprove={editing !== one.id} onDecide={(verb) => decide(one, verb)} />}
          </div>
          {editing === one.id
            ? <ArgumentsForm schema={one.input_schema ?? {}} value={one.input} errors={errorsOf(one)} project={project} csrf={csrf} onApprove={(given) => decide(one, "approve", { arguments: given })} onCancel={() => setEditing("")} />
            : one.message == null ? <Json value={one.input} /> : <ShownData value={one.show} bytes={one.show_bytes} project={project} />}
          {one.form_schema && canWrite && one.may_decide && <ApprovalForm schema={one.form_schema} errors={errorsOf(one)} project={project} csrf={csrf} onApprove={(form) => decide(one, "approve", { form })} />}
        </div>
      ))}
    </div>
  );
}

function Buttons({ one, isBusy, canApprove, onDecide }: { one: Approval; isBusy: boolean; canApprove: boolean; onDecide: (verb: "approve" | "deny") => void }) {
  const isOff = isBusy || !one.may_decide, title = one.may_decide ? undefined : "Only reviewers may decide.";
  return (
    <>
      <button type="button" className="btn small" disabled={isOff} title={title} onClick={() => onDecide("deny")}>Reject</button>
      {canApprove && (!one.form_schema || !one.may_decide) && <button type="button" className="btn pri small" disabled={isOff} title={title} onClick={() => onDecide("approve")}>Approve</button>}
    </>
  );
}

interface ApprovalFormProps extends Watched {
  schema: Values;
  errors?: Errors;
  project: string;
  csrf: string;
  onApprove?: (values: Values, key: string) => void;
}

/** The form of an approval; `onApprove(values, key)` gets the entered values, and `errors` maps paths in them to messages. */
export function ApprovalForm({ schema, errors = {}, project, csrf, settled, onSettle, onApprove }: ApprovalFormProps) {
  const [begin, isSending] = useAction({ settled, onSettle });
  const [values, setValues] = useState<Values>(() => (startOf({ ...schema, type: "object" }) ?? {}) as Values);
  const submit = (event: FormEvent) => { event.preventDefault(); begin(`approve ${JSON.stringify(values)}`, (key) => onApprove?.(values, key)); };
  return (
    <form className="col approval-form" noValidate aria-label="Values for the approval" onSubmit={submit}>
      <div className="sf"><Properties schema={schema} value={values} path="" errors={errors} context={{ project, csrf }} onChange={setValues} /></div>
      <div className="row"><button type="submit" className="btn pri" aria-busy={isSending} aria-disabled={isSending}>{isSending && <span className="spin" />}Approve</button></div>
    </form>
  );
}
