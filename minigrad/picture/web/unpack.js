// The data that page.py wrote, put together again from the form that packing.py gave it.

const EMPTY = {
  name: "", op: "", formula: "", rules: {}, mathematics: {}, options: {}, scope: "", shapes: [], dtypes: [], saved: [], saved_bytes: 0,
  line: null, seconds: null, cut: null, value: null, gradient: null,
};

/** Statistics of which only the values were kept. */
function unpackStats(stats) {
  if (typeof stats !== "number" && !Array.isArray(stats)) return stats ?? null;
  const numbers = [stats].flat(Infinity);
  return { norm: Math.hypot(...numbers), size: numbers.length, values: stats };
}

function unpackNode(node, id, { laws, texts, trace }) {
  const of = (stats) => (stats?.outputs ? stats.outputs.map(unpackStats) : unpackStats(stats));
  const scope = trace.modules[node.in]?.path ?? "";
  const law = laws[node.law];
  return { ...EMPTY, ...texts[law.text], ...law, ...node, id, scope, value: of(node.value), gradient: of(node.gradient) };
}

function unpackLine(steps) {
  const points = [...steps];
  for (let k = 2; k < points.length; k++) points[k] += points[k - 2];
  return { points: points.slice(0, -2), label: points.slice(-2) };
}

function unpack(page) {
  const { trace, layout } = page;
  trace.nodes = trace.nodes.map((node, id) => unpackNode(node, id, page));
  trace.edges = trace.edges.map(([source, target, argument, output = 0]) =>
    ({ source, output, target, argument, shape: trace.nodes[source].shapes[output] ?? [] }));
  page.steps = page.steps.map(([node, flows]) => ({ node, edges: flows.map(([edge, given, sum = given]) =>
    ({ edge, contribution: unpackStats(given), sum_after: unpackStats(sum) })) }));
  const { nodes } = trace;
  for (const [id, node] of nodes.entries()) {
    const first = nodes[node.twin ?? id];
    node.twin = first.id;
    node.rolls = first.rolls ?? []; // outer ones first
    node.steps ??= node.rolls.map(() => 0);
    layout.sizes[id] = layout.sizes[node.twin];
  }
  for (const one of [...layout.states, ...layout.across]) {
    one.edges = Object.fromEntries(Object.entries(one.edges).map(([i, steps]) => [i, unpackLine(steps)]));
  }
  return page;
}

const page = unpack(written);
