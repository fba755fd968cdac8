// The graph: drawn from the JSON that page.py wrote, folded, moved and zoomed. The other scripts follow in the same
// element and share its names. Every text of the user's reaches the page as textContent only.
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const { trace, layout, steps } = page;
const EMPTY = {
  name: "", options: {}, scope: "", shapes: [], dtypes: [], saved: [], saved_bytes: 0,
  line: null, seconds: null, cut: null, value: null, gradient: null,
};
const nodes = trace.nodes.map((node) => ({ ...EMPTY, ...page.laws[node.law], ...node })); // see _packed in page.py
const { edges } = trace;
const modules = new Map(trace.modules.map((module, number) => [module.path, { ...module, number, nodes: [] }]));
const incoming = nodes.map(() => []);
const outgoing = nodes.map(() => []);
edges.forEach((edge, i) => { incoming[edge.target].push(i); outgoing[edge.source].push(i); });
for (const node of nodes) for (const path of ancestors(node.scope)) modules.get(path).nodes.push(node.id);

const state = {
  pass: "backward", at: 0, timer: null, folded: new Set(), chosen: null, hovered: null, element: null, isTouched: false,
  matches: [], match: -1, view: { x: 0, y: 0, scale: 1 },
};
const id = (name) => document.getElementById(name);

// --- words ---------------------------------------------------------------------------------------------------

function number(x, digits = 4) {
  if (typeof x !== "number") return x === null || x === undefined ? "none" : String(x); // "nan", "inf"
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  return size >= 1e-3 && size < 1e6 ? String(Number(x.toPrecision(digits))) : Number(x.toPrecision(3)).toExponential().replace("e+", "e");
}

const flat = (values) => (Array.isArray(values) ? values.flat(Infinity) : [values]);
const shapeText = (shape) => (shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "scalar");
const nameOf = (node) => node.name || node.op || (node.kind === "output" ? "loss" : node.kind);
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const statsOf = (stats, output = 0) => (Array.isArray(stats) ? stats[output] : stats);

/** A tensor in few letters: its numbers if it is small, otherwise its norm. */
function brief(stats, most = 4, digits = 4) {
  if (!stats) return "";
  const values = stats.values === null || stats.values === undefined ? null : flat(stats.values);
  if (values && stats.size === 1) return number(values[0], digits);
  if (values && stats.size <= most) return `[${values.map((value) => number(value, digits)).join(", ")}]`;
  if (stats.nans) return "nan";
  return stats.infs ? "inf" : `norm ${number(stats.norm ?? 0, digits)}`;
}

function ancestors(path) {
  const found = [];
  for (let module = modules.get(path); module; module = modules.get(module.parent)) found.unshift(module.path);
  return found;
}

// --- elements --------------------------------------------------------------------------------------------------

