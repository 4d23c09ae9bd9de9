import { type KeyboardEvent as ReactKeyboardEvent, type RefObject, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import type { JobRead, ProjectRead, SkillSummary } from "../../clients/typescript/src/generated";
import { callApi } from "./api";
import { shortId } from "./format";
import { called, namesOf } from "./names";
import { documentation, MIN_LETTERS } from "./documentation_index";
import { type Command, fitting } from "./ranking";

/** A command of the palette: it opens a URL, or clicks a control of the page. */
interface PaletteCommand extends Command {
  keys?: string;
  hint?: string;
  href?: string;
  /** Whether the URL is not a page of the studio. */
  is_other_site?: boolean;
  element?: HTMLElement;
}

const SEQUENCE_MS = 900;
const FIELDS = "input, textarea, select, [contenteditable=true], .cm-editor";
const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EVERYWHERE = [
  { label: "Open command palette", keys: "mod k" }, { label: "Show keyboard shortcuts", keys: "?" }, { label: "Next / previous row", keys: "j k" },
  { label: "Move in the timeline", keys: "↑ ↓ ← →" }, { label: "Zoom to span / show all", keys: "z 0" },
];
const isIn = (target: EventTarget | null, selector: string) => target instanceof Element && target.closest(selector) !== null;
const isMac = () => typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.platform);

/** The command palette, the keyboard shortcuts and their dialog. Commands are the pages of the studio (`places`: `{label, group, keys, href}`)
 *  and every control of the page that has a shortcut in `data-key`. A control that asks for confirmation still does. */
export function Commands({ places, project }: { places: PaletteCommand[]; project: string }) {
  const palette = useRef<HTMLDialogElement>(null), shortcuts = useRef<HTMLDialogElement>(null), sequence = useRef(""), timer = useRef(0), navigate = useNavigate();
  const [here, setHere] = useState<PaletteCommand[]>([]), [found, setFound] = useState<PaletteCommand[]>([]);
  const all = useRef<PaletteCommand[]>([]);
  all.current = [...here, ...places];
  const run = ({ href, is_other_site: isOtherSite, element }: PaletteCommand) => { palette.current?.close(); shortcuts.current?.close(); if (href && isOtherSite) location.assign(href); else if (href) navigate(href); else element?.click(); };
  const open = (dialog: RefObject<HTMLDialogElement | null>) => { setHere(ofPage()); dialog.current?.showModal(); };
  useLayoutEffect(() => { // before the page is painted: a user who sees rows can move in them
    const act = (event: KeyboardEvent, keys: string) => {
      const command = [...ofPage(), ...places].find((one) => one.keys === keys);
      if (!command) return false;
      event.preventDefault();
      event.stopPropagation();
      run(command);
      return true;
    };
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") { event.preventDefault(); return palette.current?.open ? palette.current.close() : open(palette); }
      if (event.metaKey || event.ctrlKey || event.altKey || isIn(event.target, FIELDS) || document.querySelector("dialog[open]")) return undefined;
      const keys = sequence.current ? `${sequence.current} ${event.key}` : event.key, wasOpen = Boolean(sequence.current);
      sequence.current = "";
      clearTimeout(timer.current);
      if ((wasOpen || !isIn(event.target, "[role=tree]")) && act(event, keys)) return undefined;
      if (wasOpen) return undefined;
      if (event.key === "?") { event.preventDefault(); return open(shortcuts); }
      if (event.key === "/" ) return focusFilter(event);
      if (event.key === "j" || event.key === "k") return walk(event);
      if (places.some((one) => one.keys?.startsWith(`${event.key} `))) { sequence.current = event.key; timer.current = window.setTimeout(() => { sequence.current = ""; }, SEQUENCE_MS); }
      return undefined;
    };
    addEventListener("keydown", onKey, true); // before a focused widget, which would handle the second key of a sequence
    return () => removeEventListener("keydown", onKey, true);
  }, [places, project]);
  const [isOpen, setIsOpen] = useState(false);
  const search = async () => {
    const [projects, skills, jobs, slugs] = await Promise.all([callApi<ProjectRead[]>("GET", "/v1/projects", {}).catch(() => []), callApi<SkillSummary[]>("GET", "/v1/skills", { project }).catch(() => []), callApi<JobRead[]>("GET", "/v1/jobs?limit=50", { project }).catch(() => []), namesOf(project)]);
    setFound([
      ...projects
        .filter((one) => one.slug !== project)
        .map((one) => ({ label: one.name, group: "Projects", href: `/p/${one.slug}` })),
      ...skills.map((skill) => ({
        label: `Try ${skill.full_name}`,
        group: "Skills",
        href: `/p/${project}/play/${skill.name}${skill.full_name === skill.name ? "" : `?skillpack=${skill.skillpack}`}`,
      })),
      ...jobs.map((job) => ({
        label: `${called(job, slugs)} ${shortId(job.id)}`,
        hint: job.status === "cancelled" ? "canceled" : job.status,
        group: "Jobs",
        also: job.id,
        href: `/p/${project}/jobs/${job.id}`,
      })),
    ]);
  };
  useEffect(() => { if (isOpen && project) search(); }, [isOpen, project]); // the project may become known while it is open
  return (
    <>
      <button type="button" className="btn quiet find" onClick={() => open(palette)} aria-label="Search (command palette)"><span className="wide-only">Search…</span><span className="narrow-only" aria-hidden="true">⌕</span><kbd>{isMac() ? "⌘" : "Ctrl"} K</kbd></button>
      <dialog className="dlg palette" ref={palette} aria-label="Command palette" onClick={(event) => event.target === palette.current && palette.current?.close()} onToggle={(event) => setIsOpen(event.newState === "open")}>
        <Palette commands={[...all.current, ...found]} project={project} onRun={run} />
      </dialog>
      <dialog className="dlg" ref={shortcuts} aria-label="Keyboard shortcuts" onClick={(event) => event.target === shortcuts.current && shortcuts.current?.close()}>
        <div className="in-dlg"><h2>Keyboard shortcuts</h2><dl className="keys">{[...all.current.filter((one) => one.keys), ...EVERYWHERE].map((one) => <div key={one.label + one.keys}><dt>{one.label}</dt><dd><Keys keys={one.keys ?? ""} /></dd></div>)}</dl>
          <div className="acts"><button type="button" className="btn" onClick={() => shortcuts.current?.close()}>Close</button></div></div>
      </dialog>
    </>
  );
}

