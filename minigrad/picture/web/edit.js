// Changing a number: an element of a leaf is edited, or all parameters take a step against their gradients, and the
// page computes values, gradients and the chain rule anew. Only on a graph whose recorded numbers it finds itself.

const TOLERANCE = 1e-3; // of the largest number of a tensor: the engine may have rounded to 11 bits, the page to 53
const isLeaf = (node) => incoming[node.id].length === 0 && node.kind !== "output";
const isTrained = (node) => ["parameter", "leaf"].includes(node.kind);
const lab = { reason: "", leaves: new Map(), recorded: null, steps: 0 };

/** The recorded numbers of a node's only output; null where they are not all in the page. */
function recordedArray(node, which) {
  const stats = node[which];
  if (!stats || Array.isArray(stats) || stats.values === null || stats.values === undefined) return null;
  const data = flat(stats.values).map((v) => (typeof v === "boolean" ? Number(v) : v));
  return data.every((v) => typeof v === "number") ? { shape: node.shapes[0] ?? [], data } : null;
}

/** Why no number can be changed; "" where one can. */
function whyNot() {
  if (!trace.recorded) return "the graph was not recorded";
  if (!steps.length) return "no gradients were computed";
  for (const node of nodes) {
    if (node.kind === "ghost") return `${nameOf(node)} cuts the graph`;
    if (isLeaf(node) && !recordedArray(node, "value")) return `${nameOf(node)} ${node.shapes.map(shapeText).join()} has more numbers than the page holds, or some that are not finite`;
    if (node.kind !== "op") continue;
    const unknown = unknownOp(node.op, node.options, incoming[node.id].map((edge) => edges[edge].shape));
    if (unknown || node.shapes.length > 1) return unknown || `${node.op} has several outputs`;
  }
  const found = computedFrom(lab.leaves);
  for (const node of nodes) {
    for (const [which, all] of [["value", found.values], ["gradient", found.gradients]]) {
      const [recorded, own] = [recordedArray(node, which), all.get(node.id)];
      if (recorded && own && !isNear(own.data, recorded.data)) return `the page's own ${which} of ${nameOf(node)} is not the recorded one`;
    }
  }
  return "";
}

function isNear(a, b) {
  const largest = Math.max(...b.map(Math.abs), 1e-30);
  return a.length === b.length && a.every((v, k) => Math.abs(v - b[k]) <= TOLERANCE * largest);
}

const inputsOf = (node, values) => incoming[node.id].map((edge) => values.get(edges[edge].source));

/** Values of all nodes from those of the leaves; gradients, and contributions in the order of the steps. */
function computedFrom(leaves) {
  const values = new Map(leaves);
  for (const node of nodes) if (node.kind === "op") values.set(node.id, valueOf(node.op, inputsOf(node, values), node.options, node.shapes[0]));
  const end = nodes[trace.output];
  values.set(end.id, inputsOf(end, values)[0]);
  const gradients = new Map([[end.id, { shape: [], data: [1] }]]);
  const flows = new Map(); // edge -> {contribution, sum}
  for (const { node, edges: sent } of steps) {
    const g = gradients.get(node);
    const back = nodes[node].kind === "output" ? [g] : backOf(nodes[node].op, g, inputsOf(nodes[node], values), nodes[node].options, values.get(node));
    for (const { edge } of sent) {
      const contribution = back[incoming[node].indexOf(edge)];
      const before = gradients.get(edges[edge].source);
      const sum = before ? { shape: before.shape, data: before.data.map((v, k) => v + contribution.data[k]) } : contribution;
      gradients.set(edges[edge].source, sum);
      flows.set(edge, { contribution, sum });
    }
  }
  return { values, gradients, flows };
}

function statsFrom({ shape, data }) {
  const count = data.length;
  const mean = data.reduce((sum, v) => sum + v, 0) / count;
  return {
    values: nested(shape, (t) => data[t]), size: count, norm: Math.hypot(...data), mean,
    std: Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count), min: Math.min(...data), max: Math.max(...data),
    zeros: data.filter((v) => v === 0).length, nans: data.filter(Number.isNaN).length, infs: data.filter((v) => Math.abs(v) === Infinity).length,
  };
}

/** The derivatives of each element by those it is made from, as the scalar zoom reads them. */
function elementDerivatives(node, values) {
  const [inputs, y] = [inputsOf(node, values), values.get(node.id)];
  const isElementwise = elementwise.has(node.id);
  y.data.forEach((_, t) => {
    const back = backOf(node.op, { shape: y.shape, data: y.data.map((_, k) => Number(k === t)) }, inputs, node.options, y);
    incoming[node.id].forEach((edge, k) => {
      if (!derivatives[edge]) return;
      const used = isElementwise ? broadcastIndex(y.shape, inputs[k].shape, t) : null;
      back[k].data.forEach((d, s) => { if (isElementwise ? s === used : d !== 0) derivatives[edge].push([0, t, s, d]); });
    });
  });
}