function make(parent, tag, attributes = {}, text = null) {
  const isDrawn = parent instanceof SVGElement || tag === "svg";
  const element = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

/** Text pressed into its box where a reader's font is wider than the layout's. */
function write(element, text, width) {
  if (element.textContent === text) return;
  element.textContent = text;
  press(element, width);
}

function press(element, width) {
  element.removeAttribute("textLength");
  if (element.textContent.length * 7 > width && element.getComputedTextLength() > width) {
    element.setAttribute("textLength", width);
    element.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
}

const [graph, stage] = [id("graph"), id("stage")];
const view = make(graph, "g");
const [moduleLayer, edgeLayer, titleLayer, nodeLayer, chipLayer] = [0, 1, 2, 3, 4].map(() => make(view, "g"));
const definitions = make(graph, "defs");
for (const name of ["arrow", "arrow-flow", "arrow-ahead"]) {
  const marker = make(definitions, "marker", {
    id: name, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9,
    markerUnits: "userSpaceOnUse", orient: "auto-start-reverse",
  });
  make(marker, "path", { d: "M0 1 L10 5 L0 9 z", class: name });
}

function outline(group, kind, w, h) {
  if (kind === "leaf") { // a hexagon
    const points = [[-w / 2, 0], [-w / 2 + 12, -h / 2], [w / 2 - 12, -h / 2], [w / 2, 0], [w / 2 - 12, h / 2], [12 - w / 2, h / 2]];
    return make(group, "polygon", { class: "shape", points: points.join(" ") });
  }
  const rx = { op: 8, parameter: h / 2 }[kind] ?? 0;
  return make(group, "rect", { class: "shape", x: -w / 2, y: -h / 2, width: w, height: h, rx });
}

// drawn when first shown: of a large graph most is folded away
const drawnNodes = [];
const drawnEdges = [];

function drawNode(i) {
  const node = nodes[i];
  const [w, h] = layout.sizes[i];
  const group = make(nodeLayer, "g", { class: `node ${node.kind}`, "data-node": i, tabindex: -1, role: "button" });
  const shape = outline(group, node.kind, w, h);
  const lines = Math.round((h - 12) / 17);
  const line = (k) => make(group, "text", { y: -((lines - 1) * 17) / 2 + 17 * k + 4.5 });
  const title = line(0);
  if (lines > 1) title.classList.add("upper");
  const drawn = { group, shape, width: w, title, name: make(title, "tspan", { class: "title" }), what: make(title, "tspan", { class: "what" }), gradient: line(1) };
  drawn.gradient.setAttribute("class", "gradient");
  group.addEventListener("click", () => choose(i));
  group.addEventListener("focus", () => hover(i));
  group.addEventListener("blur", () => hover(null));
  group.addEventListener("pointerenter", () => hover(i));
  group.addEventListener("pointerleave", () => hover(null));
  return drawn;
}

function drawEdge(i) {
  const group = make(edgeLayer, "g", { class: "edge", "data-edge": i });
  const chip = make(make(chipLayer, "g", { class: "edge" }), "g", { class: "chip" });
  const box = make(chip, "rect", { x: 2, y: -9, height: 18, rx: 9 });
  return { group, path: make(group, "path"), chip, outer: chip.parentNode, box, text: make(chip, "text", { x: 8, y: 4 }) };
}

const drawnModules = new Map([...modules.values()].map((module) => {
  const group = make(moduleLayer, "g", { class: "module", "data-module": module.path, tabindex: -1, role: "button" });
  const frame = make(group, "rect", { class: "frame", rx: 8 });
  const title = make(titleLayer, "g", { class: "module-title" });
  const hit = make(title, "rect", { fill: "transparent" });
  const drawn = { group, title, frame, hit, text: make(title, "text") };
  title.addEventListener("click", () => toggle(module.path));
  return [module.path, drawn];
}));

// --- folding: each fold state as Graphviz laid it out; a state that is not there is squeezed out of the first ---

const [whole] = layout.states; // nothing is folded
const laidOut = new Map(layout.states.map((one) => [one.folded.join(), one]));
let extent = { width: whole.width, height: whole.height };
let bundles = new Map(); // what is drawn as one line -> its edges, the first of which is drawn
let standing = new Map(); // id of a node, or path of a folded module -> [x, y, width, height]

/** What stands for a node: itself, or the outermost folded module around it. */
function standsFor(i) {
  return ancestors(nodes[i].scope).find((path) => state.folded.has(path)) ?? i;
}

function isHidden(path) {
  return ancestors(path).slice(0, -1).some((above) => state.folded.has(above));
}

/** The layout of what is folded now, in the form of `layout_of` in layout.py. */
function placed() {
  const folded = [...state.folded].filter((path) => !isHidden(path));
  const key = folded.map((path) => modules.get(path).number).sort((a, b) => a - b).join();
  return laidOut.get(key) ?? squeezed(folded);
}

/** Where a folded module stands: amid its ops, so that data goes on flowing downwards. */
function middleOf(path) {
  const { nodes: members, number: k } = modules.get(path);
  const ops = members.filter((i) => nodes[i].op);
  const places = (ops.length ? ops : members).map((i) => whole.nodes[i]);
  const [left, top, right, bottom] = whole.modules[k];
  const mean = (axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length;
  return places.length ? [mean(0), mean(1)] : [(left + right) / 2, (top + bottom) / 2];
}

/** The parts of `spans` that none of `others` covers; all are [from, to]. */
function without(spans, others) {
  let rest = spans;
  for (const [from, to] of others) {
    rest = rest.flatMap(([a, b]) => (to <= a || from >= b ? [[a, b]] : [[a, from], [to, b]].filter(([c, d]) => d > c)));
  }
  return rest;
}

/** A coordinate after `removed` spans are taken out. */
function squeeze(removed) {
  const spans = [];
  for (const [from, to] of removed.sort((a, b) => a[0] - b[0])) {
    const last = spans.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else spans.push([from, to]);
  }
  return (v) => v - spans.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(v, to) - from), 0);
}

/** The first state with each folded module as a box in the middle of its frame, and the room that it leaves taken out. */
function squeezed(folded) {
  const places = new Map(folded.map((path) => [path, [...middleOf(path), ...layout.boxes[modules.get(path).number]]]));
  nodes.forEach((_, i) => { if (standsFor(i) === i) places.set(i, [...whole.nodes[i], ...layout.sizes[i]]); });
  const kept = [...places.values()].map(([x, y, w, h]) => [x - w / 2 - 6, y - h / 2 - 15, x + w / 2 + 6, y + h / 2 + 15]);
  const frames = [...modules.values()].filter(({ path }) => !isHidden(path) && !state.folded.has(path));
  for (const { number: k } of frames) {
    const [left, top, right, bottom] = whole.modules[k];
    kept.push([left, top, left + 1, top + 26], [right - 14, bottom - 14, right, bottom]);
  }
  const gone = folded.map((path) => whole.modules[modules.get(path).number]);
  const axis = (low, high) => squeeze(gone.flatMap((frame) => without([[frame[low], frame[high]]], kept.map((box) => [box[low], box[high]]))));
  const [toX, toY] = [axis(0, 2), axis(1, 3)];
  const moved = (points) => points.map((v, k) => (k % 2 ? toY(v) : toX(v)));
  const found = { width: toX(whole.width), height: toY(whole.height), nodes: {}, modules: {}, edges: {} };
  for (const [thing, [x, y, w, h]] of places) {
    const [u, v] = moved([x, y]);
    if (typeof thing === "number") found.nodes[thing] = [u, v];
    else found.modules[modules.get(thing).number] = [u - w / 2, v - h / 2, u + w / 2, v + h / 2];
  }
  for (const { number: k } of frames) found.modules[k] = moved(whole.modules[k]);
  edges.forEach(({ source, target }, i) => {
    const edge = found.nodes[source] && found.nodes[target] && whole.edges[i];
    if (edge) found.edges[i] = { points: moved(edge.points), label: moved(edge.label) };
  });
  return found;
}

function arrange() {
  const at = placed();
  extent = { width: at.width, height: at.height };
  standing = new Map();
  nodes.forEach((_, i) => {
    const place = at.nodes[i];
    if (place) drawnNodes[i] ??= drawNode(i);
    if (drawnNodes[i]) drawnNodes[i].group.style.display = place ? "" : "none";
    if (!place) return;
    standing.set(i, [...place, ...layout.sizes[i]]);
    drawnNodes[i].group.setAttribute("transform", `translate(${place})`);
  });
  for (const path of modules.keys()) arrangeModule(path, at);
  bundles = new Map();
  edges.forEach((_, i) => arrangeEdge(i, at));
  colour();
  id("fold").disabled = [...modules.keys()].every((path) => state.folded.has(path) || isHidden(path));
  id("unfold").disabled = !state.folded.size;
  id("fold").parentNode.hidden = !modules.size;
}

function arrangeModule(path, at) {
  const { group, title, frame, hit, text } = drawnModules.get(path);
  const module = modules.get(path);
  const isFolded = state.folded.has(path);
  const isShown = !isHidden(path);
  group.style.display = title.style.display = isShown ? "" : "none";
  if (!isShown) return;
  for (const part of [group, title]) part.classList.toggle("folded", isFolded);
  group.setAttribute("aria-expanded", String(!isFolded));
  group.setAttribute("aria-label", `module ${path}, ${module.type}, ${module.nodes.length} nodes`);
  const [left, top, right, bottom] = at.modules[module.number];
  const [width, height] = [right - left, bottom - top];
  if (isFolded) standing.set(path, [left + width / 2, top + height / 2, width, height]);
  const place = { x: left, y: top, width, height };
  for (const [name, value] of Object.entries(place)) frame.setAttribute(name, value);
  for (const [name, value] of Object.entries({ ...place, height: isFolded ? height : 24 })) hit.setAttribute(name, value);
  text.setAttribute("x", isFolded ? left + width / 2 : left + 8);
  text.setAttribute("y", isFolded ? top + height / 2 + 4.5 : top + 16);
  write(text, `${isFolded ? "▸" : "▾"} ${titleOf(module)}`, width - 16);
}

/** The name without the path of the module around it, whose frame says that already; and the class. */
function titleOf({ path, parent, type }) {
  const isWithin = parent && (path.startsWith(`${parent}.`) || path.startsWith(`${parent}: `));
  const name = isWithin ? path.slice(parent.length + 1).trim() : path;
  return cut(["", name].includes(type) ? name : `${name}: ${type}`, 40);
}

function arrangeEdge(i, at) {
  const [from, to] = [standsFor(edges[i].source), standsFor(edges[i].target)];
  const isModule = typeof from === "string" || typeof to === "string";
  const ends = isModule ? `${from}|${to}` : i;
  const isShown = from !== to && !bundles.has(ends);
  if (from !== to) bundles.set(ends, [...(bundles.get(ends) ?? []), i]);
  if (isShown) drawnEdges[i] ??= drawEdge(i);
  if (!drawnEdges[i]) return;
  const { group, path, outer, chip } = drawnEdges[i];
  group.style.display = outer.style.display = isShown ? "" : "none";
  if (!isShown) return;
  let { points, label } = at.edges[i] ?? {};
  if (!points) {
    points = between(standing.get(from), standing.get(to), isModule ? null : i);
    label = [(points[0] + points[6]) / 2 + 3, (points[1] + points[7]) / 2];
  }
  path.setAttribute("d", `M${points.slice(0, 2)} C${points.slice(2)}`);
  chip.setAttribute("transform", `translate(${label})`);
}

/** A curve from the bottom of one box to the top of another; parallel ones side by side. */
function between(from, to, i) {
  const twins = i === null ? [i] : incoming[edges[i].target].filter((k) => edges[k].source === edges[i].source);
  const shift = (twins.indexOf(i) - (twins.length - 1) / 2) * 24;
  const [x0, y0, x1, y1] = [from[0] + shift, from[1] + from[3] / 2, to[0] + shift, to[1] - to[3] / 2];
  const bend = Math.max(24, Math.abs(y1 - y0) / 2);
  return [x0, y0, x0, y0 + bend, x1, y1 - bend, x1, y1];
}

function toggle(path) {
  if (!state.folded.delete(path)) state.folded.add(path);
  rearrange(path);
}

/** After folding: everything in sight as before if it was, otherwise the module where it was. */
function rearrange(path) {
  const middle = () => { const { x, y, width, height } = drawnModules.get(path).frame.getBBox(); return [x + width / 2, y + height / 2]; };
  const before = middle();
  arrange();
  paint();
  if (!state.isTouched && scaleToFit() >= LEGIBLE * 0.8) return fit();
  const after = middle();
  const [dx, dy] = [0, 1].map((k) => (before[k] - after[k]) * state.view.scale);
  move(state.view.x + dx, state.view.y + dy, state.view.scale);
}

const depthOf = (path) => ancestors(path).length;
const deepest = Math.max(0, ...[...modules.keys()].map(depthOf));

/** Fold all modules that stand in `depth` others or more. */
function foldFrom(depth) {
  state.folded = new Set([...modules.keys()].filter((path) => depthOf(path) > depth));
}

/** One level less, or more. */
function foldLevel(isMore) {
  const shown = [...modules.keys()].filter((path) => !isHidden(path) && state.folded.has(path) !== isMore);
  const depth = Math.max(...shown.map(depthOf));
  for (const path of shown) if (isMore && depthOf(path) === depth) state.folded.add(path); else if (!isMore) state.folded.delete(path);
  arrange(); paint(); fit();
}

/** As deep as it can be read when all of it is in sight. */
function foldForFirstSight() {
  let best = { scale: 0 };
  for (let depth = deepest; depth >= 0; depth--) {
    foldFrom(depth);
    const seen = new Set(nodes.map((_, i) => standsFor(i))).size;
    extent = placed();
    const scale = scaleToFit();
    if (seen <= 60 && scale >= LEGIBLE) return;
    if (seen <= 150 && scale > best.scale) best = { scale, depth };
  }
  foldFrom(best.depth ?? 0);
}

// --- pan and zoom ----------------------------------------------------------------------------------------------

function move(x, y, scale) {
  state.view = { x, y, scale };
  view.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
}

function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(4, Math.max(0.02, state.view.scale * factor));
  const ratio = scale / state.view.scale;
  move(x - (x - state.view.x) * ratio, y - (y - state.view.y) * ratio, scale);
}

