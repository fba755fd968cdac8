// The scalar zoom: one element of a small tensor, the expression that made it, and the chain rule path by path.

const MOST_PATHS = 200;
const INFIX = { add: "+", subtract: "−", multiply: "×", divide: "÷", power: "^" };
const derivatives = page.zoom.jacobians; // edge -> [[output, t, s, dy_t/dx_s], ...]
const elementwise = new Set(page.zoom.elementwise);
const bySource = new Map(); // edge -> s -> entries

function indexDerivatives() {
  for (const [edge, entries] of Object.entries(derivatives)) {
    const found = new Map();
    for (const entry of entries) found.set(entry[2], [...(found.get(entry[2]) ?? []), entry]);
    bySource.set(Number(edge), found);
  }
}
indexDerivatives();

const valuesOf = (i, output) => { const stats = statsOf(nodes[i].value, output); return stats?.values == null ? null : flat(stats.values); };
const gradientsOf = (i, output) => { const stats = statsOf(nodes[i].gradient, output); return stats?.values == null ? null : flat(stats.values); };

function canZoom(node, output) {
  return trace.recorded && bySource.size > 0 && node.kind !== "output" && node.kind !== "constant" && gradientsOf(node.id, output) !== null;
}

/** [edge, entry] of each step from an element towards the loss; an edge alone where a tensor is too large. */
function stepsFrom(i, output, s) {
  return outgoing[i].filter((edge) => edges[edge].output === output && expectedEdges.has(edge)).flatMap((edge) => {
    if (nodes[edges[edge].target].kind === "output") return [[edge, [0, 0, s, 1]]];
    return bySource.has(edge) ? (bySource.get(edge).get(s) ?? []).map((entry) => [edge, entry]) : [[edge, null]];
  });
}
const expectedEdges = new Set(steps.flatMap((step) => step.edges.map(({ edge }) => edge)));

/** How many paths lead from an element to the loss; Infinity through what is too large. */
function countPaths(i, output, s, known = new Map()) {
  if (nodes[i].kind === "output") return 1;
  const key = `${i}:${output}:${s}`;
  if (!known.has(key)) {
    known.set(key, 0);
    const count = stepsFrom(i, output, s).reduce((sum, [edge, entry]) => sum + (entry ? countPaths(edges[edge].target, entry[0], entry[1], known) : Infinity), 0);
    known.set(key, count);
  }
  return known.get(key);
}

/** Every path as [{edge, output, t, factor}, ...]. */
function pathsFrom(i, output, s) {
  if (nodes[i].kind === "output") return [[]];
  return stepsFrom(i, output, s).flatMap(([edge, [outputOf, t, , factor]]) =>
    pathsFrom(edges[edge].target, outputOf, t).map((rest) => [{ edge, output: outputOf, t, factor }, ...rest]));
}

function scalarZoom(panel, node, { output, index }) {
  const section = make(panel, "div", { id: "scalar" });
  make(section, "h3", {}, `Scalar zoom: ${elementName(node.id, output, index)} = ${number(valuesOf(node.id, output)?.[index] ?? null)}`);
  gradientOfElement(section, node, output, index);
  const lines = madeOf(node.id, output, index);
  if (lines.length) make(section, "h3", {}, "Made by");
  for (const line of lines) make(section, "p", {}).append(code(line));
}

/** The sum first, which is the answer, then the paths that make it. */
function gradientOfElement(section, node, output, index) {
  const count = countPaths(node.id, output, index);
  if (count === Infinity) return void make(section, "p", {}, `Some path leads through a tensor of more than 64 elements, too large to follow element by element. Its gradient is ${number(gradientsOf(node.id, output)[index])}.`);
  if (count > MOST_PATHS) return void make(section, "p", {}, `${count} paths lead to the loss, too many to list. Their products sum to ${number(gradientsOf(node.id, output)[index])}.`);
  const total = make(section, "p", { class: "sum", id: "path-sum" });
  total.dataset.sum = 0;
  if (count === 0) return void (total.textContent = "No path leads from it to the loss: its gradient is 0");
  make(section, "p", { class: "soft" }, count === 1 ? "By the chain rule, along its one path to the loss:" : "By the chain rule, along each path to the loss:");
  const list = make(section, "ol", { class: "paths" });
  let sum = 0;
  for (const path of pathsFrom(node.id, output, index)) sum += onePath(list, node, output, index, path);
  total.textContent = `${count === 1 ? "One path" : `${count} paths, sum`}: ${number(sum)}; the gradient is ${number(gradientsOf(node.id, output)[index])}`;
  total.dataset.sum = sum;
}

