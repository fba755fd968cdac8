// The page of a training: plots of all that was seen, a legend with the numbers of one step, and the words.

const { history, judgement } = written;
const { steps, parameters, relus, notes } = history;
const HUES = [[59, 111, 182], [42, 157, 143], [191, 144, 20], [209, 96, 61], [178, 70, 140]]; // from input to loss
const chosen = { step: steps.length - 1, key: null, hovered: null };

const layerOf = (name) => name.slice(0, Math.max(0, name.lastIndexOf(".")));
const layers = [...new Set(parameters.map(({ name }) => layerOf(name)))];
const hue = (k, count) => `rgb(${mix(HUES, count > 1 ? k / (count - 1) : 0)})`;
const dashOf = (name, shape) => (shape.length > 1 ? "" : name.endsWith("bias") ? "5 3" : "2 3");

const linesOf = (what) => parameters.map((parameter) => ({
  key: `parameter ${parameter.name}`, name: parameter.name, values: parameter[what],
  colour: hue(layers.indexOf(layerOf(parameter.name)), layers.length), dash: dashOf(parameter.name, parameter.shape),
}));
const reluLines = relus.map((relu, k) => ({
  key: `relu ${relu.name}`, name: relu.name, values: relu.dead, dash: "",
  colour: hue(k, relus.length + 1), // there is mostly one behind each layer but the last
}));

const plots = [];
for (const [name, values] of Object.entries(notes)) {
  const known = values.filter(isNumber);
  const isLog = known.length > 0 && known.every((v) => v > 0) && Math.max(...known) > 20 * Math.min(...known);
  plots.push(plot(id("plots"), steps, name, "", [{ key: `note ${name}`, name, values, kind: "noted" }], { isLog }));
}
const show = (title, hint, lines, options) => { if (lines.length) plots.push(plot(id("plots"), steps, title, hint, lines, options)); };
show("Gradient", "norm, before any clipping", linesOf("gradient"), { isLog: true });
show("Weights", "norm", linesOf("weight"), { isLog: true });
show("Update / weights", "about 1e-3 is usual", linesOf("update"), { isLog: true, guide: 1e-3 });
show("Dead units of relus", "share of units at 0 for a whole batch", reluLines, { isShare: true });

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

function rowOf(body, line, isFirst, columns) {
  const row = make(body, "tr", { class: `pick${isFirst ? " layer" : ""}`, tabindex: rows.size ? -1 : 0, "aria-label": line.name });
  const cell = make(row, "td");
  const swatch = make(cell, "svg", { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
  make(swatch, "line", { x1: 1, x2: 25, y1: 4, y2: 4, stroke: line.colour, "stroke-width": 3, "stroke-dasharray": line.dash });
  make(cell, "span", {}, line.name);
  for (const text of columns) {
    const one = make(row, "td");
    cells.push((i) => { one.textContent = text(i); });
  }
  rows.set(line.key, row);
  row.addEventListener("click", () => choose({ key: chosen.key === line.key ? null : line.key }));
  row.addEventListener("pointerenter", () => choose({ hovered: line.key }));
  row.addEventListener("pointerleave", () => choose({ hovered: null }));
  return cell;
}

function legend() {
  const body = tableOf("Parameters, from input to loss", ["", "gradient", "weights", "update"]);
  linesOf("gradient").forEach((line, k) => {
    const { name, shape, frozen } = parameters[k];
    const at = (what) => (i) => (parameters[k][what][i] === null ? "–" : number(parameters[k][what][i], 3));
    const isFirst = k === 0 || layerOf(name) !== layerOf(parameters[k - 1].name);
    const cell = rowOf(body, line, isFirst, [at("gradient"), at("weight"), at("update")]);
    make(cell, "span", { class: "soft" }, ` ${shapeText(shape)}${frozen ? ", frozen" : ""}`);
  });
  if (!relus.length) return;
  const below = tableOf("Relus", ["", "units", "dead"]);
  reluLines.forEach((line, k) => rowOf(below, line, false, [() => relus[k].units, (i) => (line.values[i] === null ? "–" : shareText(line.values[i]))]));
}

// --- choosing a step and a line --------------------------------------------------------------------------------

function choose(change) {
  Object.assign(chosen, change);
  const key = chosen.hovered ?? chosen.key;
  for (const { svg, lines, mark } of plots) {
    mark(chosen.step, key);
    svg.classList.toggle("has-chosen", lines.length > 1 && lines.some((line) => line.key === key));
    for (const path of svg.querySelectorAll(".line")) path.classList.toggle("chosen", path.dataset.line === key);
  }
  for (const [name, row] of rows) row.classList.toggle("chosen", name === key);
  for (const write of cells) write(chosen.step);
  id("slider").value = chosen.step;
  id("slider").setAttribute("aria-valuetext", `step ${steps[chosen.step]}`);
  id("read").textContent = words(chosen.step, key);
}

function words(i, key) {
  const told = [`Step ${steps[i].toLocaleString("en")}`];
  for (const [name, values] of Object.entries(notes)) if (values[i] !== null) told.push(`${name} ${number(values[i])}`);
  const parameter = parameters.find(({ name }) => key === `parameter ${name}`);
  const relu = relus.find(({ name }) => key === `relu ${name}`);
  if (parameter) {
    const [gradient, weight, update] = ["gradient", "weight", "update"].map((what) => number(parameter[what][i]));
    told.push(`${parameter.name}: norm of the gradient ${gradient}, of the weights ${weight}; update / weights ${update}`);
  } else if (relu) told.push(`${relu.name}: ${shareText(relu.dead[i])} of ${relu.units} units dead`);
  else if (i === steps.length - 1) told.push("point at a plot, or choose a line in the table, to read its numbers");
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
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key] || event.target.closest("button, #slider")) return;
  event.preventDefault();
  KEYS[event.key]();
});
id("slider").addEventListener("input", () => stepTo(Number(id("slider").value)));
id("print").addEventListener("click", () => window.print());
for (const { svg, nearest } of plots) {
  svg.addEventListener("pointermove", (event) => {
    const { i, key } = nearest(event.clientX, event.clientY);
    choose({ step: i, hovered: key });
  });
  svg.addEventListener("pointerleave", () => choose({ hovered: null }));
  svg.addEventListener("click", (event) => {
    const { key } = nearest(event.clientX, event.clientY);
    choose({ key: chosen.key === key ? null : key });
  });
}

// --- the first sight -------------------------------------------------------------------------------------------

id("extent").textContent = `${history.count.toLocaleString("en")} steps, one in ${history.every} was looked at`;
for (const { words: sentence } of judgement.faults) make(id("symptoms"), "p", {}, sentence);
if (!judgement.faults.length) make(id("symptoms"), "p", { class: "fine" }, judgement.fine);
for (const { words: sentence } of judgement.notes) make(id("symptoms"), "p", { class: "noted" }, sentence);
id("slider").max = steps.length - 1;
legend();
function redraw() {
  for (const { draw } of plots) draw();
  choose({});
}
redraw();
new ResizeObserver(redraw).observe(id("plots"));
for (const name of ["beforeprint", "afterprint"]) window.addEventListener(name, redraw);
