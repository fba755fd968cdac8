// The passes: what is known after each step, and how the graph and the story show it.

const computed = nodes.filter((node) => ["op", "ghost", "output"].includes(node.kind)).map((node) => node.id);
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
  const now = isBackward ? steps[state.at - 1]?.node : computed[state.at - 1];
  const done = new Set(isBackward ? steps.slice(0, state.at).map((step) => step.node) : computed.slice(0, state.at));
  const known = (i) => isBackward || done.has(i) || !computed.includes(i);
  const shownSums = id("colours").value === "gradient" ? received(steps.length).sums : sums;
  for (const i of standing.keys()) if (typeof i === "number") paintNode(nodes[i], i, { now, done, known, sums: shownSums });
  for (const path of modules.keys()) paintModule(path, now, isBackward ? null : done);
  for (const bundle of bundles.values()) {
    const hasFlowed = (i) => (isBackward ? contributions.has(i) : state.at > 0 && done.has(edges[i].target));
    const flowing = bundle.find((i) => edges[i].target === now && hasFlowed(i));
    const last = flowing ?? bundle.find(hasFlowed);
    const i = last ?? bundle[0];
    const drawn = drawnEdges[bundle[0]];
    for (const part of [drawn.group, drawn.outer]) {
      part.classList.toggle("flowed", last !== undefined);
      part.classList.toggle("flowing", flowing !== undefined);
    }
    const told = isBackward ? brief(contributions.get(i), 2, 3) : valueText(i, 3);
    const role = carried[bundle[0]] ? "next step" : bundle.isElsewhere ? stepElsewhere(bundle[0]) : bundle.length > 1 ? `${bundle.length} edges` : incoming[edges[i].target].length > 1 ? edges[i].argument : "";
    const text = last !== undefined && told && (bundle.length === 1 || flowing !== undefined) ? (role && bundle.length === 1 ? `${role}: ${told}` : told) : role;
    drawn.chip.style.display = text ? "" : "none";
    if (text && drawn.text.textContent !== cut(text, 24)) {
      write(drawn.text, cut(text, 24), 94);
      drawn.box.setAttribute("width", 12 + Math.min(94, drawn.text.getComputedTextLength() || text.length * 7));
    }
  }
  id("slider").max = passLength();
  id("slider").value = state.at;
  id("slider").setAttribute("aria-valuetext", `${state.at} of ${passLength()}${now === undefined ? "" : `, ${nameOf(nodes[now])}`}`);
  id("step").textContent = `${state.at} of ${passLength()}`;
  id("story").textContent = isBackward ? backwardStory(sums) : forwardStory();
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
  const isPlain = node.kind === "constant" && node.name;
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
  group.setAttribute("aria-label", `${node.kind} ${nameOf(node)}, ${shapes}${small === null ? "" : `, value ${small}`}${text ? `, ${text}` : ""}`);
}

const isWhole = (keys, sums) => keys.length > 0 && keys.every((key) => sums.get(key).terms.length === expected.get(key));

const equals = (stats) => (brief(stats).startsWith("norm") ? `of ${brief(stats)}` : `= ${brief(stats)}`);
const withNorm = (stats) => (brief(stats).startsWith("norm") ? `a gradient of ${brief(stats)}` : brief(stats));

function backwardStory(sums) {
  if (!steps.length) return "No gradients were computed for this page.";
  if (state.at === 0) return "The loss stands at the end. Press Play, or step, to see each op hand its gradient on to what it was made from, until the leaves hold theirs.";
  const step = steps[state.at - 1];
  const node = nodes[step.node];
  if (node.kind === "output") return `It begins with the derivative of the loss by itself: ${brief(step.edges[0].contribution)}.`;
  const own = [...sums.keys()].filter((key) => key.startsWith(`${node.id}:`)).map((key) => sumText(key, sums.get(key), 4)).join("; ");
  const met = received(state.at - 1).sums;
  const sent = step.edges.map(({ edge, contribution, sum_after }) => {
    const [{ argument }, key] = [edges[edge], keyOf(edge)];
    const arrived = { terms: [...(met.get(key)?.terms ?? []), contribution], sum: sum_after };
    met.set(key, arrived);
    const name = nameOf(nodes[edges[edge].source]);
    const rule = node.rules[argument];
    const isWhole = arrived.terms.length === expected.get(key);
    const gathered = expected.get(key) > 1 && sum_after.size === 1 ? ` (${sumText(key, arrived)}${isWhole ? "" : " so far"})` : "";
    return `${rule && rule.length <= 44 ? `${rule} ${equals(contribution)}` : withNorm(contribution)} to its ${argument}, ${name}${gathered}`;
  });
  const end = state.at === steps.length ? " That was the last step: every leaf holds its .grad." : "";
  return `${nameOf(node)} has its whole gradient, g ${own.startsWith("norm") ? "of" : "="} ${own}. It hands on ${sent.join("; ")}.${end}`;
}

