/** The name of a series or a slice, and its color. */
export type Key = readonly [name: string, color: string];

const SCALE = 2, PAD = 16, TITLE = 28, LEGEND = 24;

/** A chart as a PNG image with the colors of the page. */
export async function pngOf(root: SVGSVGElement, title: string, keys: readonly Key[]): Promise<Blob> {
  const { width, height } = root.getBoundingClientRect(), look = getComputedStyle(root);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(withStyle(root, width, height)))}`;
  await image.decode();
  const canvas = document.createElement("canvas"), top = title ? TITLE : 0, bottom = keys.length ? LEGEND : 0;
  const drawing = canvas.getContext("2d");
  if (!drawing) throw new Error("The browser has no canvas.");
  canvas.width = SCALE * (width + 2 * PAD);
  canvas.height = SCALE * (height + top + bottom + 2 * PAD);
  drawing.scale(SCALE, SCALE);
  drawing.fillStyle = backgroundOf(root);
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.fillStyle = look.color;
  drawing.font = "600 14px system-ui, sans-serif";
  drawing.fillText(title, PAD, PAD + 14, width);
  drawing.drawImage(image, PAD, PAD + top, width, height);
  drawLegend(drawing, keys, PAD + top + height + 16, look.color);
  return await new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("The browser could not make the image."))), "image/png");
  });
}

function drawLegend(drawing: CanvasRenderingContext2D, keys: readonly Key[], y: number, text: string): void {
  let x = PAD;
  drawing.font = "12px system-ui, sans-serif";
  for (const [name, color] of keys) {
    drawing.fillStyle = color;
    drawing.fillRect(x, y - 9, 10, 10);
    drawing.fillStyle = text;
    drawing.fillText(name, x + 15, y);
    x += drawing.measureText(name).width + 32;
  }
}

/** A copy of the drawing that needs no style sheet, because an image has none. */
function withStyle(root: SVGSVGElement, width: number, height: number): SVGSVGElement {
  const copy = root.cloneNode(true) as SVGSVGElement, label = root.querySelector("text");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.style.color = getComputedStyle(root).color;
  const fill = label ? getComputedStyle(label).fill : "";
  for (const text of copy.querySelectorAll("text")) {
    text.style.fill = fill;
    text.style.font = "11px system-ui, sans-serif";
  }
  return copy;
}

/** The background behind an element, which may be in the shadow tree of an element of another page. */
function backgroundOf(from: Element): string {
  for (let node: Element | null = from; node; ) {
    const color = getComputedStyle(node).backgroundColor;
    if (color !== "rgba(0, 0, 0, 0)") return color;
    const root: Node = node.getRootNode();
    node = node.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
  }
  return "#ffffff";
}
