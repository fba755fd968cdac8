// Saving: what the stage shows after a step, as an SVG that is whole in itself or as a PNG; and all steps in one zip.

const MOST_SAVED = 60000; // boxes in all frames of a set: some seconds
const SHARPNESS = 2; // pixels of a PNG for each of the page
const WIDEST_IMAGE = 8192; // pixels that every browser can draw
const FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MARGIN = 16;
const LOOKS = { // tag -> what is written of its style; * of every other
  "*": ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity"],
  g: ["opacity"], tspan: ["fill", "font-weight"],
  text: ["fill", "stroke", "stroke-width", "paint-order", "font-size", "font-weight", "text-anchor"],
};
const USUAL = { stroke: "none", "stroke-dasharray": "none", opacity: "1", "paint-order": "normal" };
const SHAPES = ["d", "points", "x", "y", "width", "height", "rx", "transform", "textLength", "lengthAdjust"];
const UNKNOWN_TO_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** A drawn element as it is seen, in attributes of its own; null if it is not seen. */
function copyOf(element) {
  const look = getComputedStyle(element);
  const tag = element.localName;
  if (look.display === "none" || (element.textContent === "" && tag.startsWith("t"))) return null;
  if (tag === "foreignObject") return stepsAsText(element);
  const copy = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name of SHAPES) if (element.hasAttribute(name)) copy.setAttribute(name, element.getAttribute(name));
  if (look.transform !== "none" && !element.hasAttribute("transform")) copy.setAttribute("transform", look.transform);
  for (const name of LOOKS[tag] ?? LOOKS["*"]) {
    const value = look.getPropertyValue(name);
    const [, rgb, alpha] = /^rgba\((.*), ([\d.]+)\)$/.exec(value) ?? [];
    if (alpha === "0") return null; // it is there for the pointer
    if (alpha) copy.setAttribute(`${name}-opacity`, alpha);
    if (value && value !== USUAL[name]) copy.setAttribute(name, alpha ? `rgb(${rgb})` : value);
  }
  if (!element.children.length) copy.textContent = element.textContent.replace(/^[▾▸] /, "").replace(UNKNOWN_TO_XML, "\ufffd");
  for (const child of element.children) copy.append(...[copyOf(child)].filter(Boolean));
  return tag === "path" ? withArrow(copy, look) : tag === "g" && !copy.children.length ? null : copy;
}

/** What the field of a roll tells of its open step, as a text that ends where the field does. */
function stepsAsText(element) {
  const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
  const [x, y, width] = ["x", "y", "width"].map((name) => Number(element.getAttribute(name)));
  const look = getComputedStyle(element.firstChild);
  const attributes = { x: x + width, y: y + 15, fill: look.color, "font-size": look.fontSize, "text-anchor": "end" };
  for (const [name, value] of Object.entries(attributes)) text.setAttribute(name, value);
  text.textContent = [...element.firstChild.childNodes].map((part) => part.value ?? part.textContent).join("");
  return text;
}

/** A line with the head that a marker draws, as a shape of its own: many programs that show slides draw no markers. */
function withArrow(line, look) {
  const group = document.createElementNS(line.namespaceURI, "g");
  const [x0, y0, x1, y1, ...rest] = line.getAttribute("d").match(/-?[\d.]+(e-?\d+)?/g).map(Number);
  const isAtStart = look.markerStart !== "none";
  const [x, y] = isAtStart ? [x0, y0] : rest.slice(-2);
  const [u, v] = isAtStart ? [x1, y1] : rest.length > 2 ? rest.slice(-4) : [x1, y1];
  const turn = (Math.atan2(y - v, x - u) * 180) / Math.PI;
  group.append(line);
  make(group, "path", { d: "M-8-4L1 0L-8 4z", transform: `translate(${x} ${y}) rotate(${Number(turn.toFixed(2))})`, fill: look.stroke });
  return group;
}

/** The graph after the present step, and what is said about it. */
function frameNow() {
  const { x, y, width, height } = view.getBBox();
  const told = `Step ${state.at} of ${passLength()}, ${state.pass}`;
  return { drawn: copyOf(view), box: [x, y, x + width, y + height], told, story: id("story").textContent.replace(UNKNOWN_TO_XML, "\ufffd") };
}

