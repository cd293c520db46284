"use strict";
// What the page draws.

const OVERLAY = ["#0072b2", "#cc79a7", "#e69f00", "#009e73", "#56b4e9", "#9a9a9a"];
const SCALES = ["linear", "log"];
const views = {};
const models = {};
let current = {}; // what is drawn: the columns of the sweep

const ink = (name = "--ink") => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** The colour of a curve's marks; beside them stands text, which needs more contrast. */
const markColor = (curve) => ({ raw: "#9a9a9a", ema: "#56b4e9", debiased: "#d55e00" })[curve] || ink();
const textColor = (curve) => ink({ raw: "--grey", ema: "--sky", debiased: "--red" }[curve]);

function picked(columns, steps) {
  return Object.fromEntries(Object.entries(columns).map(
    ([name, values]) => [name, Float64Array.from(steps, (step) => values[step])]));
}

function drawCurves() {
  const each = state.series;
  current = columnsOf(each);
  models.steps.data = each.drawn.length === each.lr.length ? current : picked(current, each.drawn);
  models.probe.data = each.probe || { lr: [], loss: [] };
  drawMinima(each);
  drawOthers(each);
}

function drawMinima(each) {
  const shown = ["ema", "centred", "debiased", "raw"].filter((curve) => shownCurves[curve] && row(each, curve).usable);
  const minima = shown.map((curve) => row(each, curve));
  const color = shown.map(markColor), text_color = shown.map(textColor);
  // Of minima at one place the last is named.
  const said = (value) => minima.map((it, place) =>
    minima.slice(place + 1).some((other) => other.step === it.step) ? "" : rate(value(it)));
  const lr = minima.map((it) => it.lr), below = minima.map((it) => it.below);
  const floor = floorOfFigure();
  models.minima.data = { lr, loss: minima.map((it) => it.loss), color, text_color, said: said((it) => it.lr) };
  models.below.data = { lr: below, loss: below.map(() => floor), color, text_color, said: said((it) => it.below) };
  drawShift(each, shown.includes("raw") && shown.includes("debiased"));
}

/** The arrow from the raw to the debiased minimum. */
function drawShift(each, bothShown) {
  const raw = row(each, "raw"), smoothed = row(each, "debiased");
  const visible = bothShown && raw.step !== smoothed.step;
  for (const scale of SCALES) {
    models[scale].shift.setv({ visible, x_start: raw.lr, y_start: raw.loss, x_end: smoothed.lr, y_end: smoothed.loss });
  }
}

/** The foot of the figure, where the rates one decade below are marked. */
function floorOfFigure() {
  const { start, end } = models[state.log ? "log" : "linear"].figure.y_range;
  return state.log ? start * (end / start) ** 0.025 : start + 0.025 * (end - start);
}

function drawOthers(each) {
  const lines = { lr: [], loss: [], color: [] };
  for (const other of othersOf(each)) {
    const average = debiased(ema(other.loss, beta()), beta());
    const unit = other.unit / each.unit;
    lines.lr.push(Float64Array.from(other.drawn, (step) => other.lr[step]));
    lines.loss.push(Float64Array.from(other.drawn, (step) => average[step] * unit));
    lines.color.push(OVERLAY[other.number % OVERLAY.length]);
  }
  models.others.data = lines;
}

function drawRate() {
  const each = state.series;
  const told = answer(each);
  for (const scale of SCALES) {
    const { rate: line, band, cursor } = models[scale];
    line.visible = !told.refused;
    band.visible = Boolean(told.interval) && shownCurves.band;
    if (!told.refused) line.location = told.lr;
    if (told.interval) band.setv({ left: told.interval[0], right: told.interval[1] });
    cursor.location = each.lr[state.step];
  }
  const line = models["beta rate"];
  line.visible = !told.refused;
  if (!told.refused) line.location = told.lr;
}

function drawBetas() {
  const each = state.series;
  const minima = (curve) => each.rows[curve].map((it) => (it.usable ? it.lr : NaN));
  const below = each.rows.debiased.map((it) => (it.usable ? it.below : NaN));
  const values = [...minima("ema"), ...minima("debiased"), ...below, each.rows.raw.lr].filter(Number.isFinite);
  models.betas.y_range.setv({ start: Math.min(...values) / 1.6, end: Math.max(...values) * 1.6 });
  models["beta lines"].data = {
    window: data.betas.map((value) => 1 / (1 - value)), beta: data.betas,
    ema: minima("ema"), debiased: minima("debiased"), below,
  };
  for (const name of ["raw", "expected"]) {
    models[`beta ${name}`].visible = each.rows[name].usable;
    models[`beta ${name}`].location = each.rows[name].lr;
  }
}

