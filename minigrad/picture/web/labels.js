// Names of lines: which of a plot are told, and where they stand, to the right of all curves.

const MOST_NAMED = 4; // lines of a plot, in each run
const LABEL = { size: 11.5, gap: 14, share: 0.3 }; // pixels, and the most of a plot's width

const isNumber = (value) => typeof value === "number"; // not null, "nan" or "inf"

/** The keys of the lines that say most: those that a fault names, the worst first; else those that end highest. */
function tellingOf(lines, worst) {
  const ends = new Map(); // key -> the last number, of the run where it is larger
  for (const { key, values } of lines) {
    const end = values.findLast(isNumber);
    if (end !== undefined) ends.set(key, Math.max(end, ends.get(key) ?? -Infinity));
  }
  const named = [...new Set(worst)].filter((key) => ends.has(key));
  const isAll = named.length === ends.size; // which tells none from the others
  return named.length && !isAll ? named.slice(0, MOST_NAMED) : [...ends.keys()].sort((a, b) => ends.get(b) - ends.get(a)).slice(0, MOST_NAMED);
}

/** Heights as near to those that are wanted, in ascending order, as `gap` between any two of them allows. */
function spread(wanted, gap, from, to) {
  const groups = []; // of neighbours that touch
  const group = (count, sum) => ({ count, sum, first: Math.max(from, Math.min(to - (count - 1) * gap, sum / count)) });
  for (const y of wanted) {
    let last = group(1, y); // the sum is of the heights that its members want for the first of them
    while (groups.length && groups.at(-1).first + groups.at(-1).count * gap > last.first) {
      const above = groups.pop();
      last = group(above.count + last.count, above.sum + last.sum - above.count * last.count * gap);
    }
    groups.push(last);
  }
  return groups.flatMap(({ count, first }) => Array.from({ length: count }, (_, k) => first + k * gap));
}

const pen = document.createElement("canvas").getContext("2d");

function widthOf(text, size = LABEL.size) {
  pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

/** A name no wider than is asked: its parts as initials, from the front, as far as is needed; then without its middle. */
function cut(name, width, size) {
  const fits = (text) => widthOf(text, size) <= width;
  const parts = name.split(".");
  for (let k = 0; k < parts.length - 1 && !fits(parts.join(".")); k++) parts[k] = parts[k].split("_").map((word) => [...word][0] ?? "").join("");
  const letters = [...parts.join(".")];
  for (let n = letters.length; n > 0; n--) {
    const dots = n < letters.length ? "…" : "";
    const text = letters.slice(0, Math.floor(n / 3)).concat(dots, letters.slice(letters.length - Math.ceil((2 * n) / 3))).join("");
    if (fits(text)) return text;
  }
  return "…";
}
