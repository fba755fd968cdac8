// The controls: choosing, searching, keys and buttons; then the first sight.

function choose(thing) {
  if (state.chosen !== thing) state.element = null;
  state.chosen = thing;
  offerToTab();
  paint();
  tell();
}

/** Of all that is drawn, Tab leads to one thing: what stands for the chosen node, or for the first. */
function offerToTab() {
  const stop = elementOf(standsFor(state.chosen ?? 0));
  for (const element of graph.querySelectorAll("[tabindex]")) element.setAttribute("tabindex", element === stop ? 0 : -1);
}

/** One number of a small tensor, whose chain rule is then shown; null for none. */
function chooseElement(i, element) {
  Object.assign(state, { hovered: null, chosen: i, element });
  choose(i);
  id("panel").scrollTop = 0;
}

function hover(i) {
  const before = state.hovered ?? state.chosen;
  state.hovered = i;
  if ((i ?? state.chosen) !== before) tell(); // a panel made anew would lose the click that is on its way
}

function tell() {
  const thing = state.hovered ?? state.chosen;
  id("panel").replaceChildren();
  id("panel").classList.toggle("greeting", thing === null && state.at === 0);
  if (thing === null && state.at > 0) describeStep(id("panel"));
  else if (thing === null) greet(id("panel"));
  else if (typeof thing === "string") describeModule(id("panel"), modules.get(thing));
  else describe(id("panel"), nodes[thing]);
}

const searched = new Map(); // node -> all that a word may be found in, and its numbers
function searchedIn(node) {
  if (!searched.has(node.id)) {
    const told = [nameOf(node), node.op, node.kind, whereIs(node), node.formula, page.lines[node.line] ?? "", ...Object.values(node.rules), ...node.shapes.map(shapeText)];
    const numbers = [node.value, node.gradient].flat().filter((stats) => stats?.values != null).flatMap((stats) => flat(stats.values));
    searched.set(node.id, { text: told.join(" ").toLowerCase(), numbers: numbers.map((x) => number(x)) });
  }
  return searched.get(node.id);
}

/** A word in the texts of a node; a number also if it begins one of its numbers. */
function isIn(word, { text, numbers }) {
  return text.includes(word) || (/^-?\d/.test(word) && numbers.some((x) => x.startsWith(word)));
}

function search() {
  const words = id("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  state.matches = words.length ? nodes.filter((node) => words.every((word) => isIn(word, searchedIn(node)))).map((node) => node.id) : [];
  state.match = -1;
  id("found").textContent = words.length ? `${state.matches.length} found` : "";
  paint();
}

function nextMatch() {
  if (!state.matches.length) return;
  state.match = (state.match + 1) % state.matches.length;
  const i = state.matches[state.match];
  reveal(i);
  choose(i);
  show(i);
  id("found").textContent = `${state.match + 1} of ${state.matches.length}`;
}

/** The nearest thing in a direction, for the arrow keys. */
function neighbour(thing, dx, dy) {
  const [x, y] = standing.get(thing);
  let best = null;
  for (const [other, [u, v]] of standing) {
    const [along, across] = [(u - x) * dx + (v - y) * dy, Math.abs((u - x) * dy) + Math.abs((v - y) * dx)];
    const cost = along + 2 * across;
    if (along > 1 && (best === null || cost < best.cost)) best = { other, cost };
  }
  return best?.other ?? null;
}

const elementOf = (thing) => (typeof thing === "string" ? drawnModules.get(thing) : drawnNodes[thing]).group;

function keyInGraph(event) {
  const focused = event.target.closest("[data-node], [data-module]");
  if (!focused) return false;
  const thing = focused.dataset.module ?? Number(focused.dataset.node);
  const direction = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (direction) {
    const next = neighbour(thing, ...direction);
    if (next !== null) { elementOf(next).focus(); if (typeof next === "number") choose(next); keepInSight(next); }
  } else if (event.key === "Enter") {
    const path = typeof thing === "string" ? thing : nodes[thing].scope;
    if (!modules.has(path)) return false;
    toggle(path);
    const left = typeof thing === "string" && !state.folded.has(path) ? modules.get(path).nodes.find((i) => standing.has(i)) : path;
    if (left !== undefined) elementOf(left).focus();
  } else return false;
  return true;
}

function zoomBy(factor) {
  state.isTouched = true;
  zoom(factor);
}

const KEYS = {
  " ": () => play(), n: () => stepBy(1), p: () => stepBy(-1), f: fit, "+": () => zoomBy(1.25), "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8), t: turn, s: openMenu, "/": () => id("search").focus(), Home: () => go(0), End: () => go(passLength()),
  Escape: () => { if (menu.open) return closeMenu(); state.hovered = null; choose(null); },
};
/** Whether the control that has the focus wants a key for itself. */
function isTaken({ target, key }) {
  if (key === "Escape") return false;
  if (target.closest("button, summary")) return [" ", "Enter"].includes(key);
  if (target.id === "slider") return ["Home", "End"].includes(key);
  return target.closest("input, select") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTaken(event)) return;
  if (keyInGraph(event)) event.preventDefault();
  else if (KEYS[event.key]) { event.preventDefault(); KEYS[event.key](); }
});

id("search").addEventListener("input", search);
id("search").addEventListener("keydown", (event) => { if (event.key === "Enter") nextMatch(); });
id("colours").addEventListener("change", () => { colour(); paint(); });
id("speed").addEventListener("change", () => { if (state.timer !== null) { play(false); play(true); } });
id("slider").addEventListener("input", () => { play(false); go(Number(id("slider").value)); });
const BUTTONS = {
  smaller: () => zoomBy(0.8), larger: () => zoomBy(1.25), fit, print: () => window.print(), play: () => play(),
  first: () => { play(false); go(0); }, last: () => { play(false); go(passLength()); },
  previous: () => { play(false); stepBy(-1); }, next: () => { play(false); stepBy(1); },
  backward: () => choosePass("backward"), forward: () => choosePass("forward"),
  turn, descend, restore, fold: () => foldLevel(true), unfold: () => foldLevel(false),
};
for (const [name, action] of Object.entries(BUTTONS)) id(name).addEventListener("click", action);
window.addEventListener("beforeprint", () => {
  state.printed ??= { ...state.view };
  graph.setAttribute("viewBox", `0 0 ${extent.width} ${extent.height}`);
  move(0, 0, 1);
});
window.addEventListener("afterprint", () => {
  if (!state.printed) return;
  graph.removeAttribute("viewBox");
  move(state.printed.x, state.printed.y, state.printed.scale);
  state.printed = null;
});

foldForFirstSight();
arrange();
choose(null);
settle();
new ResizeObserver(() => { if (!state.isTouched && !state.printed) settle(); }).observe(graph);