function onePath(list, node, output, index, path) {
  const product = path.reduce((all, { factor }) => all * factor, 1);
  const factors = path.filter(({ edge }) => nodes[edges[edge].target].kind !== "output");
  const names = factors.map(({ edge, output: o, t }) => elementName(edges[edge].target, o, t));
  const item = make(list, "li", { tabindex: 0 });
  make(item, "div", { class: "soft" }, [elementName(node.id, output, index), ...names].join(" → "));
  make(item, "div", {}, `${factors.map(({ factor }) => bracketed(factor)).join(" × ") || "1"} = ${number(product)}`);
  const light = (isOn) => path.forEach(({ edge }) => drawnEdges[edge]?.group.classList.toggle("on-path", isOn));
  for (const [name, isOn] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) item.addEventListener(name, () => light(isOn));
  return product;
}

const bracketed = (x) => (x < 0 ? `(${number(x).replace("-", "−")})` : number(x));

function elementName(i, output, index) {
  const places = placeOf(nodes[i].shapes[output] ?? [], index);
  return `${nameOf(nodes[i])}${places.length ? `[${places.join(", ")}]` : ""}`;
}

/** Up to twelve lines: the expression of an element, then those of the elements in it. */
function madeOf(i, output, index) {
  const lines = [];
  const open = [[i, output, index]];
  const seen = new Set();
  while (open.length && lines.length < 12) {
    const [node, o, at] = open.shift();
    const key = `${node}:${o}:${at}`;
    if (seen.has(key) || !incoming[node].length || valuesOf(node, o) === null) continue;
    seen.add(key);
    const { text, used } = expression(node, o, at);
    if (text) lines.push(`${elementName(node, o, at)} = ${text} = ${number(valuesOf(node, o)[at])}`);
    open.push(...used);
  }
  return lines;
}

/** The scalar expression of one element, and the elements it is made of. */
function expression(i, output, t) {
  const parts = incoming[i].map((edge) => {
    const { source, output: o, argument } = edges[edge];
    const values = valuesOf(source, o);
    if (values === null) return { argument, elements: null };
    const elements = elementwise.has(i) ? [{ s: broadcastIndex(nodes[i].shapes[output], edges[edge].shape, t) }]
      : (derivatives[edge] ?? []).filter((entry) => entry[0] === output && entry[1] === t).map((entry) => ({ s: entry[2], d: entry[3] }));
    return { argument, source, output: o, isPlain: nodes[source].kind === "constant", elements: elements.map(({ s, d }) => ({ s, d, x: values[s] })) };
  });
  const used = parts.flatMap((part) => (part.elements ?? []).map(({ s }) => [part.source, part.output, s]));
  const text = (part, { s, x }) => (part.isPlain ? number(x) : `${elementName(part.source, part.output, s)} (${number(x)})`);
  if (elementwise.has(i) && parts.every((part) => part.elements)) {
    const words = parts.map((part) => text(part, part.elements[0]));
    const sign = INFIX[nodes[i].op];
    return { text: sign && words.length === 2 ? words.join(` ${sign} `) : `${nodes[i].op}(${words.join(", ")})`, used };
  }
  const value = valuesOf(i, output)[t];
  const linear = [parts, parts.slice(0, 1), [parts[0], parts.at(-1)]].find((some) => some.every((part) => part?.elements?.every(({ d }) => d !== undefined))
    && Math.abs(some.flatMap((part) => part.elements).reduce((sum, { d, x }) => sum + d * x, 0) - value) <= 1e-5 * Math.max(1e-30, Math.abs(value)));
  if (linear) {
    const terms = linear.flatMap((part) => part.elements.map((element) => `${element.d === 1 ? "" : `${bracketed(element.d)} × `}${text(part, element)}`));
    return { text: terms.slice(0, 8).join(" + ") + (terms.length > 8 ? ` + ${terms.length - 8} more` : ""), used };
  }
  const words = parts.filter((part) => part.elements?.length).map((part) => part.elements.slice(0, 4).map((element) => text(part, element)).join(", ") + (part.elements.length > 4 ? ", …" : ""));
  return { text: `${nodes[i].op}(${words.join("; ")})`, used };
}

/** Which element of a smaller array meets element t of the one it is broadcast to. */
function broadcastIndex(large, small, t) {
  let [index, stride, rest] = [0, 1, t];
  for (let k = 1; k <= large.length; k++) {
    const place = rest % large.at(-k);
    rest = Math.floor(rest / large.at(-k));
    if (k > small.length) continue;
    if (small.at(-k) > 1) index += place * stride;
    stride *= small.at(-k);
  }
  return index;
}
