// The panel: all that is known of one node or module, in words, numbers and pictures.

const COLD = [[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]]; // blue, white at 0, red

function describe(panel, node) {
  heading(panel, nameOf(node), homeOf(node));
  const zoomed = state.chosen === node.id ? state.element : null;
  if (zoomed) tensor(panel, zoomed.which === "value" ? "Value" : gradientTitle(node), node, zoomed.which, () => zoomOrEdit(panel, node, zoomed));
  sourceLine(panel, node);
  if (node.formula) law(panel, node);
  facts(panel, node);
  const causes = page.why[node.id];
  if (causes) make(panel, "p", { class: "why" }, causes);
  const rules = Object.entries(node.rules);
  if (rules.length) make(panel, "h3", {}, "Derivative rules, g being its gradient and y its output");
  for (const [argument, rule] of rules) ruleLine(panel, node, argument, rule);
  if (zoomed?.which !== "value") tensor(panel, "Value", node, "value");
  if (zoomed?.which !== "gradient") tensor(panel, gradientTitle(node), node, "gradient");
  if (node.cut) make(panel, "p", { class: "why" }, `No gradient passes here: ${node.cut}.`);
}

function zoomOrEdit(panel, node, element) {
  editor(panel, node, element);
  if (canZoom(node, element.output)) scalarZoom(panel, node, element);
}

function ruleLine(panel, node, argument, rule) {
  const found = node.mathematics.rules?.[argument];
  if (found) lawLine(make(panel, "div", { class: "law" }), found);
  else make(panel, "p", {}).append(`to ${argument}: `, code(rule));
}

/** What a module holds, and the gradient of each of its parameters. */
function describeModule(panel, { path, type, nodes: members }) {
  const inside = members.filter(isOpen).map((i) => nodes[i]);
  const count = (kind, word) => { const n = inside.filter((node) => node.kind === kind).length; return n ? `${n} ${word}${n > 1 ? "s" : ""}` : ""; };
  heading(panel, pathNow(path), ["module", type].filter(Boolean).join(" "));
  const list = make(panel, "dl");
  const add = (name, text) => { make(list, "dt", {}, name); make(list, "dd", {}, text); };
  add("holds", [count("parameter", "parameter"), count("op", "op"), count("ghost", "op") && `${count("ghost", "op")} without gradient`].filter(Boolean).join(", "));
  add("saved for backward", bytes(inside.reduce((sum, node) => sum + node.saved_bytes, 0)));
  const seconds = inside.reduce((sum, node) => sum + (node.seconds ?? 0), 0);
  if (seconds) add("time", `${number(seconds * 1e6)} µs`);
  const owned = inside.filter((node) => node.kind === "parameter");
  if (owned.length) make(panel, "h3", {}, "Gradient norms of its parameters");
  for (const node of owned) make(panel, "p", {}, `${nameOf(node)} ${node.shapes.map(shapeText).join(" ")}: ${number(normOf(node))}`);
  make(panel, "p", { class: "soft" }, `Click its title, or press Enter on it, to ${state.folded.has(path) ? "open" : "fold"} it.`);
}

