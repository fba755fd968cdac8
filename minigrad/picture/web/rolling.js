// Rolls, which are loops and repeats: of each one step is open. What is in another step has no place; its twin in the
// open one stands for it.

const opened = []; // number of a roll -> the step that is open
const frames = []; // number of a roll -> the path of the module that is its frame
for (const { roll, path } of modules.values()) if (roll) [opened[roll.number], frames[roll.number]] = [0, path];
const keyOfTwin = (twin, steps) => [twin, ...steps].join();
const inSteps = new Map(nodes.map(({ id: i, twin, steps }) => [keyOfTwin(twin, steps), i]));
const isWithin = (i, path) => ancestors(nodes[i].scope).includes(path);

// A folded roll stands for all steps of what is in it, but not of the data that comes from outside.
/** The place, among the rolls of a node, of the one of which another step is open; -1 if there is none. */
const closedAround = (i) => nodes[i].rolls.findIndex((roll, k) => opened[roll] !== nodes[i].steps[k] && (isUnfolded(frames[roll]) || !isWithin(i, frames[roll])));
const isOpen = (i) => closedAround(i) < 0;
const openTwin = ({ id: i, twin, rolls }) => (isOpen(i) ? i : inSteps.get(keyOfTwin(twin, rolls.map((roll) => opened[roll]))) ?? twin);

/** What is played in one go, as a key: a node, or all that is in a folded module in one step of the rolls in sight. */
function goOf(i) {
  const folded = foldedAround(i);
  if (folded === undefined) return i;
  return [folded, ...nodes[i].steps.filter((_, k) => isUnfolded(frames[nodes[i].rolls[k]]))].join();
}

/** Whether an edge leads from one step of a roll to another. */
function isCarried({ source, target }) {
  const [from, to] = [nodes[source], nodes[target]];
  return from.rolls.some((roll, k) => to.rolls.includes(roll) && to.steps[to.rolls.indexOf(roll)] !== from.steps[k]);
}

const carried = edges.map(isCarried);
const samples = new Map(); // what is alike in all steps -> the first such edge, which has the place
const sampleOf = edges.map(({ source, output, target, argument }, i) => {
  const key = [nodes[source].twin, output, nodes[target].twin, argument, carried[i]].join();
  if (!samples.has(key)) samples.set(key, i);
  return samples.get(key);
});

/** Open the step of every roll around a node; returns whether another was open. */
function openSteps(i) {
  const before = opened.join();
  nodes[i].rolls.forEach((roll, k) => { opened[roll] = nodes[i].steps[k]; });
  return opened.join() !== before;
}

/** Make a node visible: its modules are unfolded, its steps opened. */
function reveal(i) {
  for (const path of ancestors(nodes[i].scope)) state.folded.delete(path);
  openSteps(i);
  arrange();
}

/** Open the steps in which a pass is. */
function follow(i) {
  if (i !== undefined && openSteps(i)) arrange();
}

/** A name of something in a module as it is in these steps: number of a roll -> step. */
function calledIn(name, scope, stepOf) {
  return ancestors(scope).reverse().reduce((called, frame) => {
    const { roll } = modules.get(frame);
    const other = roll?.paths[stepOf(roll.number)];
    return other && called.startsWith(frame) ? other + called.slice(frame.length) : called;
  }, name);
}

/** What a module is called in the steps that are open. */
const pathNow = (path) => calledIn(path, path, (roll) => opened[roll]);

/** Where a node is, in words: its module, and its steps of loops that are no modules. */
function whereIs({ within, scope, rolls, steps }) {
  const told = rolls.map((roll, k) => (modules.get(frames[roll]).roll.paths.length ? "" : `step ${(steps[k] + 1).toLocaleString("en")}`));
  return [calledIn(within ?? scope, scope, (roll) => steps[rolls.indexOf(roll)]), ...told].filter(Boolean).join(", ");
}

/** The step, in words, of a node in one that is not open. */
const stepOf = (i) => `step ${(nodes[i].steps[closedAround(i)] + 1).toLocaleString("en")}`;

/** The step of which a line tells that is drawn for edges of steps that are not open. */
const stepElsewhere = (i) => stepOf([edges[i].source, edges[i].target].find((k) => !isOpen(k)));

function openStep(roll, step) {
  opened[roll.number] = Math.max(0, Math.min(roll.steps - 1, Math.trunc(step) || 0));
  arrange();
  paint();
}

// --- in the frame of a roll ---------------------------------------------------------------------------------------

const choosers = []; // number of a roll -> the field that tells and takes its open step

const widthOfField = ({ steps }) => 32 + 9 * String(steps).length;
const widthOfSteps = (roll) => 58 + widthOfField(roll) + 8 * roll.steps.toLocaleString("en").length;

/** In the frame of a roll, at the right: which step is open, and any other to be opened. */
function arrangeSteps(roll, isFolded, right, top) {
  const chooser = choosers[roll.number] ??= drawSteps(roll);
  chooser.outer.style.display = isFolded ? "none" : "";
  chooser.outer.setAttribute("x", right - widthOfSteps(roll) - 4);
  chooser.outer.setAttribute("y", top + 1);
  chooser.field.value = opened[roll.number] + 1;
}

function drawSteps(roll) {
  const outer = make(titleLayer, "foreignObject", { width: widthOfSteps(roll), height: 24, class: "steps" });
  const label = document.createElement("label");
  const field = document.createElement("input");
  Object.assign(field, { type: "number", min: 1, max: roll.steps });
  field.style.width = `${widthOfField(roll)}px`;
  field.setAttribute("aria-label", `step that is open, of ${roll.steps}`);
  field.addEventListener("change", () => openStep(roll, Number(field.value) - 1));
  label.append("step ", field, ` of ${roll.steps.toLocaleString("en")}`);
  outer.append(label);
  return { outer, field };
}
