// One plot: lines over the steps, its axes, and the cursor that reads their values.

const MARGIN = { left: 52, top: 10, bottom: 26 };
const DECADES = 16; // at most, below the largest value of a logarithmic axis

const log = (value) => Math.log10(value);

/** What the vertical axis shows of some lines: from, to, how a value becomes a coordinate, and the marks. */
function axisOf(lines, { isLog, isShare, guide }) {
  const values = lines.flatMap((line) => line.values.filter(isNumber)).concat(guide ?? []);
  if (isShare) return { from: 0, to: 1, of: (v) => v, marks: [0, 0.25, 0.5, 0.75, 1].map((v) => [v, `${100 * v}%`]) };
  const positive = values.filter((v) => v > 0);
  if (!isLog || !positive.length) return linearAxis(values);
  const most = log(positive.reduce((a, b) => Math.max(a, b)));
  const least = Math.max(log(positive.reduce((a, b) => Math.min(a, b))), most - DECADES);
  const hasZero = values.some((v) => v <= 10 ** (least - 1e-9));
  const [from, to] = [Math.floor(least * 3 + 1e-6) / 3 - (hasZero ? 0.7 : 0), Math.ceil(most * 3 - 1e-6) / 3];
  const marks = logMarks(hasZero ? from + 0.7 : from, to);
  if (hasZero) marks.unshift([from, "0"]);
  return { from, to: Math.max(to, from + 1 / 3), of: (v) => (v > 0 ? Math.max(from, log(v)) : from), marks };
}

/** Powers of ten, and between them 2 and 5 where there are few. */
function logMarks(from, to) {
  const step = Math.ceil((to - from) / 7);
  const marks = [];
  for (let k = Math.floor(from); k <= to + 1e-6; k++) {
    const factors = to - from < 2 ? [1, 2, 5] : k % step ? [] : [1];
    for (const m of factors) marks.push([k + log(m), number(m * 10 ** k)]);
  }
  return marks.filter(([at]) => at >= from - 1e-6 && at <= to + 1e-6);
}

function linearAxis(values) {
  let [from, to] = [values.reduce((a, b) => Math.min(a, b), 0), values.reduce((a, b) => Math.max(a, b), 0)];
  if (from === to) to = from + 1;
  const marks = roundMarks(from, to, 5);
  [from, to] = [Math.min(from, marks[0]), Math.max(to, marks.at(-1))];
  return { from, to, of: (v) => v, marks: marks.map((v) => [v, number(v)]) };
}