const LEGIBLE = 0.6; // scale at which the letters of a box can be read
const sizeOfStage = () => [stage.clientWidth || 900, stage.clientHeight || 600];

function scaleToFit() {
  const [width, height] = sizeOfStage();
  return Math.min(1.5, (width - 40) / extent.width, (height - 30) / extent.height);
}

function fit() {
  const [[width, height], scale] = [sizeOfStage(), scaleToFit()];
  state.isTouched = false;
  move((width - extent.width * scale) / 2, (height - extent.height * scale) / 2, scale);
}

/** Everything if it can be read so, otherwise the end, where backward begins. */
function firstSight() {
  fit();
  if (state.view.scale < 0.3) {
    const [x, y] = standing.get(standsFor(trace.output));
    move(stage.clientWidth / 2 - x * 0.6, stage.clientHeight * 0.9 - y * 0.6, 0.6);
  }
}

function show(thing, scale = Math.max(state.view.scale, 0.7)) {
  const [x, y] = standing.get(thing);
  move(stage.clientWidth / 2 - x * scale, stage.clientHeight / 2 - y * scale, scale);
}

graph.addEventListener("wheel", (event) => {
  event.preventDefault();
  state.isTouched = true;
  const box = stage.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
const fingers = new Map();
let hasMoved = false;
graph.addEventListener("pointerdown", (event) => { fingers.set(event.pointerId, event); hasMoved = false; });
window.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers].find(([finger]) => finger !== event.pointerId)?.[1];
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (!hasMoved && !other && Math.hypot(dx, dy) < 4) return;
  hasMoved = state.isTouched = true;
  fingers.set(event.pointerId, event);
  if (other) {
    const distance = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
    const box = stage.getBoundingClientRect();
    zoom(distance(event) / Math.max(1, distance(before)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  } else move(state.view.x + dx, state.view.y + dy, state.view.scale);
});
for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, (event) => fingers.delete(event.pointerId));
graph.addEventListener("click", (event) => { if (hasMoved) event.stopPropagation(); }, true);
