import { useState } from "react";
import { Copy, Tabs } from "./controls";

const LANGUAGES = [{ id: "curl", label: "curl" }, { id: "python", label: "Python" }, { id: "terminal", label: "Terminal" }, { id: "typescript", label: "TypeScript" }, { id: "mcp", label: "MCP" }, { id: "openai", label: "OpenAI SDK" }, { id: "page", label: "Web page" }, { id: "skill", label: "In a skill" }];

let last = ""; // the selected language applies to the next pages, too

type Texts = Partial<Record<string, string>>;

/** Code snippets below the first action of an empty page. */
export function FromCode({ texts }: { texts: Texts }) {
  return <div><div className="cap" style={{ marginBottom: 6 }}>Or from your code</div><div className="pane"><Snippets texts={texts} /></div></div>;
}

/** Code for an action, one language at a time; `texts` by language, for those that have it. */
export function Snippets({ texts }: { texts: Texts }) {
  const [picked, setPicked] = useState(last), there = LANGUAGES.filter((one) => texts[one.id]), current = (texts[picked] ? picked : there[0]?.id) ?? "";
  return (
    <>
      <Tabs items={there} current={current} label="Language" onPick={(id) => setPicked((last = id))} />
      <div className="copied"><div className="copy"><Copy text={texts[current] ?? ""} /></div><pre className="code bare" tabIndex={0}>{texts[current]}</pre></div>
    </>
  );
}
