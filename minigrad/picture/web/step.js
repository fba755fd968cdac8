// The step in the panel: the op in play with its law, what it was given, the numbers put in, and what has gathered.

function describeStep(panel) {
  const playing = inPlay();
  const card = make(panel, "div", { id: "in-play" });
  if (typeof playing === "string") return moduleInPlay(card, playing);
  const node = nodes[playing];
  heading(card, nameOf(node), homeOf(node));
  sourceLine(card, node);
  if (node.kind === "output") return outputInPlay(card, node);
  law(card, node);
  givenTo(card, node);
  if (state.pass === "backward") handedOn(card, node);
  else forwardResult(card, node);
  const isLarge = node.shapes.some((shape) => shape.length); // a single number has been told
  if (isLarge) tensor(card, "Value", node, "value");
  if (isLarge && state.pass === "backward") tensor(card, gradientTitle(node), node, "gradient");
  if (node.cut) make(card, "p", { class: "why" }, `No gradient passes here: ${node.cut}.`);
}

function heading(panel, title, home) {
  make(panel, "h2", {}, title);
  make(panel, "p", { class: "soft home" }, home);
}

const homeOf = (node) => [{ op: "op", output: "where backward begins" }[node.kind] ?? node.kind, whereIs(node) && `in ${whereIs(node)}`].filter(Boolean).join(" ");

/** The user's line, with its text where the file was there when the page was made. */
function sourceLine(panel, node) {
  if (!node.line) return;
  const place = make(panel, "div", { class: "source" });
  const text = page.lines[node.line];
  if (text) place.append(code(text));
  make(place, "span", { class: "soft" }, node.line.replace(/^.*[/\\]/, "")).title = node.line;
}

function outputInPlay(card, node) {
  const stats = statsOf(node.value);
  const block = make(card, "div", { class: "law" });
  mathLine(block, state.pass === "backward" ? [gradientBy("L"), operator("="), ["mn", "1"]] : [["mi", "L"], operator("="), stats ? matrix(stats) : ["mi", "L"]]);
}

/** The formula: in mathematical notation where there is one, otherwise as text. */
function law(card, node) {
  const block = make(card, "div", { class: "law formula" });
  if (node.mathematics.formula) lawLine(block, node.mathematics.formula);
  else block.append(code(node.formula));
}

/** What the op was given, and what it made: names, shapes, numbers where they are few. */
function givenTo(card, node) {
  const table = make(card, "table", { class: "given" });
  const row = (name, from, shape, stats) => {
    const line = make(table, "tr");
    make(line, "th", { scope: "row" }, name);
    for (const text of [from, shape, stats && !brief(stats).startsWith("norm") && shape !== from ? `= ${brief(stats)}` : ""]) make(line, "td", {}, text);
  };
  for (const i of incoming[node.id]) {
    const { source, output, argument, shape } = edges[i];
    row(argument, isNumber(nodes[source]) ? "" : seenName(source), shapeText(shape), statsOf(nodes[source].value, output));
  }
  if (state.pass === "backward") node.shapes.forEach((shape, output) => row(node.shapes.length > 1 ? `y${output}` : "y", "", shapeText(shape), statsOf(node.value, output)));
}

// --- backwards --------------------------------------------------------------------------------------------------

function handedOn(card, node) {
  const { sums } = received(state.at);
  make(card, "h3", {}, "Its gradient has arrived");
  node.shapes.forEach((_, output) => {
    const sum = sums.get(`${node.id}:${output}`);
    const whole = statsOf(node.gradient, output);
    if (sum) mathLine(make(card, "div", { class: "law arrived" }), [["mi", "g"], operator("="), gradientBy("y"), ...gathered({ ...sum, sum: whole ?? sum.sum })]);
  });
  const flows = flowsIn(state.at, state.at);
  if (flows.length) make(card, "h3", {}, "It hands on");
  for (const flow of flows) handed(card, node, flow);
}

/** "= 1 + 1 = 2" of a sum of few scalars, "= -2" of one, nothing where the norm must do; that is told in words. */
function gathered({ terms, sum }) {
  if (!isWritable(sum)) return [mathOf(["mtext", `\u2002of ${brief(sum)}`])];
  const isSum = terms.length > 1 && terms.length <= 4 && sum.size <= 4;
  const added = isSum ? terms.flatMap((term, k) => [operator(k ? "+" : "="), matrix(term, k > 0)]) : [];
  return [...added, operator("="), matrix(sum)];
}

