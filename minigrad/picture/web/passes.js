// The passes: what is known after each step, and how the graph and the story show it.

const PAUSE = 1100; // milliseconds between steps at single speed
const computed = nodes.filter((node) => ["op", "ghost", "output"].includes(node.kind)).map((node) => node.id);
const opAt = (at) => (state.pass === "backward" ? steps[at - 1]?.node : computed[at - 1]);
const passLength = () => (state.pass === "backward" ? steps.length : computed.length);

const keyOf = (edge) => `${edges[edge].source}:${edges[edge].output}`;

/** What is known after `at` steps backwards: per edge its contribution, per output of a node what arrived. */
function received(at) {
  const contributions = new Map();
  const sums = new Map(); // "node:output" -> {terms, sum}
  for (const step of steps.slice(0, at)) {
    for (const { edge, contribution, sum_after } of step.edges) {
      contributions.set(edge, contribution);
      const key = keyOf(edge);
      if (!sums.has(key)) sums.set(key, { terms: [] });
      sums.get(key).terms.push(contribution);
      sums.get(key).sum = sum_after;
    }
  }
  return { contributions, sums };
}

const expected = new Map(); // "node:output" -> how many contributions there will be
for (const [key, { terms }] of received(steps.length).sums) expected.set(key, terms.length);

/** "1 + 1 = 2" as it grows, or a norm and how much of it is there. */
function sumText(key, { terms, sum }, most = 2) {
  const missing = expected.get(key) - terms.length;
  if (sum.size > 1 || terms.length > 3) return brief(sum, most) + (missing ? `, ${terms.length} of ${expected.get(key)}` : "");
  const written = terms.map((term, k) => signed(brief(term), k)).join("") + (missing ? " + …" : "");
  return terms.length > 1 && !missing ? `${written} = ${brief(sum)}` : written;
}

const signed = (text, k) => (k === 0 ? text : text.startsWith("-") ? ` − ${text.slice(1)}` : ` + ${text}`);

function paint() {
  const isBackward = state.pass === "backward";
  document.body.classList.toggle("forward", !isBackward);
  const { contributions, sums } = received(isBackward ? state.at : 0);
  const now = opAt(state.at);
  const done = new Set(isBackward ? steps.slice(0, state.at).map((step) => step.node) : computed.slice(0, state.at));
  const known = (i) => isBackward || done.has(i) || !computed.includes(i);
  const shownSums = id("colours").value === "gradient" ? received(steps.length).sums : sums;
  for (const i of standing.keys()) if (typeof i === "number") paintNode(nodes[i], i, { now, done, known, sums: shownSums });
  for (const path of modules.keys()) paintModule(path, now, isBackward ? null : done);
  refreshMap();
  const going = now === undefined ? undefined : goOf(now);
  for (const bundle of bundles.values()) paintLine(bundle, { done, going, contributions, sums });
  id("slider").max = passLength();
  id("slider").value = state.at;
  id("slider").setAttribute("aria-valuetext", `${state.at} of ${passLength()}${now === undefined ? "" : `, ${seenName(now)}`}`);
  id("step").textContent = `${state.at} of ${passLength()}`;
  id("story").textContent = isBackward ? backwardStory(sums) : forwardStory();
}

function paintLine(bundle, { done, going, contributions, sums }) {
  const isBackward = state.pass === "backward";
  const flowed = bundle.filter((i) => (isBackward ? contributions.has(i) : state.at > 0 && done.has(edges[i].target)));
  const flowing = flowed.filter((i) => goOf(edges[i].target) === going);
  const drawn = drawnEdges[bundle[0]];
  for (const part of [drawn.group, drawn.outer]) {
    part.classList.toggle("flowed", flowed.length > 0);
    part.classList.toggle("flowing", flowing.length > 0);
  }
  const role = roleOf(bundle);
  const of = flowing.length || bundle.length > 1 ? flowing : flowed; // what is told of: along a line of several what flows now
  const told = !of.length ? "" : isBackward ? handedText(of, contributions, sums) : valueText(of[0], 3);
  const text = cut(told ? [role, told].filter(Boolean).join(": ") : role || shapesOf(bundle), 24);
  drawn.chip.style.display = text ? "" : "none";
  const isBold = flowed.length > 0; // the same text is then wider
  if (!text || (drawn.text.textContent === text && drawn.isBold === isBold)) return;
  drawn.isBold = isBold;
  drawn.text.textContent = "";
  write(drawn.text, text, 94);
  drawn.box.setAttribute("width", 12 + Math.min(94, drawn.text.getComputedTextLength() || text.length * 7));
}

/** What flows back along a line, if in several parts the sum, where these are all that has arrived. */
function handedText(flowed, contributions, sums) {
  if (flowed.length === 1) return brief(contributions.get(flowed[0]), 2, 3);
  const { terms, sum } = sums.get(keyOf(flowed[0]));
  const isAll = flowed.every((i) => keyOf(i) === keyOf(flowed[0])) && terms.length === flowed.length;
  return isAll ? brief(sum, 2, 3) : `${flowed.length} gradients`;
}

