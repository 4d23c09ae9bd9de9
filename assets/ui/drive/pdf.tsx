import { useEffect, useRef, useState } from "react";
import type { PDFDocumentLoadingTask, PDFDocumentProxy, RenderTask } from "pdfjs-dist";
import { size } from "../format";

const MAX_BYTES = 50_000_000, WIDTH = 900; // px of the canvas, independent of the pane

/** A PDF, rendered page by page with PDF.js: nothing in it is executed, and the viewer of the browser is not used. */
export function Pdf({ url, bytes, onBroken }: { url: string; bytes: number; onBroken: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null), [pdf, setPdf] = useState<PDFDocumentProxy | null>(null), [at, setAt] = useState(1), [lock, setLock] = useState(false);
  const isLarge = bytes > MAX_BYTES;
  useEffect(() => {
    if (isLarge) return undefined;
    let isGone = false, task: PDFDocumentLoadingTask | null = null, ended = () => {};
    (async () => {
      const reader = await import("pdfjs-dist"), worker = new Worker(new URL("pdfjs-dist/build/pdf.worker.min.mjs", import.meta.url), { type: "module" });
      const data = new Uint8Array(await (await fetch(url)).arrayBuffer());
      if (isGone) { worker.terminate(); return; }
      const own = new reader.PDFWorker({ port: worker as unknown as null });
      task = reader.getDocument({ data, worker: own, enableXfa: false, useWasm: false });
      ended = () => { own.destroy(); worker.terminate(); };
      const opened = await task.promise;
      if (!isGone) setPdf(opened);
    })().catch((error: Error) => { if (isGone) return; if (error.name === "PasswordException") setLock(true); else onBroken(); });
    return () => { isGone = true; task?.destroy().finally(ended); };
  }, [url, isLarge]);
  useEffect(() => {
    if (!pdf) return undefined;
    let drawing: RenderTask | null = null, isGone = false;
    pdf.getPage(at).then((page) => {
      const to = canvas.current;
      if (isGone || !to) return undefined;
      const plain = page.getViewport({ scale: 1 }), viewport = page.getViewport({ scale: WIDTH / plain.width });
      to.width = viewport.width;
      to.height = viewport.height;
      drawing = page.render({ canvas: to, viewport });
      return drawing.promise;
    }).catch((error: Error) => { if (!isGone && error.name !== "RenderingCancelledException") onBroken(); });
    return () => { isGone = true; drawing?.cancel(); };
  }, [pdf, at]);
  if (isLarge) return <p className="t2">This file is larger than {size(MAX_BYTES)}. Download it to view it.</p>;
  if (lock) return <p className="t2">This PDF is password-protected. Download it to view it.</p>;
  if (!pdf) return <p className="skeleton">Loading document…</p>;
  return (
    <div className="col pdf" style={{ gap: 8 }}>
      <div className="row"><button type="button" className="btn small" disabled={at === 1} onClick={() => setAt(at - 1)}>Previous</button><span className="t2" role="status">Page {at} of {pdf.numPages}</span><button type="button" className="btn small" disabled={at === pdf.numPages} onClick={() => setAt(at + 1)}>Next</button></div>
      <canvas ref={canvas} role="img" aria-label={`Page ${at} of ${pdf.numPages}`} />
    </div>
  );
}