/** One contribution: its rule, the rule with numbers, the result, and the running sum where paths meet. */
function handed(card, node, { edge, contribution: brought, key, arrived }) {
  const { source, argument, output } = edges[edge];
  const contribution = expected.get(key) === 1 ? statsOf(nodes[source].gradient, output) ?? brought : brought;
  const block = make(card, "div", { class: "law handed" });
  const to = make(block, "p", {}, "to ");
  make(to, "b", {}, seenName(source));
  if (argument && argument !== seenName(source)) to.append(`, its ${argument}`);
  const rule = node.mathematics.rules?.[argument?.replace(/\[\d+\]$/, "")]; // one of many has the rule of all
  if (rule) lawLine(block, rule);
  const numbers = rule ? ruleWithNumbers(node, edge, rule) : null;
  const result = isWritable(contribution) ? [operator("="), matrix(contribution)] : [];
  if (numbers || result.length) mathLine(block, [...(numbers ? [operator("="), ...numbers] : []), ...result]);
  if (!result.length) make(block, "p", { class: "soft" }, brief(contribution));
  if (expected.get(key) > 1) make(block, "p", { class: "sum" }, `${seenName(source)} has gathered ${sumText(key, arrived)}${arrived.terms.length < expected.get(key) ? " so far" : ""}`);
}

/** A rule with numbers, summed over the axes along which the engine broadcast the argument; null where it has none. */
function ruleWithNumbers(node, edge, rule) {
  const { shape } = edges[edge];
  const [own] = node.shapes;
  const isElementwise = elementwise.has(node.id);
  const numbers = withNumbers(rule, valuesAround(node, edge), isElementwise ? own : null);
  const isSpread = !isElementwise && keyOfName(rule.replace(/<[^>]*>/g, "")).split(",")[0].endsWith("=g") && String(shape) !== String(own);
  if (isSpread) return null; // g to each element is no equation of g
  if (!numbers || !isElementwise || String(shape) === String(own)) return numbers;
  const added = own.length - shape.length;
  const axes = own.map((_, axis) => axis).filter((axis) => axis < added || shape[axis - added] !== own[axis]);
  const total = axes.length === own.length ? ["mo", "∑"] : ["munder", ["mo", "∑"], ["mtext", `${axes.length > 1 ? "axes" : "axis"} ${axes.join(", ")}`]];
  return [mathOf(total), numbers.length > 1 ? bracketedMath(mathOf(["mrow", ...numbers])) : numbers[0]];
}

