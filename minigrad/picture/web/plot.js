// One plot: lines over the steps, its axes, and the cursor that reads their values.

const MARGIN = { left: 52, right: 12, top: 10, bottom: 26 };
const DECADES = 16; // at most, below the largest value of a logarithmic axis

const isNumber = (value) => typeof value === "number"; // not null, "nan" or "inf"
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

/** A figure with `lines` of {key, name, values, colour, dash}; `draw` fits it to its width, `mark` reads a step. */
function plot(parent, steps, title, hint, lines, options) {
  const figure = make(parent, "figure");
  const caption = make(figure, "figcaption", {}, `${title} `);
  make(caption, "span", { class: "soft" }, hint);
  const svg = make(figure, "svg", { class: "plot", tabindex: 0, role: "img", "aria-label": `${title}, ${lines.length} lines over ${steps.length} steps` });
  const axis = axisOf(lines, options);
  const [first, last] = [steps[0], Math.max(steps.at(-1), steps[0] + 1)];
  let place = null;
  let cursor = null;

  function draw() {
    const [width, height] = [svg.clientWidth || 400, svg.clientHeight || 210];
    if (place?.width === width && place.height === height) return; // what a reader points at stays
    const x = (i) => MARGIN.left + ((steps[i] - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
    const up = (v) => height - MARGIN.bottom - ((v - axis.from) / (axis.to - axis.from)) * (height - MARGIN.top - MARGIN.bottom);
    place = { width, height, x, y: (v) => up(axis.of(v)) };
    svg.replaceChildren();
    for (const [at, text] of axis.marks) {
      make(svg, "line", { class: "rule", x1: MARGIN.left, x2: width - MARGIN.right, y1: up(at), y2: up(at) });
      make(svg, "text", { x: MARGIN.left - 6, y: up(at) + 4, "text-anchor": "end" }, text);
    }
    for (const step of roundMarks(first, last, Math.max(2, Math.floor(width / 90)))) {
      const at = MARGIN.left + ((step - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
      if (Number.isInteger(step)) make(svg, "text", { x: at, y: height - 8, "text-anchor": at > width - 30 ? "end" : "middle" }, step.toLocaleString("en"));
    }
    make(svg, "line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: height - MARGIN.bottom, y2: height - MARGIN.bottom });
    if (options.guide) {
      const at = place.y(options.guide);
      make(svg, "line", { class: "guide", x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at });
    }
    for (const line of lines) {
      const path = make(svg, "path", { class: `line ${line.kind ?? ""}`, d: pathOf(line.values), "data-line": line.key });
      if (line.colour) path.setAttribute("stroke", line.colour);
      if (line.dash) path.setAttribute("stroke-dasharray", line.dash);
    }
    cursor = make(svg, "g");
  }

  /** Unbroken stretches of numbers; a lone one as a short dash, that it be seen. */
  function pathOf(values) {
    let text = "";
    values.forEach((value, i) => {
      if (!isNumber(value)) return;
      const point = `${place.x(i).toFixed(1)} ${place.y(value).toFixed(1)}`;
      const isFirst = i === 0 || !isNumber(values[i - 1]);
      text += `${isFirst ? "M" : "L"}${point}`;
      if (isFirst && !isNumber(values[i + 1])) text += "h2";
    });
    return text;
  }

  function mark(i, key) {
    cursor.replaceChildren();
    if (i === null) return;
    const at = place.x(i);
    make(cursor, "line", { class: "cursor", x1: at, x2: at, y1: MARGIN.top, y2: place.height - MARGIN.bottom });
    const line = lines.find((one) => one.key === key) ?? (lines.length === 1 ? lines[0] : null);
    if (!line || !isNumber(line.values[i])) return;
    const y = place.y(line.values[i]);
    make(cursor, "circle", { class: "dot", cx: at, cy: y, r: 4.5, fill: line.colour ?? "var(--ink)" });
    const isRight = at > place.width / 2;
    const text = make(cursor, "text", { class: "told", x: at + (isRight ? -10 : 10), y: y < 30 ? y + 18 : y - 8, "text-anchor": isRight ? "end" : "start" });
    text.textContent = `${line.name} ${options.isShare ? shareText(line.values[i]) : number(line.values[i], 3)}`;
  }

  /** The step, as its place among `steps`, and the line that are nearest to a point. */
  function nearest(clientX, clientY) {
    const box = svg.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const i = nearestStep(first + ((x - MARGIN.left) / (place.width - MARGIN.left - MARGIN.right)) * (last - first));
    const known = lines.filter((line) => isNumber(line.values[i]));
    const away = (line) => Math.abs(place.y(line.values[i]) - y);
    return { i, key: known.length ? known.reduce((a, b) => (away(b) < away(a) ? b : a)).key : null };
  }

  function nearestStep(step) {
    return steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best), 0);
  }

  return { svg, lines, draw, mark, nearest };
}

const shareText = (share) => (isNumber(share) ? `${number(100 * share, 3)}%` : number(share));