/** Frames as SVG texts of one size, in which nothing moves from one to the next. */
function svgsOf(frames) {
  const edge = (k) => (k < 2 ? Math.floor(Math.min(...frames.map(({ box }) => box[k]))) - MARGIN : Math.ceil(Math.max(...frames.map(({ box }) => box[k]))) + MARGIN);
  const [left, top, right, bottom] = [0, 1, 2, 3].map(edge);
  const width = Math.max(480, right - left);
  const captions = frames.map(({ story }) => wrapped(story, width - 2 * MARGIN));
  const height = bottom - top + 24 + 20 * Math.max(...captions.map((lines) => lines.length)) + MARGIN;
  const colours = getComputedStyle(document.body);
  return frames.map(({ drawn, told, story }, k) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const attributes = { width, height, viewBox: `${left - (width - right + left) / 2} ${top} ${width} ${height}`, "font-family": FONT, role: "img" };
    for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
    const begin = left - (width - right + left) / 2;
    make(svg, "title", {}, `${told}. ${story}`);
    make(svg, "rect", { x: begin, y: top, width, height, fill: colours.backgroundColor });
    drawn.removeAttribute("transform");
    svg.append(drawn);
    const caption = make(svg, "g", { "font-size": 14, fill: colours.color });
    make(caption, "text", { x: begin + MARGIN, y: bottom + 12, "font-size": 12, fill: colours.getPropertyValue("--soft") }, told);
    captions[k].forEach((line, n) => make(caption, "text", { x: begin + MARGIN, y: bottom + 34 + 20 * n }, line));
    return { width, height, text: `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n` };
  });
}

/** A sentence in lines of at most `width` pixels. */
function wrapped(text, width) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `14px ${FONT}`;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (lines.at(-1) && pen.measureText(longer).width * 1.1 > width) lines.push(word); // room for a wider font
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** The steps that Next leads to. */
function stops() {
  const found = [];
  for (let at = 0; at < passLength(); found.push(at)) at = stopAfter(at, 1);
  return found;
}

/** The state after each of these steps, as frames; what is shown stays as it is. */
function framesAt(places) {
  const [before, steps] = [{ at: state.at, chosen: state.chosen }, [...opened]];
  const frames = places.map((at) => {
    Object.assign(state, { at, chosen: null });
    follow(opAt(at));
    paint();
    return frameNow();
  });
  Object.assign(state, before);
  Object.assign(opened, steps);
  arrange();
  paint();
  return frames;
}

// --- files ------------------------------------------------------------------------------------------------------

const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});
const crcOf = (bytes) => ~bytes.reduce((crc, byte) => CRCS[(crc ^ byte) & 255] ^ (crc >>> 8), -1);

/** A zip of files [name, text], not compressed: section 4.3 of PKWARE's APPNOTE.TXT. */
function zipOf(files) {
  const [encoder, local, central] = [new TextEncoder(), [], []];
  const record = (...fields) => { // [value, bytes], little end first
    const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
    let at = 0;
    for (const [value, size] of fields) for (let k = 0; k < size; k++) bytes[at++] = value >>> (8 * k);
    return bytes;
  };
  const sizeOf = (parts) => parts.reduce((sum, part) => sum + part.length, 0);
  for (const [name, text] of files) {
    const [title, bytes] = [encoder.encode(name), encoder.encode(text)];
    // UTF-8 names, stored, on the first of January 1980
    const common = [[10, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crcOf(bytes), 4], [bytes.length, 4], [bytes.length, 4], [title.length, 2], [0, 2]];
    central.push(record([0x02014b50, 4], [10, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [sizeOf(local), 4]), title);
    local.push(record([0x04034b50, 4], ...common), title, bytes);
  }
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [sizeOf(central), 4], [sizeOf(local), 4], [0, 2]);
  return new Blob([...local, ...central, end], { type: "application/zip" });
}

async function pngOf({ width, height, text }) {
  const scale = Math.min(SHARPNESS, WIDEST_IMAGE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  return `Saved as ${name}`;
}

const titleOfPage = document.title.replace(/[^\p{L}\p{N}_-]+/gu, "_") || "graph";
const numbered = (k, of) => `step_${String(k).padStart(Math.max(3, String(of).length), "0")}`;
const nameNow = (suffix) => `${titleOfPage}_${state.pass}_${numbered(state.at, passLength())}.${suffix}`;
const svgNow = () => svgsOf([frameNow()])[0];
const SAVES = {
  svg: () => hand(new Blob([svgNow().text], { type: "image/svg+xml" }), nameNow("svg")),
  png: async () => { const name = nameNow("png"); return hand(await pngOf(svgNow()), name); },
  zip: () => {
    const places = stops();
    if (places.length * standing.size > MOST_SAVED) return `${places.length} pictures of ${standing.size} boxes are too many for a zip: fold some modules first`;
    const files = svgsOf(framesAt(places)).map(({ text }, k) => [`${numbered(k + 1, places.length)}.svg`, text]);
    return hand(zipOf(files), `${titleOfPage}_${state.pass}.zip`);
  },
};

const menu = id("save");
function openMenu() {
  menu.open = true;
  id("save-svg").focus();
}
function closeMenu() {
  if (menu.open && menu.contains(document.activeElement)) menu.firstElementChild.focus();
  menu.open = false;
}
for (const [form, save] of Object.entries(SAVES)) {
  id(`save-${form}`).addEventListener("click", async () => {
    play(false);
    closeMenu();
    try { id("saved").textContent = await save(); } catch (error) { id("saved").textContent = `This could not be saved: ${error.message}`; }
  });
}
document.addEventListener("pointerdown", (event) => {
  id("saved").textContent = "";
  if (!menu.contains(event.target)) menu.open = false;
});