/** What the names in the rules of an op stand for: its arguments and options, y, g, and for an edge its own derivative. */
function valuesAround(node, edge = null) {
  const values = new Map();
  const set = (name, stats, shape) => values.set(keyOfName(name), stats ? { ...stats, shape } : undefined);
  for (const [name, text] of Object.entries(node.options)) {
    if (Number.isFinite(Number(text))) set(name, { values: Number(text), size: 1 }, []);
    else if (/^\(-?\d/.test(text)) set(name, { text, size: 1 }, []);
  }
  const isOne = node.shapes.length === 1; // of several outputs each has its own
  const shape = shapeBeside(node);
  set("y", isOne ? asShaped(statsOf(node.value), shape) : null, shape);
  set("g", isOne ? asShaped(statsOf(node.gradient), shape) : null, shape);
  values.set("∂L∂y", values.get("g")); // in the rules of an op that has an argument g
  for (const i of incoming[node.id]) set(edges[i].argument, statsOf(nodes[edges[i].source].value, edges[i].output), edges[i].shape);
  if (edge !== null) values.set(`∂y∂${keyOfName(edges[edge].argument)}`, derivativeAlong(node, edge));
  return values;
}

/** The shape of an output; along an axis that was summed or the like it is 1, so that the numbers stand beside those of x. */
function shapeBeside(node) {
  const [first] = incoming[node.id];
  const kept = first !== undefined && "axis" in node.options && node.options.axis !== "None" ? keptOf(edges[first].shape, node.options) : null;
  return kept && sizeOf(kept) === sizeOf(node.shapes[0]) && kept.length > node.shapes[0].length ? kept : node.shapes[0];
}

function asShaped(stats, shape) {
  if (stats?.values == null || !shape.length) return stats;
  const values = flat(stats.values);
  return { ...stats, values: nested(shape, (t) => values[t]) };
}

/** dy/dx as the scalar zoom knows it: of an elementwise op an array like y, of vectors a matrix; undefined otherwise. */
function derivativeAlong(node, edge) {
  const entries = derivatives[edge];
  const [[shape], { shape: from }] = [node.shapes, edges[edge]];
  if (!entries || node.shapes.length > 1) return undefined;
  if (elementwise.has(node.id)) {
    const found = new Map(entries.map(([, t, , d]) => [t, d]));
    return { values: nested(shape, (t) => found.get(t) ?? 0), size: sizeOf(shape), shape };
  }
  if (shape.length > 1 || from.length > 1) return undefined;
  const own = [...shape, ...from];
  const found = new Map(entries.map(([, t, s, d]) => [t * sizeOf(from) + s, d]));
  return { values: nested(own, (t) => found.get(t) ?? 0), size: sizeOf(own), shape: own };
}

/** An array as nested lists, from its elements in order. */
function nested(shape, element) {
  if (!shape.length) return element(0);
  const [length, ...rest] = shape;
  return Array.from({ length }, (_, k) => nested(rest, (t) => element(k * sizeOf(rest) + t)));
}

function forwardResult(card, node) {
  const values = valuesAround(node);
  const text = node.mathematics.formula;
  const result = statsOf(node.value);
  const block = make(card, "div", { class: "law" });
  const numbers = text ? withNumbers(text, values, elementwise.has(node.id) ? node.shapes[0] : null) : null;
  if (isWritable(result)) mathLine(block, [["mi", "y"], ...(numbers ? [operator("="), ...numbers] : []), operator("="), matrix(result)]);
  else make(block, "p", { class: "soft" }, `gives ${node.shapes.map(shapeText).join(" and ")}`);
}

// --- a folded module in play ------------------------------------------------------------------------------------

function moduleInPlay(card, path) {
  const [first, last] = look();
  const { type } = modules.get(path);
  heading(card, seenName(opAt(last)), [`module ${pathNow(path)}`, path === type ? "" : type].filter(Boolean).join(", "));
  const ops = Array.from({ length: last - first + 1 }, (_, k) => nodes[opAt(first + k)]);
  sourceLine(card, ops[0]);
  make(card, "h3", {}, `${ops.length} ${ops.length > 1 ? "ops" : "op"} inside, ${state.pass}`);
  for (const node of ops.slice(0, MOST_TOLD)) opInside(card, node);
  if (ops.length > MOST_TOLD) make(card, "p", { class: "soft" }, `and ${ops.length - MOST_TOLD} more; open the module to see each`);
  if (state.pass === "forward") return;
  const outside = flowsOut(first, last);
  if (outside.length) make(card, "h3", {}, "It hands on");
  for (const { edge, contribution, key, arrived, count } of outside.slice(0, MOST_TOLD)) {
    const line = make(card, "p", { class: "law handed" }, `${count > 1 ? `${count} gradients` : brief(contribution)} to `);
    make(line, "b", {}, seenName(edges[edge].source));
    if (expected.get(key) > 1) make(line, "span", { class: "sum" }, `, which has gathered ${sumText(key, arrived)}`);
  }
  if (outside.length > MOST_TOLD) make(card, "p", { class: "soft" }, `and to ${outside.length - MOST_TOLD} more`);
  const whole = completedIn(path, first);
  if (whole.length) make(card, "h3", {}, "Inside, these hold their .grad");
  for (const node of whole) make(card, "p", {}, `${nameOf(node)} ${node.shapes.map(shapeText).join(" ")}: ${brief(node.gradient)}`);
}

function opInside(card, node) {
  const block = make(card, "div", { class: "law formula" });
  make(block, "b", {}, `${nameOf(node)} `);
  if (node.mathematics.formula) lawLine(block, node.mathematics.formula);
  else block.append(code(node.formula));
}