/** Round numbers between two others, about `count` of them. */
function roundMarks(from, to, count) {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(log(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/** Coordinates, each the mean of those less than half a `span` of steps away, the nearest counting most. */
function smoothed(at, heights, span) {
  return heights.map((height, i) => {
    if (height === null) return null;
    let [sum, weights] = [0, 0];
    const add = (j) => {
      const weight = 1 - ((2 * (at[j] - at[i])) / span) ** 2;
      if (weight <= 0) return false;
      if (heights[j] !== null) [sum, weights] = [sum + weight * heights[j], weights + weight];
      return true;
    };
    for (let j = i; j < at.length && add(j);) j++;
    for (let j = i - 1; j >= 0 && add(j);) j--;
    return weights ? sum / weights : height;
  });
}

/**
 * A figure with `lines` of {key, name, label, values, run, kind, colour, dash}, of which those with a key in `named` are
 * labelled; a run has its `steps`, and `places`: for each of the page's steps that of its own step next to it, or null.
 * `draw` fits it to its width, with `room` at the right, and `mark` reads a step.
 */
function plot(parent, steps, title, hint, lines, named, options) {
  const figure = make(parent, "figure");
  const caption = make(figure, "figcaption");
  make(caption, "span", {}, `${title} `);
  const aside = make(caption, "span", { class: "soft" }, hint);
  const told = make(caption, "span", { class: "told" });
  const count = new Set(lines.map(({ key }) => key)).size;
  const svg = make(figure, "svg", { class: "plot", tabindex: 0, role: "img", "aria-label": `${title}, ${lines.length} line${lines.length > 1 ? "s" : ""} over ${steps.length} steps` });
  const axis = axisOf(lines, options);
  const [first, last] = [steps[0], Math.max(steps.at(-1), steps[0] + 1)];
  const isNamed = ({ key }) => named.includes(key);
  let place = null;
  let cursor = null;

  function draw(room, share) {
    const [width, height] = [svg.clientWidth || 400, svg.clientHeight || 210];
    if (place?.width === width && place.height === height && place.room === room && place.share === share) return; // what a reader points at stays
    const [right, bottom] = [width - room, height - MARGIN.bottom];
    const x = (step) => MARGIN.left + ((step - first) / (last - first)) * (right - MARGIN.left);
    const up = (v) => bottom - ((v - axis.from) / (axis.to - axis.from)) * (bottom - MARGIN.top);
    place = { width, height, room, share, right, bottom, x, y: (v) => up(axis.of(v)), shown: new Map() };
    svg.replaceChildren();
    for (const [at, text] of axis.marks) {
      make(svg, "line", { class: "rule", x1: MARGIN.left, x2: right, y1: up(at), y2: up(at) });
      make(svg, "text", { x: MARGIN.left - 6, y: up(at) + 4, "text-anchor": "end" }, text);
    }
    for (const step of roundMarks(first, last, Math.max(2, Math.floor((right - MARGIN.left) / 65)))) {
      if (Number.isInteger(step)) make(svg, "text", { x: x(step), y: height - 8, "text-anchor": x(step) > width - 30 ? "end" : "middle" }, step.toLocaleString("en"));
    }
    make(svg, "line", { class: "axis", x1: MARGIN.left, x2: right, y1: bottom, y2: bottom });
    if (options.guide) make(svg, "line", { class: "guide", x1: MARGIN.left, x2: right, y1: place.y(options.guide), y2: place.y(options.guide) });
    for (const line of [...lines].sort((a, b) => isNamed(a) - isNamed(b))) curve(line, share * (last - first));
    label(lines.filter((line) => line.label && isNamed(line) && line.values.some(isNumber)));
    cursor = make(svg, "g");
  }

  /** A line as it was seen, or smoothed before what was seen, which is then faint. */
  function curve(line, span) {
    const seen = line.values.map((value) => (isNumber(value) ? place.y(value) : null));
    const shown = span ? smoothed(line.run.steps, seen, span) : seen;
    place.shown.set(line, shown);
    const look = { "data-line": line.key, ...(line.colour && { stroke: line.colour }) };
    const faint = isNamed(line) ? "" : "faint";
    if (span) make(svg, "path", { class: `raw ${faint}`, d: pathOf(line, seen), ...look });
    make(svg, "path", { class: `line ${line.kind ?? ""} ${faint}`, d: pathOf(line, shown), ...look, ...(line.dash && { "stroke-dasharray": line.dash }) });
  }

  /** Unbroken stretches of numbers; a lone one as a short dash, that it be seen. What is noted now and then is joined. */
  function pathOf({ run, values, kind }, heights) {
    const at = [...heights.keys()].filter((i) => kind !== "noted" || values[i] !== null);
    let text = "";
    at.forEach((i, k) => {
      if (heights[i] === null) return;
      const isFirst = k === 0 || heights[at[k - 1]] === null;
      text += `${isFirst ? "M" : "L"}${place.x(run.steps[i]).toFixed(1)} ${heights[i].toFixed(1)}`;
      if (isFirst && (k + 1 === at.length || heights[at[k + 1]] === null)) text += "h2";
    });
    return text;
  }

  /** Names to the right of all curves, none upon another, each with a thread to the end of its line. */
  function label(ones) {
    const ends = ones.map((line) => {
      const shown = place.shown.get(line);
      const i = shown.findLastIndex((height) => height !== null);
      return { line, x: place.x(line.run.steps[i]), y: shown[i] };
    }).sort((a, b) => a.y - b.y);
    const heights = spread(ends.map(({ y }) => y), LABEL.gap, MARGIN.top, place.bottom);
    ends.forEach(({ line, x, y }, k) => {
      const group = make(svg, "g", { class: "label", "data-line": line.key });
      make(group, "title", {}, line.label);
      const thread = { stroke: line.colour ?? "var(--ink)" };
      if (x < place.right - 1) make(group, "path", { d: `M${x} ${y}H${place.right}`, "stroke-dasharray": "1 4", ...thread });
      make(group, "path", { d: `M${place.right} ${y}l12 ${heights[k] - y}`, ...thread });
      make(group, "text", { x: place.right + 15, y: heights[k] + 4 }, cut(line.label, place.room - 16)).style.fill = line.run.colour ?? "";
    });
  }

  function mark(i, key) {
    cursor.replaceChildren();
    told.replaceChildren();
    const at = place.x(steps[i]);
    make(cursor, "line", { class: "cursor", x1: at, x2: at, y1: MARGIN.top, y2: place.bottom });
    const read = lines.filter((line) => (count === 1 || line.key === key) && isNumber(valueAt(line, i)));
    aside.hidden = read.length > 0;
    read.forEach((line, k) => {
      const value = valueAt(line, i);
      make(cursor, "circle", { class: "dot", cx: place.x(line.run.steps[line.run.places[i]]), cy: place.y(value), r: 4.5, fill: line.colour ?? "var(--ink)" });
      make(told, "b", {}, `${k ? " · " : ""}${options.isShare ? shareText(value) : number(value, 3)}`).style.color = line.run.colour ?? "";
    });
    if (read.length && count > 1) told.prepend(`${cut(read[0].name, place.width - caption.firstChild.offsetWidth - told.offsetWidth - 20, 14)} `);
  }

  /** The step, as its place among `steps`, and the line that are under the pointer, or nearest to it. */
  function nearest({ target, clientX, clientY }) {
    const box = svg.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const i = nextTo(steps, first + ((x - MARGIN.left) / (place.right - MARGIN.left)) * (last - first));
    const under = target.closest("[data-line]");
    if (under) return { i, key: under.dataset.line };
    const known = lines.filter((line) => isNumber(valueAt(line, i)));
    const away = (line) => Math.abs(place.shown.get(line)[line.run.places[i]] - y);
    return { i, key: known.length ? known.reduce((a, b) => (away(b) < away(a) ? b : a)).key : null };
  }

  return { svg, lines, named, draw, mark, nearest };
}

/** The place of the step that is next to another. */
const nextTo = (steps, step) => steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best), 0);

/** The value of a line at one of the page's steps, undefined behind the end of its run. */
const valueAt = ({ run, values }, i) => values[run.places[i]];

const shareText = (share) => (isNumber(share) ? `${number(100 * share, 3)}%` : number(share));
