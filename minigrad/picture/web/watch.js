// The page of a training: plots of all that was seen, a legend with the numbers of one step, and the words.

const { runs } = written; // of {name, history, judgement}: this one, and one beside it
const isPair = runs.length > 1;
const steps = [...new Set(runs.flatMap(({ history }) => history.steps))].sort((a, b) => a - b);
const HUES = [[59, 111, 182], [42, 157, 143], [191, 144, 20], [209, 96, 61], [178, 70, 140]]; // from input to loss
const chosen = { step: null, key: null, hovered: null };

runs.forEach((run, k) => {
  const { history, judgement } = run;
  run.steps = history.steps;
  run.places = steps.map((step) => (step < history.count ? nextTo(history.steps, step) : null));
  run.colour = isPair ? ["var(--chosen)", "var(--flow)"][k] : null; // else layers have colours
  run.worst = (plot) => judgement.faults.concat(judgement.notes).filter((symptom) => symptom.plot === plot).flatMap(({ lines }) => lines);
});
const latest = steps.findLastIndex((_, i) => runs.every(({ places }) => places[i] !== null)); // that all have come to
chosen.step = latest;

/** What the runs have of one kind, by name: name -> [that of each run, or undefined]. */
function together(kind) {
  const found = new Map();
  runs.forEach(({ history }, k) => {
    const named = Array.isArray(history[kind]) ? history[kind].map((one) => [one.name, one]) : Object.entries(history[kind]);
    for (const [name, one] of named) found.set(name, Object.assign(found.get(name) ?? runs.map(() => undefined), { [k]: one }));
  });
  return found;
}
const [parameters, relus, notes] = ["parameters", "relus", "notes"].map(together);

const layerOf = (name) => name.slice(0, Math.max(0, name.lastIndexOf(".")));
const layers = [...new Set([...parameters.keys()].map(layerOf))];
const hue = (k, count) => (isPair ? null : `rgb(${mix(HUES, count > 1 ? k / (count - 1) : 0)})`);
const dashOf = (name, shape) => (shape.length > 1 ? "" : name.endsWith("bias") ? "5 3" : "2 3");
const first = (ones) => ones.find((one) => one !== undefined);

const hues = new Map(); // key of a line -> its colour, where a run has none
for (const name of parameters.keys()) hues.set(`parameter ${name}`, hue(layers.indexOf(layerOf(name)), layers.length));
[...relus.keys()].forEach((name, k) => hues.set(`relu ${name}`, hue(k, relus.size + 1))); // there is mostly one behind each layer but the last

/** The lines of all runs: `pick` gives the values. */
const linesOf = (kind, all, pick, more = () => ({})) => [...all].flatMap(([name, ones]) => runs.flatMap((run, k) => {
  const key = `${kind} ${name}`;
  return ones[k] === undefined ? [] : [{ key, name, label: name, run, values: pick(ones[k]), colour: run.colour ?? hues.get(key), ...more(run, ones[k]) }];
}));

const plots = [];
function show(title, hint, lines, what, options) {
  if (lines.length) plots.push(plot(id("plots"), steps, title, hint, lines, tellingOf(lines, runs.flatMap((run) => run.worst(what))), options));
}
for (const [name, ones] of notes) {
  const known = ones.flatMap((values) => values ?? []).filter(isNumber);
  const isLog = known.length > 0 && known.every((v) => v > 0) && Math.max(...known) > 20 * Math.min(...known);
  show(name, "", linesOf("note", [[name, ones]], (values) => values, (run) => ({ label: isPair && run.name, kind: "noted" })), "notes", { isLog });
}
const ofParameters = (what) => linesOf("parameter", parameters, (one) => one[what], (_, { name, shape }) => ({ dash: dashOf(name, shape) }));
show("Gradient", "norm, before any clipping", ofParameters("gradient"), "gradient", { isLog: true });
show("Weights", "norm", ofParameters("weight"), "weights", { isLog: true });
show("Update / weights", "about 1e-3 is usual", ofParameters("update"), "update", { isLog: true, guide: 1e-3 });
show("Dead units of relus", "0 for a whole batch", linesOf("relu", relus, (one) => one.dead), "relus", { isShare: true });

