"use strict";
// What the page says in texts and tables.

function fill(parent, ...children) {
  parent.replaceChildren(...children);
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function showAnswer() {
  const each = state.series;
  if (each.refused) return showRefusal({ refused: each.refused, verdict: "too short" });
  const told = answer(each);
  if (told.refused) return showRefusal(told);
  at("answer").classList.remove("refused");
  at("rate").textContent = `Train at ${rate(told.lr)}`;
  at("rate").dataset.value = told.lr;
  const lines = [["for", told.for]];
  if (rule().uses_factor) {
    const name = rule().reads_curve ? curveName(state.curve) : "expected";
    lines.push(["why", `${rate(told.factor)}x below the ${name} minimum ${rate(told.minimum)}`]);
  }
  if (told.interval) lines.push(["interval", `${rate(told.interval[0])} to ${rate(told.interval[1])}, meant to hold the best rate 9 times in 10`]);
  lines.push(["trust", `${told.trust} (${told.verdict}): ${told.why}`], ["next", told.remedy]);
  for (const flag of told.cautions) lines.push(["but", data.flags[flag]]);
  fill(at("said"), ...lines.flatMap(([term, text]) => [element("dt", term), element("dd", text)]));
}

function showRefusal(told) {
  at("answer").classList.add("refused");
  at("rate").textContent = "No rate";
  delete at("rate").dataset.value;
  fill(at("said"), element("dt", told.verdict || "why"), element("dd", told.refused));
}

function curveName(curve) {
  return AVERAGES.includes(curve) ? `${NAMES[curve]} ${beta()}` : curve;
}

function showMinima() {
  const each = state.series;
  const curves = each.refused ? [] : CURVES;
  at("loss-head").textContent = lossName(each);
  fill(at("minima").tBodies[0], ...curves.map((curve) => minimumRow(curve, row(each, curve))));
  const flags = new Map();
  for (const curve of curves) for (const flag of row(each, curve).flags) {
    flags.set(flag, [...(flags.get(flag) || []), row(each, curve).label]);
  }
  fill(at("flags"), ...Array.from(flags, ([flag, labels]) =>
    element("li", `${flag.replaceAll("_", " ")} (${labels.join(", ")}): ${data.flags[flag]}.`)));
  at("shift").textContent = each.refused ? "" : shiftWords(row(each, "debiased"));
}

function minimumRow(curve, found) {
  const cells = [
    found.usable ? [precise(found.lr), found.lr] : ["none"],
    [found.step, found.step],
    [found.loss.toPrecision(3), found.loss],
    found.usable ? [precise(found.below), found.below] : [""],
    [curve === "raw" ? "" : decades(found.shift), found.shift],
    [AVERAGES.includes(curve) ? withError(found) : "", found.smoothing],
    [decades(found.debiasing), found.debiasing],
    [curve === "raw" || curve === "expected" ? "" : decades(found.noise), found.noise],
  ];
  const made = element("tr", undefined, { "data-curve": curve });
  if (!found.usable) made.className = "dim";
  const name = AVERAGES.includes(curve) ? curveName(curve) : found.label;
  made.append(element("th", name, { scope: "row" }));
  for (const [text, value] of cells) {
    const cell = element("td", text);
    if (value !== undefined && value !== null) cell.dataset.value = value;
    made.append(cell);
  }
  return made;
}

function withError(found) {
  return found.smoothing === null ? "" : `${decades(found.smoothing)} ±${found.error.toFixed(2)}`;
}

function shiftWords(found) {
  if (found.shift === null || found.flags.includes("smoothed")) return "";
  const said = `With beta ${beta()} the minimum lies ${times(found.shift)} (${decades(found.shift)} decades) from the raw one`;
  if (found.smoothing === null || found.noise === null) return `${said}.`;
  const debiasing = found.debiasing === null ? "" : ` (debiasing ${times(found.debiasing)})`;
  return `${said}: smoothing moves it ${times(found.smoothing)}${debiasing}, noise the raw one ${times(-found.noise)}.`;
}

/** A row for each sweep and source; the table is there with several sweeps. */
function showResults() {
  if (!at("results")) return;
  fill(at("results").tBodies[0], ...series.map((each) => {
    const told = each.refused ? each : answer(each);
    const minimum = (curve, column) =>
      !each.refused && row(each, curve).usable ? precise(row(each, curve)[column]) : "";
    const cells = [
      told.refused ? "no rate" : rate(told.lr),
      told.interval ? `${rate(told.interval[0])} to ${rate(told.interval[1])}` : "",
      told.verdict || "", minimum("raw", "lr"), minimum("debiased", "lr"), minimum("debiased", "below"),
    ];
    const made = element("tr");
    made.append(element("th", each.name, { scope: "row" }), ...cells.map((text) => element("td", text)));
    if (!told.refused) made.cells[1].dataset.value = told.lr;
    return made;
  }));
}

function showFacts() {
  const names = new Set(data.results.flatMap((result) => Object.keys(result.facts)));
  const head = element("tr");
  if (data.results.length > 1) head.append(element("td"), ...data.results.map((each) => element("th", each.name, { scope: "col" })));
  fill(at("facts").tHead, head);
  fill(at("facts").tBodies[0], ...Array.from(names, (name) => {
    const made = element("tr");
    made.append(element("th", name, { scope: "row" }), ...data.results.map((each) => element("td", each.facts[name] ?? "")));
    return made;
  }));
}

/** The losses of the step chosen, among the columns that are drawn. */
function showStep(columns) {
  const each = state.series;
  const number = (value) => Number.isFinite(value) ? value.toPrecision(4) : "none";
  const shown = { raw: "raw", EMA: "ema", "debiased EMA": "debiased", centred: "centred" };
  const losses = Object.entries(shown).map(([name, column]) => `${name} ${number(columns[column][state.step])}`);
  const unit = each.unit === 1 ? "" : ` (${lossName(each)})`;
  at("step-shown").textContent = state.step;
  at("readout").textContent = `rate ${precise(each.lr[state.step])}: ${losses.join(", ")}${unit}`;
}