/** The step that a line leads to or comes from, or the argument that it feeds, where its op is in sight and has several. */
function roleOf(bundle) {
  const { target, argument } = edges[bundle[0]];
  if (carried[bundle[0]]) return "next step";
  if (bundle.isElsewhere) return stepElsewhere(bundle[0]);
  return bundle.length === 1 && standsFor(target) === target && incoming[target].length > 1 ? argument : "";
}

/** The shapes of what flows along a line, where the box that it comes from does not show them. */
function shapesOf(bundle) {
  const { source } = edges[bundle[0]];
  if (standsFor(source) === source && nodes[source].shapes.length === 1) return "";
  const shapes = new Map(bundle.map((i) => [keyOf(i), edges[i].shape]));
  return [...shapes.values()].filter((shape) => shape.length).map(shapeText).join(", ");
}

/** Forwards, a folded module waits until an op in it is done. */
function paintModule(path, now, done) {
  const { group, title } = drawnModules.get(path);
  const isWaiting = done !== null && standing.has(path) && !modules.get(path).nodes.some((i) => done.has(i));
  group.classList.toggle("current", now !== undefined && standsFor(now) === path);
  for (const part of [group, title]) part.classList.toggle("waiting", isWaiting);
}

function paintNode(node, i, { now, done, known, sums }) {
  const { group, title, name, what, gradient, width } = drawnNodes[i];
  const value = statsOf(node.value);
  const isPlain = isNumber(node);
  const small = value && value.size === 1 && known(i) ? brief(value) : null;
  const shapes = node.shapes.map(shapeText).join(" ");
  const isScalar = node.shapes.every((shape) => shape.length === 0);
  const told = isPlain ? "" : small === null ? (isScalar && value ? "" : shapes) : `= ${small}`;
  if (what.textContent !== `  ${told}` || !name.textContent) {
    name.textContent = cut(nameOf(node), 28);
    what.textContent = told && `\u2002${cut(told, 28)}`;
    press(title, width - 10);
  }
  const keys = node.shapes.map((_, output) => `${i}:${output}`).filter((key) => sums.has(key));
  const text = keys.length ? `grad ${keys.map((key) => sumText(key, sums.get(key))).join("; ")}` : "";
  write(gradient, text, width - 12);
  group.classList.toggle("untold", !text); // the title then stands in the middle
  group.classList.toggle("current", i === now);
  group.classList.toggle("done", done.has(i) || (state.pass === "backward" && isWhole(keys, sums)));
  group.classList.toggle("waiting", !known(i));
  group.classList.toggle("chosen", i === state.chosen);
  group.classList.toggle("found", state.matches.includes(i));
  const kind = nameOf(node) === node.kind ? "" : `${node.kind} `;
  group.setAttribute("aria-label", [kind + nameOf(node), isPlain ? "" : shapes, small === null || isPlain ? "" : `value ${small}`, text].filter(Boolean).join(", "));
}

const isWhole = (keys, sums) => keys.length > 0 && keys.every((key) => sums.get(key).terms.length === expected.get(key));

/** What stands in the graph for the op in play; null before the first step. */
function inPlay() {
  const i = opAt(state.at);
  return i === undefined ? null : standsFor(i);
}

/** The steps that are one look, [first, last]: all inside one folded module, otherwise a single one. */
function look() {
  let first = state.at;
  const playing = goOf(opAt(first));
  while (first > 1 && goOf(opAt(first - 1)) === playing) first--;
  return [first, state.at];
}

/** The pass after `at` steps, and in the panel the op that is in play then. */
function go(at) {
  state.at = Math.max(0, Math.min(passLength(), at));
  follow(opAt(state.at));
  state.hovered = null;
  choose(null);
  const thing = inPlay();
  if (thing === null) return;
  const joined = [...bundles.values()].flat().filter((i) => standsFor(edges[i].target) === thing).map((i) => standsFor(edges[i].source));
  keepInSight(thing, [...new Set(joined)]);
}

/** One step on, or over all that happens inside one folded module. */
function stopAfter(from, direction) {
  const goAt = (at) => { const i = opAt(at); return i === undefined ? null : goOf(i); };
  let at = from + direction;
  while (at > 0 && at < passLength() && goAt(at) === goAt(at + direction)) at += direction;
  return at;
}

const stepBy = (direction) => go(stopAfter(state.at, direction));

function play(isOn = state.timer === null) {
  clearInterval(state.timer);
  state.timer = null;
  if (isOn) {
    state.timer = 0; // the first step is seen to happen, too
    if (state.at >= passLength()) go(0);
    stepBy(1);
    state.timer = setInterval(() => (state.at >= passLength() ? play(false) : stepBy(1)), PAUSE / Number(id("speed").value));
  }
  id("play").textContent = isOn ? "❚❚ Pause" : "▶\uFE0E Play";
}

function choosePass(pass) {
  play(false);
  state.pass = pass;
  for (const name of ["backward", "forward"]) id(name).setAttribute("aria-pressed", String(name === pass));
  go(0);
}
