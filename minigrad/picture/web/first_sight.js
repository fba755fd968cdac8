// What is seen first, in which direction and how far folded: so that every letter can be read.

const MOST_SEEN = 60; // boxes
const MOST_STAGES = 1.7; // how many stages long the graph may be when its letters are legible

/** How many stages the graph takes, in its longer direction, with legible letters. */
const stagesOf = () => LEGIBLE / scaleToFit();

/** Fold modules from the innermost outwards until the rest has room, in the direction that has more; a model is one box only then. */
function foldForFirstSight() {
  for (let depth = deepest; depth >= 0; depth--) {
    foldFrom(depth);
    const seen = new Set(nodes.map((_, i) => standsFor(i))).size;
    if (depth > 0 && seen > MOST_SEEN) continue;
    state.direction = roomiest();
    extent = placed();
    if (depth === 0 || stagesOf() <= MOST_STAGES) return;
  }
}

function roomiest() {
  const scales = Object.keys(directions).map((direction) => {
    state.direction = direction;
    extent = placed();
    return [scaleToFit(), direction];
  });
  return scales.reduce((best, one) => (one[0] > best[0] * 1.15 ? one : best))[1];
}

/** Everything if it can be read so, otherwise a legible part: what plays, or else the end, where backward begins. */
function settle() {
  fit();
  if (state.view.scale >= LEGIBLE) return;
  const [width, height] = sizeOfStage();
  const [x, y] = standing.get(inPlay() ?? standsFor(trace.output));
  const along = (place, whole, room) => {
    const most = room - 20 - whole * LEGIBLE; // no emptiness beyond the ends
    return most > 20 ? (room - whole * LEGIBLE) / 2 : Math.min(20, Math.max(most, room / 2 - place * LEGIBLE));
  };
  move(along(x, extent.width, width), along(y, extent.height, height), LEGIBLE);
}

function turn() {
  state.direction = state.direction === "TB" ? "LR" : "TB";
  arrange();
  paint();
  settle();
}