/** Put numbers that were computed here in place of the recorded ones, everywhere in the page. */
function showComputed() {
  const { values, gradients, flows } = computedFrom(lab.leaves);
  for (const node of nodes) {
    if (node.value) node.value = statsFrom(values.get(node.id));
    if (node.gradient) node.gradient = statsFrom(gradients.get(node.id));
  }
  for (const flow of steps.flatMap((step) => step.edges)) {
    const { contribution, sum } = flows.get(flow.edge);
    flow.contribution = statsFrom(contribution);
    flow.sum_after = statsFrom(sum);
  }
  for (const edge of Object.keys(derivatives)) derivatives[edge] = [];
  for (const node of nodes) if (node.kind === "op") elementDerivatives(node, values);
  page.why = {}; // told of the recorded numbers
  shown();
}

function shown() {
  indexDerivatives();
  searched.clear();
  id("restore").disabled = lab.steps === 0;
  const [before, now] = [lab.recorded.nodes[trace.output].value, nodes[trace.output].value].map((stats) => brief(stats));
  id("moved").textContent = lab.steps ? `loss ${before} → ${now}` : "";
  paint();
  tell();
}

/** Set one element of a leaf; the reason why not, where the number is none for it. */
function change(node, index, text) {
  const x = Number(text);
  if (text.trim() === "" || !Number.isFinite(x)) return "a number is needed";
  if (!node.dtypes[0].startsWith("float") && !Number.isInteger(x)) return "a whole number is needed";
  for (const edge of outgoing[node.id]) {
    const user = nodes[edges[edge].target];
    const classes = edges[edge].argument === "labels" ? edges[incoming[user.id][0]].shape[1] : Infinity;
    if (classes < Infinity && !(x >= 0 && x < classes)) return `a label from 0 to ${classes - 1} is needed`;
  }
  lab.leaves.get(node.id).data[index] = x;
  lab.steps += 1;
  showComputed();
  return "";
}

/** w - rate × gradient, for every parameter and leaf w. */
function descend() {
  const rate = Number(id("rate").value);
  const { gradients } = computedFrom(lab.leaves);
  for (const node of nodes.filter((node) => isTrained(node) && gradients.has(node.id))) {
    const w = lab.leaves.get(node.id);
    w.data = w.data.map((v, k) => v - rate * gradients.get(node.id).data[k]);
  }
  lab.steps += 1;
  showComputed();
}

/** The recorded numbers again. */
function restore() {
  lab.steps = 0;
  beginLeaves();
  nodes.forEach((node, i) => Object.assign(node, lab.recorded.nodes[i]));
  steps.forEach((step, i) => { step.edges = lab.recorded.steps[i].map((flow) => ({ ...flow })); });
  Object.assign(derivatives, lab.recorded.derivatives);
  page.why = lab.recorded.why;
  shown();
}

function beginLeaves() {
  for (const node of nodes) {
    const array = isLeaf(node) && recordedArray({ ...node, ...lab.recorded.nodes[node.id] }, "value");
    if (array) lab.leaves.set(node.id, array);
  }
}

const canEdit = (node) => lab.reason === "" && isLeaf(node);

/** The row of the panel in which the chosen element of a leaf is edited. */
function editor(panel, node, { index }) {
  if (!canEdit(node)) return;
  const row = make(panel, "p", { class: "edit" });
  const label = make(row, "label", {}, `Change ${elementName(node.id, 0, index)} to `);
  const input = make(label, "input", { id: "edited", type: "number", step: "any", value: Number(lab.leaves.get(node.id).data[index].toPrecision(7)) });
  const said = make(row, "output", { class: "soft" });
  input.addEventListener("change", () => {
    said.textContent = change(node, index, input.value);
    if (!said.textContent) id("edited")?.focus();
  });
}

function beginLab() {
  lab.recorded = {
    nodes: nodes.map(({ value, gradient }) => ({ value, gradient })), steps: steps.map((step) => step.edges.map((flow) => ({ ...flow }))),
    derivatives: { ...derivatives }, why: page.why,
  };
  beginLeaves();
  lab.reason = whyNot();
  id("lab").hidden = lab.reason !== "";
  if (lab.reason) page.notes.push(`Numbers cannot be changed in this page: ${lab.reason}.`);
}
beginLab();