function drawBetaNow() {
  const each = state.series;
  const window_ = 1 / (1 - beta());
  models["beta now"].location = window_;
  const usable = AVERAGES.filter((curve) => row(each, curve).usable);
  const rates = usable.map((curve) => row(each, curve).lr);
  const color = usable.map(markColor);
  if (usable.includes("debiased")) {
    rates.push(row(each, "debiased").below);
    color.push(markColor("debiased"));
  }
  models.now.data = { window: rates.map(() => window_), lr: rates, color };
}

/** The axes of a sweep. */
function frame() {
  const each = state.series;
  const lr = each.lr;
  const pad = (lr[lr.length - 1] / lr[0]) ** 0.02;
  const [low, high] = each.view;
  const least = each.loss.reduce((found, value) => (value > 0 && value < found ? value : found), Infinity);
  const bottom = least === Infinity ? 1 : least / 1.5;
  const limits = { linear: { start: low, end: high }, log: { start: bottom, end: Math.max(high, 2 * bottom) } };
  for (const scale of SCALES) {
    const { figure } = models[scale];
    figure.x_range.setv({ start: lr[0] / pad, end: lr[lr.length - 1] * pad });
    figure.y_range.setv(limits[scale]);
    figure.left[0].axis_label = lossName(each);
  }
  at("log-loss").disabled = least === Infinity;
  if (least === Infinity) state.log = false;
  models.linear.figure.visible = !state.log;
  models.log.figure.visible = state.log;
}

function showCurves() {
  if (state.series.refused) return;
  for (const scale of SCALES) {
    for (const [name, glyph] of Object.entries(models[scale].glyphs)) {
      if (name in shownCurves) glyph.visible = shownCurves[name];
    }
  }
  drawMinima(state.series);
  drawRate();
}

const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const printing = window.matchMedia("print");

/** The colours of a light or a dark screen; on paper, where nothing is drawn anew, as they are. */
function paint() {
  if (printing.matches) return;
  document.documentElement.dataset.figures = darkness.matches ? "dark" : "light";
  const text = ink(), line = ink("--line");
  for (const figure of [models.linear.figure, models.log.figure, models.betas]) {
    for (const axis of [...figure.below, ...figure.left].filter((each) => each.axis_label_text_color !== undefined)) {
      axis.setv({
        axis_label_text_color: text, major_label_text_color: text, axis_line_color: line,
        major_tick_line_color: line, minor_tick_line_color: line,
      });
    }
    for (const grid of figure.center.filter((each) => each.grid_line_color !== undefined)) grid.grid_line_color = line;
  }
  for (const scale of SCALES) models[scale].glyphs.centred.glyph.line_color = text;
  models["beta now"].line_color = text;
  if (current.lr) drawMinima(state.series);
}

/** The upper figure as a picture in a file, which has no page behind it. */
async function picture(kind) {
  const scale = state.log ? "log" : "linear";
  const fill = (color) => models[scale].figure.setv({ background_fill_color: color, border_fill_color: color });
  fill(ink("--paper"));
  const made = await views[scale].export(kind).to_blob();
  fill(null);
  return made;
}

/** Finds what was embedded, by the names that the library gave. */
function collect(manager) {
  const { ids } = data.figures;
  for (const scale of SCALES) {
    const figure = manager.curves.document.get_model_by_id(ids[scale]);
    const named = (name) => [...figure.center, ...figure.renderers].find((each) => each.name === name);
    models[scale] = { figure, glyphs: {} };
    for (const name of ["rate", "cursor", "band", "shift"]) models[scale][name] = named(name);
    for (const glyph of figure.renderers) {
      if (glyph.name && glyph.glyph) models[scale].glyphs[glyph.name] = glyph;
    }
    views[scale] = manager.curves.find(figure);
  }
  for (const name of ["steps", "probe", "minima", "below", "others"]) {
    models[name] = manager.curves.document.get_model_by_name(`${name} data`);
  }
  models.betas = manager.betas.document.get_model_by_id(ids.betas);
  models["beta lines"] = manager.betas.document.get_model_by_name("betas data");
  models.now = manager.betas.document.get_model_by_name("now data");
  for (const name of ["beta raw", "beta expected", "beta rate", "beta now"]) {
    models[name] = manager.betas.document.get_model_by_name(name);
  }
}

async function embedded(name) {
  const found = await Bokeh.embed.embed_item(data.figures[name], name);
  const view = found.roots ? found.roots[0] : found[0];
  return { document: view.model.document, find: (wanted) => viewOf(view, wanted) };
}

function viewOf(view, wanted) {
  if (view.model === wanted) return view;
  for (const child of view.child_views || []) {
    const found = viewOf(child, wanted);
    if (found) return found;
  }
  return undefined;
}