// --- the legend ----------------------------------------------------------------------------------------------

const cells = []; // functions that write the numbers of a step
const rows = new Map(); // key of a line -> its row

function tableOf(caption, heads) {
  const table = make(id("legend"), "table");
  make(table, "caption", {}, caption);
  const head = make(make(table, "thead"), "tr");
  for (const text of heads) make(head, "th", { scope: "col" }, text);
  return make(table, "tbody");
}

/** A row of numbers, in each cell one below the other for the runs; a column gives the text of one at its own step. */
function rowOf(body, key, name, ones, dash, isFirst, columns) {
  const row = make(body, "tr", { class: `pick${isFirst ? " layer" : ""}`, tabindex: rows.size ? -1 : 0, "aria-label": name });
  const cell = make(row, "td");
  const swatch = make(cell, "svg", { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
  make(swatch, "line", { x1: 1, x2: 25, y1: 4, y2: 4, stroke: hues.get(key) ?? "var(--ink)", "stroke-width": 3, "stroke-dasharray": dash });
  make(cell, "span", {}, name);
  for (const text of columns) {
    const cell = make(row, "td");
    runs.forEach((run, k) => {
      const part = make(cell, "div");
      part.style.color = run.colour ?? "";
      cells.push((i) => { part.textContent = ones[k] && run.places[i] !== null ? text(ones[k], run.places[i]) : "–"; });
    });
  }
  rows.set(key, row);
  row.addEventListener("click", () => choose({ key: chosen.key === key ? null : key }));
  row.addEventListener("pointerenter", () => choose({ hovered: key }));
  row.addEventListener("pointerleave", () => choose({ hovered: null }));
  return cell;
}

function legend() {
  const body = tableOf("Parameters, from input to loss", ["", "gradient", "weights", "update"]);
  const columns = ["gradient", "weight", "update"].map((what) => (one, i) => (one[what][i] === null ? "–" : number(one[what][i], 3)));
  let layer = null;
  for (const [name, ones] of parameters) {
    const { shape, frozen } = first(ones);
    const cell = rowOf(body, `parameter ${name}`, name, ones, dashOf(name, shape), layer !== layerOf(name), columns);
    make(cell, "span", { class: "soft" }, ` ${shapeText(shape)}${frozen ? ", frozen" : ""}`);
    layer = layerOf(name);
  }
  if (!relus.size) return;
  const below = tableOf("Relus", ["", "units", "dead"]);
  for (const [name, ones] of relus) rowOf(below, `relu ${name}`, name, ones, "", false, [(one) => one.units, (one, i) => (one.dead[i] === null ? "–" : shareText(one.dead[i]))]);
}

// --- choosing a step and a line --------------------------------------------------------------------------------

function choose(change) {
  Object.assign(chosen, change);
  const key = chosen.hovered ?? chosen.key;
  for (const { svg, lines, mark } of plots) {
    mark(chosen.step, key);
    svg.classList.toggle("has-chosen", lines.some((line) => line.key !== key) && lines.some((line) => line.key === key));
    for (const path of svg.querySelectorAll("[data-line]")) path.classList.toggle("chosen", path.dataset.line === key);
  }
  for (const [name, row] of rows) row.classList.toggle("chosen", name === key);
  for (const write of cells) write(chosen.step);
  id("slider").value = chosen.step;
  id("slider").setAttribute("aria-valuetext", `step ${steps[chosen.step]}`);
  id("read").textContent = words(chosen.step, key);
}

function words(i, key) {
  const told = [`Step ${steps[i].toLocaleString("en")}`];
  const [kind, name] = key === null ? [] : [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];
  const ones = { parameter: parameters, relu: relus }[kind]?.get(name);
  const said = (of, text) => runs.flatMap((run, k) => {
    const value = of?.[k] === undefined || run.places[i] === null ? null : text(of[k], run.places[i]);
    return value === null ? [] : [isPair ? `${value} (${run.name})` : value];
  }).join(", ");
  for (const [note, values] of notes) {
    const text = said(values, (one, at) => (one[at] === null ? null : number(one[at])));
    if (text) told.push(`${note} ${text}`);
  }
  if (kind === "parameter") {
    const [gradient, weight, update] = ["gradient", "weight", "update"].map((what) => said(ones, (one, at) => number(one[what][at])));
    told.push(`${name}: norm of the gradient ${gradient || "none"}, of the weights ${weight || "none"}; update / weights ${update || "none"}`);
  } else if (kind === "relu") told.push(`${name}: ${said(ones, (one, at) => `${shareText(one.dead[at])} of ${one.units} units`) || "none"} dead`);
  else if (i === latest) told.push("point at a plot, or choose a line in the table, to read its numbers");
  return `${told.join(" · ")}.`;
}

function nextLine(direction) {
  const keys = [...rows.keys()];
  const at = keys.indexOf(chosen.key);
  const key = keys[at < 0 ? (direction > 0 ? 0 : keys.length - 1) : Math.max(0, Math.min(keys.length - 1, at + direction))];
  choose({ key, hovered: null });
  rows.get(key).scrollIntoView({ block: "nearest" });
  if (document.activeElement.closest("tr.pick")) rows.get(key).focus();
}

const stepTo = (i) => choose({ step: Math.max(0, Math.min(steps.length - 1, i)) });
const KEYS = {
  ArrowLeft: () => stepTo(chosen.step - 1), ArrowRight: () => stepTo(chosen.step + 1), Home: () => stepTo(0), End: () => stepTo(steps.length - 1),
  ArrowUp: () => nextLine(-1), ArrowDown: () => nextLine(1), Escape: () => choose({ key: null, hovered: null }),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key] || event.target.closest("button, input")) return;
  event.preventDefault();
  KEYS[event.key]();
});
id("slider").addEventListener("input", () => stepTo(Number(id("slider").value)));
id("print").addEventListener("click", () => window.print());
for (const { svg, nearest } of plots) {
  svg.addEventListener("pointermove", (event) => {
    const { i, key } = nearest(event);
    choose({ step: i, hovered: key });
  });
  svg.addEventListener("pointerleave", () => choose({ hovered: null }));
  svg.addEventListener("click", (event) => {
    const { key } = nearest(event);
    choose({ key: chosen.key === key ? null : key });
  });
}

