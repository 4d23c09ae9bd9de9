const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];
const SCALE = 2, PAD = 16, TITLE = 28;

/** An SVG element as a PNG image with the colors of the page. */
export async function pngOf(svg: SVGSVGElement, title: string): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect(), look = getComputedStyle(document.body);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(withStyles(svg, width, height)))}`;
  await image.decode();
  const canvas = document.createElement("canvas"), top = title ? TITLE : 0, drawing = canvas.getContext("2d")!;
  canvas.width = SCALE * (width + 2 * PAD);
  canvas.height = SCALE * (height + top + 2 * PAD);
  drawing.scale(SCALE, SCALE);
  drawing.fillStyle = look.getPropertyValue("--bg").trim() || look.backgroundColor;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.fillStyle = look.color;
  drawing.font = `600 14px ${look.fontFamily}`;
  drawing.fillText(title, PAD, PAD + 14, width);
  drawing.drawImage(image, PAD, PAD + top, width, height);
  return await new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("The browser could not make the image."))), "image/png"));
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
