// Folding: each fold state as Graphviz laid it out; a state that is not there is squeezed out of the first.

// direction -> its states
const directions = { TB: layout.states, LR: layout.across };
const laidOut = Object.fromEntries(Object.entries(directions).map(([direction, states]) => [direction, new Map(states.map((one) => [one.folded.join(), one]))]));
const unfolded = () => directions[state.direction][0]; // nothing is folded
let extent = { width: unfolded().width, height: unfolded().height };
let bundles = new Map(); // what is drawn as one line -> its edges, the first of which is drawn
let standing = new Map(); // id of a node, or path of a folded module -> [x, y, width, height]

const foldedAround = (i) => ancestors(nodes[i].scope).find((path) => state.folded.has(path));
const isUnfolded = (path) => !state.folded.has(path) && !isHidden(path);

/** What stands for a node: the outermost folded module around it, or itself, or its twin in the step that is open. */
function standsFor(i) {
  return foldedAround(i) ?? openTwin(nodes[i]);
}

function isHidden(path) {
  return ancestors(path).slice(0, -1).some((above) => state.folded.has(above));
}

/** The layout of what is folded now, in the form of `layout_of` in layout.py. */
function placed() {
  const folded = [...state.folded].filter((path) => !isHidden(path));
  const key = folded.map((path) => modules.get(path).number).sort((a, b) => a - b).join();
  return laidOut[state.direction].get(key) ?? squeezed(folded);
}

/** Where a folded module stands: amid its ops, so that data goes on flowing downwards. */
function middleOf(path) {
  const whole = unfolded();
  const { nodes: all, number: k } = modules.get(path);
  const members = all.filter((i) => nodes[i].twin === i);
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
  const whole = unfolded();
  const places = new Map(folded.map((path) => [path, [...middleOf(path), ...layout.boxes[modules.get(path).number]]]));
  for (const { id: i, twin } of nodes) if (twin === i && foldedAround(i) === undefined) places.set(i, [...whole.nodes[i], ...layout.sizes[i]]);
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
    const edge = found.nodes[nodes[source].twin] && found.nodes[nodes[target].twin] && whole.edges[i];
    if (edge) found.edges[i] = { points: moved(edge.points), label: moved(edge.label) };
  });
  return found;
}

function arrange() {
  const at = placed();
  extent = { width: at.width, height: at.height };
  standing = new Map();
  nodes.forEach(({ twin }, i) => {
    const place = isOpen(i) ? at.nodes[twin] : undefined;
    if (place) drawnNodes[i] ??= drawNode(i);
    if (drawnNodes[i]) drawnNodes[i].group.style.display = place ? "" : "none";
    if (!place) return;
    standing.set(i, [...place, ...layout.sizes[i]]);
    drawnNodes[i].group.setAttribute("transform", `translate(${place})`);
  });
  for (const path of modules.keys()) arrangeModule(path, at);
  bundle();
  const first = new Set([...bundles.values()].map(([i]) => i));
  drawnEdges.forEach(({ group, outer }, i) => { if (!first.has(i)) group.style.display = outer.style.display = "none"; });
  for (const ends of bundles.values()) arrangeEdges(ends, at);
  colour();
  offerToTab();
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
  group.setAttribute("aria-label", [`module ${pathNow(path)}`, module.type, `${module.nodes.filter(isOpen).length} nodes`].filter(Boolean).join(", "));
  const [left, top, right, bottom] = at.modules[module.number];
  const [width, height] = [right - left, bottom - top];
  if (isFolded) standing.set(path, [left + width / 2, top + height / 2, width, height]);
  const place = { x: left, y: top, width, height };
  for (const [name, value] of Object.entries(place)) frame.setAttribute(name, value);
  for (const [name, value] of Object.entries({ ...place, height: isFolded ? height : 24 })) hit.setAttribute(name, value);
  text.setAttribute("x", isFolded ? left + width / 2 : left + 8);
  text.setAttribute("y", isFolded ? top + height / 2 + 4.5 : top + 16);
  write(text, `${isFolded ? "▸" : "▾"} ${titleOf(module)}`, width - 16 - (module.roll && !isFolded ? widthOfSteps(module.roll) : 0));
  if (module.roll) arrangeSteps(module.roll, isFolded, right, top);
}

