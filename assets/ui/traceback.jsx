import { Link } from "react-router";
import { useEvents } from "./stream";

const HEAD = /^(?: {2}\+ Exception Group )?Traceback \(most recent call last\):$/gm;
const CONTINUES = /(?:direct cause of the following exception|another exception occurred):\s*$/;
const FRAME = /^(.*?File ")([^"/][^"]*)(", line (\d+).*)$/;

/** The traceback of a failed job, with the tracebacks of its causes; frames link to their lines in the editor. */
export function Traceback({ src, skillpack }) {
  const [events] = useEvents(src), [project] = src.split("/"), text = tracebackOf(events);
  if (!text) return null;
  return (
    <div className="traceback">
      <pre className="code fold" data-s="fail" tabIndex={0} role="region" aria-label="Traceback">
        {text.split("\n").map((line, index) => <Row key={index} line={line} project={project} skillpack={skillpack} />)}
      </pre>
    </div>
  );
}

function Row({ line, project, skillpack }) {
  const [, before, file, after, number] = FRAME.exec(line) ?? [];
  if (!file || !skillpack) return `${line}\n`;
  const query = new URLSearchParams({ skillpack, file, line: number });
  return <>{before}<Link to={`/p/${project}/editor?${query}`} aria-label={`${file}:${number}`}>{file}</Link>{after}{"\n"}</>;
}

/** The end of the error output of the job, from the first error of the chain. */
export function tracebackOf(events) {
  const text = events.filter((event) => event.type === "log" && event.payload.stream === "stderr").map((event) => event.payload.text).join("");
  const heads = [...text.matchAll(HEAD)].map((found) => found.index);
  let at = heads.length - 1;
  while (at > 0 && CONTINUES.test(text.slice(heads[at - 1], heads[at]))) at -= 1;
  return at < 0 ? "" : text.slice(heads[at]).trimEnd();
}
