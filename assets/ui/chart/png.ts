import { colorOf } from "./colors";

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];
const SCALE = 2, PAD = 16, TITLE = 28, LEGEND = 24;

/** A chart as a PNG image with the colors of the page; `names` are those of its series, if it has several. */
export async function pngOf(box: HTMLElement, title: string, names: string[]): Promise<Blob> {
  const svg = largest(box);
  const { width, height } = svg.getBoundingClientRect(), look = getComputedStyle(document.body);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(withStyles(svg, width, height)))}`;
  await image.decode();
  const canvas = document.createElement("canvas"), top = title ? TITLE : 0, bottom = names.length > 1 ? LEGEND : 0, drawing = canvas.getContext("2d")!;
  canvas.width = SCALE * (width + 2 * PAD);
  canvas.height = SCALE * (height + top + bottom + 2 * PAD);
  drawing.scale(SCALE, SCALE);
  drawing.fillStyle = look.getPropertyValue("--bg").trim() || look.backgroundColor;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.fillStyle = look.color;
  drawing.font = `600 14px ${look.fontFamily}`;
  drawing.fillText(title, PAD, PAD + 14, width);
  drawing.drawImage(image, PAD, PAD + top, width, height);
  if (bottom) drawLegend(drawing, names, PAD + top + height + 16, look);
  return await new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("The browser could not make the image."))), "image/png"));
}

/** The drawing; the legend has small ones as well. */
function largest(box: HTMLElement): SVGSVGElement {
  const area = (one: SVGSVGElement) => one.getBoundingClientRect().width * one.getBoundingClientRect().height;
  const [found] = [...box.querySelectorAll("svg")].sort((one, other) => area(other) - area(one));
  if (!found) throw new Error("The chart is not drawn yet.");
  return found;
}

function drawLegend(drawing: CanvasRenderingContext2D, names: string[], y: number, look: CSSStyleDeclaration) {
  let x = PAD;
  drawing.font = `12px ${look.fontFamily}`;
  names.forEach((name, index) => {
    drawing.fillStyle = look.getPropertyValue(colorOf(index).slice("var(".length, -1)).trim();
    drawing.fillRect(x, y - 9, 10, 10);
    drawing.fillStyle = look.color;
    drawing.fillText(name, x + 15, y);
    x += drawing.measureText(name).width + 32;
  });
}

/** A copy of an SVG element that needs no style sheet, because an image has none. */
function withStyles(svg: SVGSVGElement, width: number, height: number): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement, copies = copy.querySelectorAll("*");
  svg.querySelectorAll("*").forEach((one, index) => {
    const look = getComputedStyle(one), other = copies[index] as SVGElement;
    for (const name of STYLES) other.style.setProperty(name, look.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return copy;
}