function Palette({ commands, project, onRun }: { commands: PaletteCommand[]; project: string; onRun: (command: PaletteCommand) => void }) {
  const [words, setWords] = useState(""), [at, setAt] = useState(0), [pages, setPages] = useState<PaletteCommand[]>([]), list = useRef<HTMLUListElement>(null), hasWords = words.trim().length >= MIN_LETTERS;
  useEffect(() => { if (hasWords) documentation().then(setPages); }, [hasWords]);
  const shown = useMemo((): PaletteCommand[] => {
    return JOB_ID.test(words.trim()) && project ? [{ label: `Open job ${shortId(words.trim())}`, group: "Jobs", href: `/p/${project}/jobs/${words.trim()}` }] : fitting(hasWords ? [...commands, ...pages] : commands, words).slice(0, 60);
  }, [commands, pages, words, project]);
  useEffect(() => setAt(0), [words]);
  useEffect(() => { list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }); }, [at]);
  const onKeyDown = (event: ReactKeyboardEvent) => {
    const move = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0, chosen = shown[at];
    if (move) { event.preventDefault(); setAt((at + move + shown.length) % Math.max(1, shown.length)); }
    if (event.key === "Enter" && chosen) { event.preventDefault(); onRun(chosen); }
  };
  return (
    <div className="col">
      <input className="in" autoFocus role="combobox" aria-expanded="true" aria-controls="commands" aria-activedescendant={shown[at] ? `command-${at}` : undefined} aria-label="Search pages, jobs, skills, settings and documentation" placeholder="Search pages, jobs, skills, settings and documentation…" value={words} onChange={(event) => setWords(event.target.value)} onKeyDown={onKeyDown} />
      <ul ref={list} id="commands" role="listbox" aria-label="Commands">
        {shown.map((one, index) => <li key={`${one.group} ${one.label} ${index}`} id={`command-${index}`} role="option" aria-selected={index === at} onMouseMove={() => setAt(index)} onClick={() => onRun(one)}><span className="t3 group">{one.group}</span><span className="cut grow">{one.label}</span>{one.hint && <span className="t3 cut">{one.hint}</span>}{one.keys && <Keys keys={one.keys} />}</li>)}
        {!shown.length && <li className="t3">No results. Enter a full job ID to open that job.</li>}
      </ul>
    </div>
  );
}

const Keys = ({ keys }: { keys: string }) => <span className="row" style={{ gap: 3 }}>{keys.split(" ").map((key) => <kbd key={key}>{key === "mod" ? (isMac() ? "⌘" : "Ctrl") : key}</kbd>)}</span>;

/** The commands of the page: its controls with a keyboard shortcut. */
const ofPage = () => [...document.querySelectorAll<HTMLElement>("[data-key]:not(:disabled)")].filter((element) => element.offsetParent).map((element): PaletteCommand => ({ element, label: element.dataset["label"] ?? element.textContent.replace(/…$/, "").trim(), group: "This page", keys: element.dataset["key"] }));

function focusFilter(event: KeyboardEvent) {
  const filter = document.querySelector<HTMLElement>("main input[type=search], main input[data-filter]");
  if (filter) { event.preventDefault(); filter.focus(); }
}

function walk(event: KeyboardEvent) {
  const rows = [...document.querySelectorAll<HTMLElement>("main a.whole")], at = rows.findIndex((row) => row === document.activeElement), next = rows[event.key === "j" ? at + 1 : Math.max(0, at - 1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
