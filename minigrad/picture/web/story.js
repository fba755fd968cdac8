// The story: one sentence on each step, with the names that are in sight.

const MOST_TOLD = 8; // things in a sentence or a list
const withNorm = (stats) => (brief(stats).startsWith("norm") ? `a gradient of ${brief(stats)}` : brief(stats));
const listed = (parts) => (parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);

function backwardStory(sums) {
  if (!steps.length) return "No gradients were computed for this page.";
  if (state.at === 0) return "The loss stands at the end. Press Play, or step, to see each op hand its gradient on to what it was made from, until the leaves hold theirs.";
  const [first, last] = look();
  const [playing, node] = [inPlay(), nodes[steps[first - 1].node]];
  if (node.kind === "output") return `It begins with the derivative of the loss by itself: ${brief(steps[0].edges[0].contribution)}.`;
  const own = [...sums.keys()].filter((key) => key.startsWith(`${node.id}:`)).map((key) => sumText(key, sums.get(key), 4)).join("; ");
  const sent = flowsOut(first, last);
  const end = state.at === steps.length ? " That was the last step: every leaf holds its .grad." : "";
  const kept = typeof playing === "string" ? completedIn(playing, first) : [];
  const inside = kept.length ? ` Inside, ${listed(few(kept.map(nameOf)))} ${kept.length > 1 ? "hold theirs" : "holds its own"}.` : "";
  return `${seenName(node.id)} has its whole gradient, g ${own.startsWith("norm") ? "of" : "="} ${own}.${sent.length ? ` It hands on ${listed(few(sent.map(sentence)))}.` : ""}${inside}${end}`;
}

/** What flows in these steps, each with what has gathered where it arrives. */
function flowsIn(first, last) {
  const met = received(first - 1).sums;
  return steps.slice(first - 1, last).flatMap((step) => step.edges.map((flow) => {
    const key = keyOf(flow.edge);
    const arrived = { terms: [...(met.get(key)?.terms ?? []), flow.contribution], sum: flow.sum_after };
    met.set(key, arrived);
    return { ...flow, key, arrived };
  }));
}

/** What flows out of what plays in these steps; flows that arrive at the same thing are one, with their number. */
function flowsOut(first, last) {
  const [met, going] = [new Map(), goOf(opAt(last))];
  for (const flow of flowsIn(first, last)) {
    if (goOf(edges[flow.edge].source) !== going) met.set(flow.key, { ...flow, count: (met.get(flow.key)?.count ?? 0) + 1 });
  }
  return [...met.values()];
}

const few = (parts) => (parts.length > MOST_TOLD ? [...parts.slice(0, MOST_TOLD - 1), `${parts.length - MOST_TOLD + 1} more`] : parts);

function sentence({ edge, contribution, sum_after, key, arrived, count }) {
  const isWhole = arrived.terms.length === expected.get(key);
  const gathered = expected.get(key) > 1 && (count > 1 || sum_after.size === 1) ? ` (${sumText(key, arrived)}${isWhole ? "" : " so far"})` : "";
  return `${count > 1 ? `${count} gradients` : withNorm(contribution)} to ${seenName(edges[edge].source)}${gathered}`;
}

/** The leaves inside a folded module whose gradient became whole in the steps since `first`. */
function completedIn(path, first) {
  const [before, now] = [received(first - 1).sums, received(state.at).sums];
  const isWhole = (sums, i) => sums.get(`${i}:0`)?.terms.length === expected.get(`${i}:0`);
  return modules.get(path).nodes.map((i) => nodes[i]).filter((node) => ["parameter", "leaf"].includes(node.kind) && expected.has(`${node.id}:0`) && isWhole(now, node.id) && !isWhole(before, node.id));
}

/** What an edge carries forwards: its numbers if they are few, otherwise its shape. */
function valueText(edge, digits = 4) {
  const stats = statsOf(nodes[edges[edge].source].value, edges[edge].output);
  return stats && stats.size <= 2 ? brief(stats, 2, digits) : shapeText(edges[edge].shape);
}

function forwardStory() {
  if (state.at === 0) return "The leaves and constants are given. Press Play, or step, to see each op compute its value.";
  const [playing, node] = [inPlay(), nodes[opAt(state.at)]];
  const inside = typeof playing === "string" ? modules.get(playing).nodes.filter(isOpen) : [node.id];
  const given = inside.flatMap((i) => incoming[i]).filter((i) => goOf(edges[i].source) !== goOf(node.id));
  const words = given.map((i) => `${typeof playing === "string" ? seenName(edges[i].source) : edges[i].argument} = ${valueText(i)}`);
  if (node.kind === "output") return `The loss is ${words.join(", ").replace(/^ = /, "")}.`;
  const value = statsOf(node.value);
  const result = value && value.size <= 2 ? brief(value) : node.shapes.map(shapeText).join(" and ");
  return `${seenName(node.id)} takes ${few([...new Set(words)]).join(", ")} and gives ${result}.`;
}