// --- the first sight -------------------------------------------------------------------------------------------

for (const run of runs) {
  const { name, history, judgement } = run;
  const extent = make(id("extent"), "span", {}, `${history.count.toLocaleString("en")} step${history.count === 1 ? "" : "s"}, one in ${history.every} was looked at`);
  const said = make(id("symptoms"), "div");
  if (isPair) {
    extent.prepend(nameOf(run), ": ");
    make(said, "h2").append(nameOf(run));
  }
  for (const { words: sentence } of judgement.faults) make(said, "p", {}, sentence);
  if (!judgement.faults.length) make(said, "p", { class: "fine" }, judgement.fine);
  for (const { words: sentence } of judgement.notes) make(said, "p", { class: "noted" }, sentence);
}
id("slider").max = steps.length - 1;
legend();

/** The name of a run in its colour, as a key to the plots. */
function nameOf(run) {
  const name = document.createElement("b");
  name.className = "run";
  name.style.color = run.colour;
  name.textContent = run.name;
  return name;
}

function redraw() {
  const share = Number(id("smoothing").value) / 100;
  const span = Math.round(share * (steps.at(-1) - steps[0]));
  id("span").textContent = share ? `over ${span.toLocaleString("en")} step${span === 1 ? "" : "s"}` : "none";
  id("smoothing").setAttribute("aria-valuetext", id("span").textContent);
  const labels = plots.flatMap(({ lines, named }) => lines.filter(({ key, label }) => label && named.includes(key)).map(({ label }) => label));
  const widest = Math.max(...labels.map((label) => widthOf(label)), 0);
  for (const { svg, draw } of plots) draw(labels.length ? Math.min(widest + 18, LABEL.share * (svg.clientWidth || 400)) : 12, share);
  choose({});
}
redraw();
id("smoothing").addEventListener("input", redraw);
new ResizeObserver(redraw).observe(id("plots"));
for (const name of ["beforeprint", "afterprint"]) window.addEventListener(name, redraw);
