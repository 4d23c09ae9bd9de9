import type { SyntaxProblemRead } from "../../../clients/typescript/src/generated";

/** Open the text of a form, at a line. */
export type OnCode = (line?: number | null) => void;

/** A text that is not valid YAML. */
export function Broken({ problems, onCode }: { problems: SyntaxProblemRead[]; onCode: OnCode }) {
  return (
    <div className="col" style={{ gap: 10 }}>
      <h2>The text cannot be shown here</h2>
      <ul>{problems.map((one, index) => <li key={index}>{one.line ? `Line ${one.line}: ` : ""}{one.message}</li>)}</ul>
      <div><button type="button" className="btn pri" onClick={() => onCode(problems[0]?.line)}>Open code</button></div>
    </div>
  );
}
