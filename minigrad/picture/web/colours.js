// Colours by gradient norm.

const STOPS = [[255, 247, 214], [254, 204, 92], [253, 141, 60], [214, 40, 40], [92, 0, 70]]; // light is small
const normOf = (node) => (node.gradient ? Math.hypot(...[node.gradient].flat().filter(Boolean).map((stats) => stats.norm)) : null);

/** Of a folded module: the norm of the gradients of all its parameters together. */
function normOfModule({ nodes: members }) {
  const norms = members.map((i) => nodes[i]).filter(({ kind, gradient }) => kind === "parameter" && gradient).map(normOf);
  return norms.length ? Math.hypot(...norms) : null;
}

function colour() {
  const isByGradient = id("colours").value === "gradient";
  const norms = nodes.map(normOf);
  const logs = norms.filter((norm) => norm > 0).map(Math.log10);
  const low = logs.reduce((a, b) => Math.min(a, b), Infinity);
  const high = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const fill = (shape, texts, norm) => {
    const share = high > low ? (Math.log10(norm) - low) / (high - low) : 0.5;
    const rgb = norm > 0 ? mix(STOPS, share) : [255, 255, 255];
    const isColoured = isByGradient && norm !== null;
    shape.style.fill = isColoured ? `rgb(${rgb})` : "";
    for (const text of texts) text.style.fill = isColoured ? (share > 0.6 && norm > 0 ? "white" : "#1f2933") : "";
  };
  drawnNodes.forEach(({ shape, group }, i) => fill(shape, group.querySelectorAll("text, tspan"), norms[i]));
  for (const [path, { frame, text }] of drawnModules) fill(frame, [text], state.folded.has(path) ? normOfModule(modules.get(path)) : null);
  const legend = id("legend");
  legend.replaceChildren();
  legend.hidden = !isByGradient || !logs.length;
  if (legend.hidden) return;
  make(legend, "span", {}, `gradient norm ${number(10 ** low)}`);
  make(legend, "span", { class: "legend-bar" }).style.background = `linear-gradient(90deg, ${STOPS.map((stop) => `rgb(${stop})`)})`;
  make(legend, "span", {}, `${number(10 ** high)}; zero is white`);
}