/** The name without the path of the module around it, whose frame says that already; and the class. */
function titleOf({ path, parent, type, roll }) {
  const [shown, above] = [pathNow(path), parent && pathNow(parent)];
  const isWithin = above && (shown.startsWith(`${above}.`) || shown.startsWith(`${above}: `));
  const name = isWithin ? shown.slice(above.length + 1).trim() : shown;
  const title = ["", name].includes(type) ? name : `${name}: ${type}`;
  const times = roll && type ? ` × ${roll.steps.toLocaleString("en")}` : "";
  return cut(title, 40) + times + (roll?.is_chain ? " in a chain" : "");
}

/** The lines that are drawn, each with the edges it stands for: of those that are alike, the ones of the open steps. */
function bundle() {
  const told = new Map();
  edges.forEach(({ source, target }, i) => {
    const [from, to] = [standsFor(source), standsFor(target)];
    const isModule = typeof from === "string" || typeof to === "string";
    if (from === to && (isModule || !carried[i])) return;
    const key = isModule || carried[i] ? `${from}|${to}|${carried[i]}` : sampleOf[i];
    const seen = isOpen(source) + isOpen(target);
    if (!told.has(key) || told.get(key).seen < seen) told.set(key, { seen, members: [] });
    if (told.get(key).seen === seen) told.get(key).members.push(i);
  });
  bundles = new Map([...told].map(([key, { seen, members }]) => [key, Object.assign(members, { isElsewhere: seen < 2 && !carried[members[0]] })]));
}

function arrangeEdges(ends, at) {
  const [i] = ends;
  const { source, target } = edges[i];
  const [from, to] = [standsFor(source), standsFor(target)];
  drawnEdges[i] ??= drawEdge(i);
  const { group, path, outer, chip } = drawnEdges[i];
  group.style.display = outer.style.display = "";
  group.classList.toggle("carried", carried[i]);
  group.classList.toggle("elsewhere", ends.isElsewhere);
  let { points, label } = at.edges[sampleOf[i]] ?? {};
  if (!points) {
    const isModule = typeof from === "string" || typeof to === "string";
    points = carried[i] ? around(standing.get(from), standing.get(to)) : between(standing.get(from), standing.get(to), isModule ? null : i);
    const middle = [0, 1].map((k) => (points[k] + 3 * points[k + 2] + 3 * points[k + 4] + points[k + 6]) / 8);
    label = state.direction === "LR" ? [middle[0] - 40, middle[1] + (carried[i] ? 12 : -12)] : [middle[0] + 3, middle[1]];
  }
  path.setAttribute("d", `M${points.slice(0, 2)} C${points.slice(2)}`);
  chip.setAttribute("transform", `translate(${label})`);
}

/** A curve back, beside the boxes or below them. */
function around(from, to) {
  if (state.direction === "LR") {
    const [y0, y1] = [from[1] + from[3] / 2, to[1] + to[3] / 2];
    const beyond = Math.max(y0, y1) + 60;
    return [from[0] + 10, y0, from[0] + 30, beyond, to[0] - 30, beyond, to[0] - 10, y1];
  }
  const [x0, x1] = [from[0] + from[2] / 2, to[0] + to[2] / 2];
  const beyond = Math.max(x0, x1) + 60;
  return [x0, from[1] + 5, beyond, from[1] + 25, beyond, to[1] - 25, x1, to[1] - 5];
}

/** A curve from one box to the next one down, or to the right; parallel ones side by side. */
function between(from, to, i) {
  const twins = i === null ? [i] : incoming[edges[i].target].filter((k) => edges[k].source === edges[i].source);
  const shift = (twins.indexOf(i) - (twins.length - 1) / 2) * (state.direction === "LR" ? 12 : 24);
  if (state.direction === "LR") {
    const [x0, y0, x1, y1] = [from[0] + from[2] / 2, from[1] + shift, to[0] - to[2] / 2, to[1] + shift];
    const bend = Math.max(24, Math.abs(x1 - x0) / 2);
    return [x0, y0, x0 + bend, y0, x1 - bend, y1, x1, y1];
  }
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
  if (!state.isTouched && scaleToFit() >= LEGIBLE) return fit();
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
  arrange(); paint(); settle();
}