function greet(panel) {
  make(panel, "h2", {}, "About this page");
  const counts = new Map();
  for (const { kind } of nodes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const words = { op: ["op", "in rounded boxes"], parameter: ["parameter", "as pills"], leaf: ["leaf", "without a name, as hexagons"], constant: ["constant", "in grey boxes"], ghost: ["ghost", "dashed: ops without gradient"], output: ["loss", "in a thick frame"] };
  for (const [kind, count] of counts) make(panel, "p", {}, `${count} ${words[kind][0]}${count > 1 ? "s" : ""}, ${words[kind][1]}`.replace("leafs", "leaves"));
  for (const note of page.notes) make(panel, "p", { class: "why" }, note);
  make(panel, "h3", {}, "With the mouse");
  make(panel, "p", { class: "soft" }, "Point at a node to read about it, click to keep it here until the next step. Drag to move, wheel or pinch to zoom. Click the title of a module to fold it. Click a number of a small tensor to see the chain rule for that element.");
  make(panel, "h3", {}, "With the keyboard");
  make(panel, "p", { class: "soft" }, "Space plays, N and P step, Home and End go to the ends, F shows everything, T turns the graph, + and − zoom, S saves, / searches. In the graph, arrows go from node to node and Enter folds.");
}

function code(text) {
  const element = document.createElement("code");
  element.textContent = text;
  return element;
}

function facts(panel, node) {
  const list = make(panel, "dl");
  const add = (name, text) => { if (text) { make(list, "dt", {}, name); make(list, "dd", {}, text); } };
  add("shape", node.shapes.map(shapeText).join(", "));
  add("dtype", [...new Set(node.dtypes)].join(", "));
  for (const [name, text] of Object.entries(node.options)) if (!["None", "False"].includes(text)) add(name, text);
  add("saved for backward", node.saved_bytes ? [`${bytes(node.saved_bytes)}`, node.saved.join(", ")].filter(Boolean).join(": ") : "");
  add("time", node.seconds ? `${number(node.seconds * 1e6)} µs` : "");
}

const bytes = (count) => (count < 1e4 ? `${count} bytes` : count < 1e7 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`);

function gradientTitle(node) {
  return ["parameter", "leaf"].includes(node.kind) ? "Gradient: its .grad" : "Gradient of the loss by it";
}

/** A value or gradient; `below` is told right after its numbers. */
function tensor(panel, title, node, which, below = null) {
  [node[which]].flat().forEach((stats, output, all) => {
    if (!stats) return;
    make(panel, "h3", {}, all.length > 1 ? `${title}, output ${output}` : title);
    const section = make(panel, "div", { class: which });
    if (stats.values !== null && stats.values !== undefined) grid(section, node, output, which, stats);
    else {
      const heat = page.heat[node.id]?.[which]?.[output];
      if (heat) heatMap(section, heat, node.shapes[output] ?? []);
    }
    const isZoomed = below !== null && state.element.output === output;
    if (isZoomed) below();
    if (stats.size > 1) summary(isZoomed ? make(panel, "div", { class: which }) : section, stats, which);
  });
}

function summary(panel, stats, which) {
  const told = ["norm", "mean", "std", "min", "max"].filter((name) => stats[name] != null).map((name) => `${name} ${number(stats[name])}`);
  for (const name of ["zeros", "nans", "infs"]) if (stats[name]) told.push(`${number(stats[name])} of ${stats.size} ${name === "infs" ? "infinite" : name.replace("nans", "nan")}`);
  make(panel, "p", { class: "soft" }, told.join(" · "));
  const { histogram } = stats;
  if (!histogram || histogram.counts.length < 2 || stats.values != null) return; // of few numbers each is shown
  const most = Math.max(...histogram.counts);
  const count = histogram.counts.length;
  const svg = make(panel, "svg", { class: `histogram of-${which}`, viewBox: `0 0 ${count} 100`, preserveAspectRatio: "none", role: "img", "aria-label": `histogram from ${number(histogram.edges[0])} to ${number(histogram.edges[count])}` });
  histogram.counts.forEach((height, i) => make(svg, "rect", { x: i + 0.05, width: 0.9, y: 100 - (100 * height) / most, height: (100 * height) / most }));
  const ends = make(panel, "p", { class: "soft ends" });
  ends.textContent = `${number(histogram.edges[0])} … ${number(histogram.edges[count])}`;
}

/** A small tensor as a table of coloured numbers; each is a button to the scalar zoom where that is offered. */
function grid(panel, node, output, which, stats) {
  const values = flat(stats.values);
  const columns = node.shapes[output]?.at(-1) ?? 1;
  const limit = Math.max(...values.map((v) => (Number.isFinite(v) ? Math.abs(v) : 0)));
  const around = make(panel, "div", { class: "grid" });
  const table = make(around, "table");
  let row = null;
  values.forEach((value, i) => {
    if (i % columns === 0) row = make(table, "tr");
    const cell = make(row, "td");
    paintCell(cell, Number.isFinite(value) && limit && values.length > 1 ? value / limit : 0);
    const isOpen = (canZoom(node, output) || canEdit(node)) && (node.id === state.chosen || node.id === inPlay());
    const inner = make(cell, isOpen ? "button" : "span", {}, number(value));
    inner.title = String(value);
    if (!isOpen) return;
    const isChosen = state.chosen === node.id && state.element?.output === output && state.element?.index === i;
    cell.classList.toggle("chosen", isChosen);
    if (isChosen) around.classList.add("zoomed"); // a few rows, so that what is told of the number is in sight
    inner.setAttribute("aria-label", `element ${i}: ${number(value)}; ${canZoom(node, output) ? "show its chain rule" : "change it"}`);
    if (isChosen) inner.setAttribute("aria-describedby", "path-sum");
    inner.addEventListener("click", () => {
      chooseElement(node.id, isChosen ? null : { output, index: i, which });
      (id("panel").querySelector(".chosen button") ?? id("panel")).focus({ preventScroll: true }); // this button is gone
    });
  });
  const chosen = table.querySelector(".chosen");
  if (chosen) around.scrollTo(chosen.offsetLeft + (chosen.offsetWidth - around.clientWidth) / 2, chosen.offsetTop + (chosen.offsetHeight - around.clientHeight) / 2);
}

function paintCell(cell, share) {
  const rgb = mix(COLD, (share + 1) / 2);
  cell.style.background = `rgb(${rgb})`;
  cell.style.color = rgb[0] + rgb[1] + rgb[2] < 380 ? "white" : "#1f2933";
}
