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
  const rule = node.mathematics.rules?.[argument];
  if (rule) lawLine(block, rule);
  const numbers = rule && isWritable(contribution) ? withNumbers(rule, valuesAround(node)) : null;
  if (isWritable(contribution)) mathLine(block, [...(numbers ? [operator("="), ...numbers] : []), operator("="), matrix(contribution)]);
  else make(block, "p", { class: "soft" }, brief(contribution));
  if (expected.get(key) > 1) make(block, "p", { class: "sum" }, `${seenName(source)} has gathered ${sumText(key, arrived)}${arrived.terms.length < expected.get(key) ? " so far" : ""}`);
}

/** What the names in the rules of an op stand for: its arguments, y, and g. */
function valuesAround(node) {
  const values = new Map(incoming[node.id].map((i) => [edges[i].argument, statsOf(nodes[edges[i].source].value, edges[i].output)]));
  values.set("y", statsOf(node.value));
  return values.set("g", statsOf(node.gradient));
}

function forwardResult(card, node) {
  const values = valuesAround(node);
  const text = node.mathematics.formula;
  const result = statsOf(node.value);
  const block = make(card, "div", { class: "law" });
  const numbers = text ? withNumbers(text, values) : null;
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
  const flows = flowsIn(first, last);
  const outside = together(flows.filter(({ edge }) => goOf(edges[edge].source) !== goOf(opAt(last))));
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
