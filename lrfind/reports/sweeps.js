"use strict";
// The sweeps of the page, what is chosen, and the answer to it.

const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
const AVERAGES = ["ema", "debiased"];
const CURVES = ["raw", "centred", "expected", ...AVERAGES];
const NAMES = {
  raw: "raw losses", ema: "EMA", debiased: "debiased EMA", centred: "centred curve",
  probe: "probe batch", band: "best rate, 90 % interval", others: "other sweeps",
};
const MOST_POINTS = 2000; // drawn of each curve; a screen shows no more

// Every sweep with every source of its losses.
const series = data.results.flatMap((result, number) =>
  result.sources.map((source) => unpackedSource(result, number, source)));

function unpackedSource(result, number, source) {
  const name = result.sources.length > 1 ? `${result.name}: ${source.name}` : result.name;
  const each = { ...source, result, number, name };
  if (source.refused) return each;
  for (const column of ["lr", "loss", "centred"]) each[column] = unpacked(source[column]);
  if (source.probe) each.probe = { lr: unpacked(source.probe.lr), loss: unpacked(source.probe.loss) };
  each.drawn = drawnSteps(each.loss);
  return each;
}

/** The steps that are drawn: all, or of each stretch those of the lowest and the highest loss. */
function drawnSteps(loss) {
  if (loss.length <= MOST_POINTS) return Array.from(loss.keys());
  const drawn = new Set();
  const stretch = Math.ceil((2 * loss.length) / MOST_POINTS);
  for (let start = 0; start < loss.length; start += stretch) {
    let low = start, high = start;
    for (let step = start; step < Math.min(start + stretch, loss.length); step++) {
      if (loss[step] < loss[low]) low = step;
      if (loss[step] > loss[high]) high = step;
    }
    drawn.add(low).add(high);
  }
  return Array.from(drawn).sort((one, other) => one - other);
}

// What is chosen: of beta, its place on the slider; of the factor, null for the rule's own.
const state = {
  series: series[0], beta: data.betas.indexOf(data.beta), factor: null,
  rule: "expected", curve: "debiased", schedule: "", length: "", step: 0, log: false,
};
const shownCurves = { raw: true, ema: true, debiased: true, centred: false, probe: true, band: true, others: true };
const beta = () => data.betas[state.beta];
const rule = () => data.rules[state.rule];

/** The row of the table for a curve, at the beta chosen. */
function row(each, curve) {
  const found = each.rows[curve];
  return Array.isArray(found) ? found[state.beta] : found;
}

/** The other sweeps with losses from the same source. */
function othersOf(each) {
  return series.filter((other) => other !== each && !other.refused && other.source === each.source);
}

/** What is known of every step, in the unit of the sweep's losses. */
function columnsOf(each) {
  const average = ema(each.loss, beta());
  const climbed = each.climbed[state.beta];
  return {
    raw: each.loss, ema: average, debiased: debiased(average, beta()), centred: each.centred,
    ema_shown: average.map((value, step) => (step < climbed ? NaN : value)),
    lr: each.lr, step: Float64Array.from(each.lr.keys()),
  };
}

/** The name of the losses, with their unit if they have one. */
function lossName(each) {
  return each.refused || each.unit === 1 ? "loss" : `loss / ${rate(each.unit)}`;
}

/** The question of the page that an answer starts with. */
function first() {
  const asked = state.series.first ? state.series.first.key : "expected||||";
  const [rule, schedule, length, curve, place] = asked.split("|");
  Object.assign(state, { rule, schedule, length, factor: null });
  if (curve) state.curve = curve;
  state.beta = place === "" ? data.betas.indexOf(data.beta) : Number(place);
}

/** As `question_key` of the library makes it. */
function key() {
  if (!rule().reads_curve) return [state.rule, state.schedule, state.length, "", ""].join("|");
  return [state.rule, "", "", state.curve, AVERAGES.includes(state.curve) ? state.beta : ""].join("|");
}

/** The answer of `suggest` to what is chosen. */
function answer(each) {
  const question = key();
  // What was asked for may take more into account, such as controls.
  if (state.factor === null && question === each.first.key) return { ...each.first, ...each.first.said };
  const found = each.answers[question];
  const told = { ...found, ...each.said[found.said] };
  if (told.refused) return told;
  if (state.factor === null || !rule().uses_factor) return fromScratch(each, told);
  const lr = told.minimum / state.factor;
  if (lr < each.lr[0]) return beyond(each, lr, "below_start", "at start");
  if (lr > each.lr[each.lr.length - 1]) return beyond(each, lr, "above_end", "at end");
  return fromScratch(each, { ...told, lr, factor: state.factor });
}

function beyond(each, lr, flag, verdict) {
  const where = scientific(...rounded(lr, 2));
  return { refused: `${each.result.cut_short}at ${where} ${data.flags[flag]}`, verdict };
}

/** The answer after trainings from scratch: lowered to a rate that starts, refused or kept. */
function fromScratch(each, told) {
  const { tried, started, refused, same } = each.result.starts;
  if (!tried.length || told.lowered === undefined) return told;
  const lr = tried.find((rate) => Math.abs(told.lr / rate - 1) <= same) ?? told.lr;
  if (started === null && lr >= tried[tried.length - 1]) {
    return { refused: each.result.cut_short + refused, verdict: "cold start" };
  }
  if (started === null || (lr > started && started === tried[0])) {
    return { ...told, ...each.said[told.untried] };
  }
  if (lr <= started) return told;
  return { ...told, ...each.said[told.lowered], lr: started, factor: told.minimum / started };
}
