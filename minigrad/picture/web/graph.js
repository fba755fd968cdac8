// The graph: its data, its words, and the elements it is drawn with.

const { trace, layout, steps } = page;
const { nodes, edges } = trace;
const modules = new Map(trace.modules.map((module, number) => [module.path, { ...module, number, nodes: [] }]));
const incoming = nodes.map(() => []);
const outgoing = nodes.map(() => []);
edges.forEach((edge, i) => { incoming[edge.target].push(i); outgoing[edge.source].push(i); });
for (const node of nodes) for (const path of ancestors(node.scope)) modules.get(path).nodes.push(node.id);

const state = {
  pass: "backward", at: 0, timer: null, folded: new Set(), chosen: null, hovered: null, element: null, isTouched: false,
  matches: [], match: -1, view: { x: 0, y: 0, scale: 1 }, direction: "TB", printed: null,
};

// --- words ---------------------------------------------------------------------------------------------------

const flat = (values) => (Array.isArray(values) ? values.flat(Infinity) : [values]);
const nameOf = (node) => node.name || node.op || (node.kind === "output" ? "loss" : node.kind);
const seenName = (i) => {
  const thing = standsFor(i);
  return typeof thing === "string" ? titleOf(modules.get(thing)) : isOpen(i) ? nameOf(nodes[i]) : `${nameOf(nodes[i])} (${stepOf(i)})`;
};
const isNumber = (node) => node.kind === "constant" && /^([-+]?[\d.]|[-+]?(nan|inf)$|True$|False$|None$|\()/.test(node.name); // its name is its value
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

/** Text pressed into its box where a reader's font is wider than the layout's. */
function write(element, text, width) {
  if (element.textContent === text) return;
  element.textContent = text;
  press(element, width);
}

function press(element, width) {
  element.removeAttribute("textLength");
  if (element.textContent.length * 8 > width && element.getComputedTextLength() > width) {
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
  const lines = Math.round((h - 9) / 17);
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
  group.addEventListener("focus", () => hover(module.path));
  group.addEventListener("blur", () => hover(null));
  title.addEventListener("pointerenter", () => hover(module.path));
  title.addEventListener("pointerleave", () => hover(null));
  return [module.path, drawn];
}));
