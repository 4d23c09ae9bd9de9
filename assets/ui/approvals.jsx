import { useEffect, useState } from "react";
import { useAction } from "./action";
import { callApi } from "./api";
import { Properties, startOf } from "./fields";
import { Json } from "./value";

/** The approvals that a job waits for. They are read again whenever `changes` is another number. */
export function PendingApprovals({ job, changes, project, csrf, canWrite, onError }) {
  const [pending, setPending] = useState([]);
  useEffect(() => {
    let isGone = false;
    callApi("GET", `/v1/approvals?job_id=${job}&status=pending`, { project }).then((found) => isGone || setPending(found), (error) => onError(error.detail));
    return () => { isGone = true; };
  }, [job, changes, project]);
  const onDecided = (id) => setPending((before) => before.filter((one) => one.id !== id));
  return pending.length > 0 && <Approvals approvals={pending} project={project} csrf={csrf} canWrite={canWrite} onDecided={onDecided} onError={onError} />;
}

/** The pending approvals of one job, with their buttons; `onDecided` is called with the ID of a decided one. */
export function Approvals({ approvals, project, csrf, canWrite, onDecided, onError }) {
  const [isBusy, setBusy] = useState(false), [wrong, setWrong] = useState({ id: "", errors: {} });
  const decide = async (one, verb, json = {}) => {
    setBusy(true);
    try { await callApi("POST", `/v1/approvals/${one.id}/${verb}`, { project, csrf, json }); onDecided(one.id); } catch (error) {
      const errors = fieldErrors(error.errors);
      if (Object.keys(errors).length) setWrong({ id: one.id, errors }); else onError(error.detail);
    }
    setBusy(false);
  };
  return (
    <div className="col questions" role="group" aria-label="Calls awaiting approval">
      {approvals.map((one) => (
        <div key={one.id} className="col">
          <div className="row wrap">
            <span className="grow">{one.message == null ? <>The agent wants to call <b className="mono">{one.tool}</b></> : one.message}</span>
            {one.reviewers.length > 0 && <span className="cap">Reviewers: {one.reviewers.join(", ")}</span>}
            {canWrite && <Buttons one={one} isBusy={isBusy} onDecide={(verb) => decide(one, verb)} />}
          </div>
          {one.message == null && <Json value={one.input} />}
          {one.form_schema && canWrite && one.may_decide && <ApprovalForm schema={one.form_schema} errors={wrong.id === one.id ? wrong.errors : {}} project={project} csrf={csrf} onApprove={(form) => decide(one, "approve", { form })} />}
        </div>
      ))}
    </div>
  );
}

function Buttons({ one, isBusy, onDecide }) {
  const isOff = isBusy || !one.may_decide, title = one.may_decide ? undefined : "Only reviewers may decide.";
  return (
    <>
      <button type="button" className="btn small" disabled={isOff} title={title} onClick={() => onDecide("deny")}>Reject</button>
      {(!one.form_schema || !one.may_decide) && <button type="button" className="btn pri small" disabled={isOff} title={title} onClick={() => onDecide("approve")}>Approve</button>}
    </>
  );
}

/** The form of an approval; `onApprove(values, key)` gets the entered values, and `errors` maps paths in them to messages. */
export function ApprovalForm({ schema, errors = {}, project, csrf, settled, onSettle, onApprove }) {
  const [begin, isSending] = useAction({ settled, onSettle });
  const [values, setValues] = useState(() => startOf({ ...schema, type: "object" }) ?? {});
  const submit = (event) => { event.preventDefault(); begin(`approve ${JSON.stringify(values)}`, (key) => onApprove?.(values, key)); };
  return (
    <form className="col approval-form" noValidate aria-label="Values for the approval" onSubmit={submit}>
      <div className="sf"><Properties schema={schema} value={values} path="" errors={errors} context={{ project, csrf }} onChange={setValues} /></div>
      <div className="row"><button type="submit" className="btn pri" aria-busy={isSending} aria-disabled={isSending}>{isSending && <span className="spin" />}Approve</button></div>
    </form>
  );
}

const FORM = "form.";
const fieldErrors = (errors = []) => Object.fromEntries(errors.filter((one) => one.path.startsWith(FORM)).map((one) => [one.path.slice(FORM.length), one.message]));
