import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useNames } from "../names";
import { Pulse } from "../time";
import { Bars } from "./bars";
import { Bulk } from "./bulk";
import { Filters } from "./filter_bar";
import { changed, filtersOf } from "./filters";
import { Rows } from "./rows";
import { useJobs } from "./rows_data";

const REFRESH_S = 2;

/** The jobs of a project, updated live. The URL contains the filters; rows do not move while the pointer is over the list. */
export function JobList({ project, csrf, canWrite }) {
  const [params, setParams] = useSearchParams(), filters = filtersOf(params), query = changed(filters, {}).toString();
  const { rows, fresh, failure, hasMore, isLoading, refresh, more, hold, release } = useJobs(project, query);
  const [picked, setPicked] = useState(new Set()), [isPicking, setPicking] = useState(false), [act, setAct] = useState(null), box = useRef(null);
  useEffect(() => setPicked(new Set()), [query, project]);
  const filter = (change) => setParams(changed(filters, change), { replace: true, preventScrollReset: true });
  const toggle = (id) => { setPicking(true); setPicked((before) => { const after = new Set(before); if (!after.delete(id)) after.add(id); return after; }); };
  const handlers = usePause(hold, release), named = useNames(project), selected = rows.filter((job) => picked.has(job.id));
  const leave = () => { setPicked(new Set()); setPicking(false); };
  const begin = (kind, jobs) => jobs.length && canWrite && setAct({ kind, jobs });
  const onKeyDown = (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, dialog")) return;
    const here = rows.find((job) => job.id === event.target.closest("tr")?.dataset.id);
    const keys = { x: () => here && toggle(here.id), r: () => begin("replay", selected.length ? selected : [here].filter(Boolean)), c: () => begin("cancel", selected.length ? selected : [here].filter(Boolean)), Escape: leave };
    if (!keys[event.key] || (event.key === "Escape" && !isPicking)) return;
    event.preventDefault();
    keys[event.key]();
  };
  return (
    <div className="col grow" style={{ minHeight: 0 }} onKeyDown={onKeyDown}>
      <Pulse seconds={REFRESH_S} onTick={refresh} />
      <Bars project={project} since={filters.since} onPick={(span) => filter(span)} />
      {selected.length > 0
        ? <div className="job-bar row wrap" role="group" aria-label="Selected jobs"><span className="strong num">{selected.length} selected</span><button type="button" className="btn" data-key="r" data-label="Replay selected jobs" onClick={() => begin("replay", selected)}>Replay…</button><button type="button" className="btn danger" data-key="c" data-label="Cancel selected jobs" onClick={() => begin("cancel", selected)}>Cancel…</button><span className="grow" /><button type="button" className="btn quiet" onClick={leave}>Clear selection</button></div>
        : <Filters project={project} filters={filters} isPicking={isPicking} canWrite={canWrite} onFilter={filter} onPicking={() => (isPicking ? leave() : setPicking(true))} />}
      {failure && <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn" onClick={refresh}>Try again</button></div>}
      <div className="scroll grow" role="region" tabIndex={0} aria-label="Job list" ref={box} {...handlers}>
        {fresh > 0 && <button type="button" className="fresh" onClick={() => { hold(); box.current.scrollTop = 0; }}>{fresh} new</button>}
        {rows.length > 0 && <Rows rows={rows} named={named} project={project} isPicking={isPicking && canWrite} picked={picked} onToggle={toggle} onAll={() => setPicked(selected.length === rows.length ? new Set() : new Set(rows.map((job) => job.id)))} />}
        {isLoading && <p className="skeleton">Loading…</p>}
        {!rows.length && !isLoading && !failure && <div className="col none-match"><div className="strong">{query ? "No jobs match these filters." : "No jobs to show."}</div>{query && <button type="button" className="btn quiet" onClick={() => setParams({}, { replace: true })}>Show all jobs</button>}</div>}
        {hasMore && <div className="pad"><button type="button" className="btn" onClick={more}>Show more</button></div>}
      </div>
      {act && <Bulk {...act} project={project} csrf={csrf} onClose={() => { setAct(null); refresh(); }} onDone={leave} />}
    </div>
  );
}

/** Handlers of an element whose content is paused while the pointer is over it, or something in it has the focus. */
function usePause(onHold, onRelease) {
  const touched = useRef({ pointer: false, focus: false });
  const touch = (what, isOn) => {
    const was = touched.current.pointer || touched.current.focus;
    touched.current[what] = isOn;
    const is = touched.current.pointer || touched.current.focus;
    if (is !== was) (is ? onHold : onRelease)();
  };
  return {
    onPointerEnter: (event) => event.pointerType === "mouse" && touch("pointer", true), onPointerLeave: () => touch("pointer", false),
    onFocus: (event) => event.target !== event.currentTarget && touch("focus", true), onBlur: (event) => event.currentTarget.contains(event.relatedTarget) || touch("focus", false),
  };
}