/** What an edge carries forwards: its numbers if they are few, otherwise its shape. */
function valueText(edge, digits = 4) {
  const stats = statsOf(nodes[edges[edge].source].value, edges[edge].output);
  return stats && stats.size <= 2 ? brief(stats, 2, digits) : shapeText(edges[edge].shape);
}

function forwardStory() {
  if (state.at === 0) return "The leaves and constants are given. Press Play, or step, to see each op compute its value.";
  const node = nodes[computed[state.at - 1]];
  const given = incoming[node.id].map((i) => `${edges[i].argument} = ${valueText(i)}`);
  if (node.kind === "output") return `The loss is ${given.join(", ").replace(/^ = /, "")}.`;
  const value = statsOf(node.value);
  const result = value && value.size <= 2 ? brief(value) : node.shapes.map(shapeText).join(" and ");
  return `${node.op} takes ${given.join(", ")} and gives ${result}${node.formula ? `: ${node.formula}` : ""}`;
}

function go(at) {
  state.at = Math.max(0, Math.min(passLength(), at));
  follow(state.pass === "backward" ? steps[state.at - 1]?.node : computed[state.at - 1]);
  paint();
}

/** One step on, or over all that happens inside one folded module. */
function stepBy(direction) {
  const thing = (at) => {
    const node = state.pass === "backward" ? steps[at - 1]?.node : computed[at - 1];
    return node === undefined ? null : standsFor(node);
  };
  let at = state.at + direction;
  while (at > 0 && at < passLength() && typeof thing(at) === "string" && thing(at) === thing(at + direction)) at += direction;
  go(at);
  if (thing(state.at) !== null) keepInSight(thing(state.at));
}

function play(isOn = state.timer === null) {
  clearInterval(state.timer);
  state.timer = null;
  if (isOn) {
    if (state.at >= passLength()) go(0);
    stepBy(1);
    state.timer = setInterval(() => (state.at >= passLength() ? play(false) : stepBy(1)), 1100);
  }
  id("play").textContent = isOn ? "❚❚ Pause" : "▶\uFE0E Play";
}

function choosePass(pass) {
  play(false);
  state.pass = pass;
  for (const name of ["backward", "forward"]) id(name).setAttribute("aria-pressed", String(name === pass));
  go(0);
}

// --- colours by gradient norm ------------------------------------------------------------------------------------

const STOPS = [[255, 247, 214], [254, 204, 92], [253, 141, 60], [214, 40, 40], [92, 0, 70]]; // light is small
const normOf = (node) => (node.gradient ? Math.hypot(...[node.gradient].flat().filter(Boolean).map((stats) => stats.norm)) : null);

/** Of a folded module: the norm of the gradients of all its parameters together. */
function normOfModule({ nodes: members }) {
  const norms = members.map((i) => nodes[i]).filter(({ kind, gradient }) => kind === "parameter" && gradient).map(normOf);
  return norms.length ? Math.hypot(...norms) : null;
}

function colour() {
  const isByGradient = id("colours").value === "gradient";
  const norms = nodes.map(normOf);
  const logs = norms.filter((norm) => norm > 0).map(Math.log10);
  const low = logs.reduce((a, b) => Math.min(a, b), Infinity);
  const high = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const fill = (shape, texts, norm) => {
    const share = high > low ? (Math.log10(norm) - low) / (high - low) : 0.5;
    const rgb = norm > 0 ? mix(STOPS, share) : [255, 255, 255];
    const isColoured = isByGradient && norm !== null;
    shape.style.fill = isColoured ? `rgb(${rgb})` : "";
    for (const text of texts) text.style.fill = isColoured ? (share > 0.6 && norm > 0 ? "white" : "#1f2933") : "";
  };
  drawnNodes.forEach(({ shape, group }, i) => fill(shape, group.querySelectorAll("text, tspan"), norms[i]));
  for (const [path, { frame, text }] of drawnModules) fill(frame, [text], state.folded.has(path) ? normOfModule(modules.get(path)) : null);
  const legend = id("legend");
  legend.replaceChildren();
  legend.hidden = !isByGradient || !logs.length;
  if (legend.hidden) return;
  make(legend, "span", {}, `gradient norm ${number(10 ** low)}`);
  make(legend, "span", { class: "legend-bar" }).style.background = `linear-gradient(90deg, ${STOPS.map((stop) => `rgb(${stop})`)})`;
  make(legend, "span", {}, `${number(10 ** high)}; zero is white`);
}
