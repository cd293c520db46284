"use strict";
// What can be chosen on the page, and saved from it; here it starts.

const FACTOR_STEPS = 50; // per decade

function legend() {
  const others = othersOf(state.series);
  const names = Object.keys(NAMES).filter((name) =>
    (name !== "probe" || state.series.probe) && (name !== "others" || others.length));
  const items = names.map((name) => {
    const box = element("input", undefined, { type: "checkbox", id: `show-${name}` });
    box.checked = shownCurves[name];
    box.addEventListener("change", () => {
      shownCurves[name] = box.checked;
      showCurves();
    });
    const label = element("label", undefined, { for: box.id, class: name });
    label.append(box, element("span", undefined, { class: "mark" }), element("span", NAMES[name]));
    return label;
  });
  fill(at("legend"), ...items, ...others.map(otherName));
}

/** The name of another sweep in the colour of its line. */
function otherName(each) {
  const made = element("span", undefined, { class: "other" });
  const mark = element("span", undefined, { class: "mark" });
  mark.style.setProperty("--mark", OVERLAY[each.number % OVERLAY.length]);
  made.append(mark, element("span", each.name));
  return made;
}

function options(select, pairs, chosen) {
  fill(select, ...pairs.map(([value, text]) => {
    const made = element("option", text, { value });
    made.selected = String(value) === String(chosen);
    return made;
  }));
}

function curveChoices() {
  if (!rule().reads_curve) return [["", "none: the whole sweep"]];
  const curves = [...(rule().reads_raw ? ["raw"] : []), "centred", ...AVERAGES];
  return curves.map((curve) => [curve, NAMES[curve]]);
}

function showChoices() {
  const { reads_curve } = rule();
  at("schedule").disabled = at("length").disabled = reads_curve;
  at("curve").disabled = !reads_curve;
  options(at("curve"), curveChoices(), state.curve);
  at("rule").value = state.rule;
  at("schedule").value = state.schedule;
  at("length").value = state.length;
  at("beta").value = state.beta;
  at("log-loss").checked = state.log;
  showSlider("beta", `${beta()}`);
  showFactor();
}

/** What a slider says of itself: its value is only a place. */
function showSlider(id, text) {
  at(`${id}-shown`).textContent = text;
  at(id).setAttribute("aria-valuetext", text);
}

function showFactor() {
  const each = state.series;
  const usual = each.refused || !rule().uses_factor ? undefined : each.answers[key()].factor;
  at("factor").disabled = usual === undefined;
  if (usual === undefined) return showSlider("factor", "");
  const factor = state.factor ?? answer(each).factor ?? usual;
  at("factor").value = Math.round(Math.log10(factor) * FACTOR_STEPS);
  showSlider("factor", `${rate(factor)}${factor === usual ? ", the rule's own" : ""}`);
}

/** Shows everything that depends on what has changed. */
function update(what) {
  const each = state.series;
  if (what.sweep) {
    at("opening").textContent = [each.result.origin, each.result.opening].filter(Boolean).join(" ");
    at("step").max = each.refused ? 0 : each.lr.length - 1;
    state.step = Math.min(state.step, Number(at("step").max));
    at("step").value = state.step;
    legend();
  }
  for (const id of ["curves", "betas"]) at(id).parentElement.classList.toggle("empty", Boolean(each.refused));
  if (!each.refused) draw(what);
  if (what.sweep || what.beta) showMinima();
  showChoices();
  showAnswer();
  if (!what.step) showResults();
}

/** The same for what is drawn, and for the step. */
function draw(what) {
  if (what.sweep) {
    frame();
    drawBetas();
  }
  if (what.sweep || what.beta) {
    drawCurves();
    drawBetaNow();
  }
  if (what.sweep || what.beta || what.step) showStep(current);
  drawRate();
}

/** The rule chosen, and a curve that it reads. */
function chooseRule(name) {
  Object.assign(state, { rule: name, factor: null });
  if (rule().reads_curve && !curveChoices().some(([curve]) => curve === state.curve)) state.curve = "debiased";
}

function listen() {
  const changes = {
    source: (value) => { state.series = series[value]; first(); return { sweep: true }; },
    schedule: (value) => { state.schedule = value; state.factor = null; return {}; },
    length: (value) => { state.length = value; state.factor = null; return {}; },
    rule: (value) => { chooseRule(value); return {}; },
    curve: (value) => { state.curve = value; state.factor = null; return {}; },
    beta: (value) => { state.beta = Number(value); return { beta: true }; },
    factor: (value) => { state.factor = 10 ** (value / FACTOR_STEPS); return {}; },
    step: (value) => { state.step = Number(value); return { step: true }; },
  };
  for (const [id, change] of Object.entries(changes)) {
    at(id).addEventListener("input", (event) => update(change(event.target.value)));
  }
  at("choices").addEventListener("submit", (event) => event.preventDefault());
  at("start-again").addEventListener("click", () => { first(); update({ sweep: true }); });
  at("log-loss").addEventListener("change", (event) => {
    state.log = event.target.checked;
    update({ sweep: true });
  });
  at("csv").addEventListener("click", () => save(new Blob([csv()], { type: "text/csv" }), "csv"));
  for (const kind of ["svg", "png"]) {
    at(kind).addEventListener("click", async () => save(await picture(kind), kind));
  }
  for (const media of [darkness, printing]) media.addEventListener("change", paint);
}

/** The columns that `RangeTestResult.to_csv` writes, with the averages at the slider's beta. */
function csv() {
  const own = state.series.result.columns.map(([name, text]) => [name, unpacked(text)]);
  const [, [, loss]] = own; // after the rates
  const average = ema(loss, beta());
  const averages = [["ema", average], ["debiased", debiased(average, beta())]];
  const columns = [...own.slice(0, 2), ...averages, ...own.slice(2)];
  const lines = [csvLine(["step", ...columns.map(([name]) => name)])];
  loss.forEach((_, step) => lines.push(csvLine([step, ...columns.map(([, values]) => values[step])])));
  return lines.join("");
}

function save(content, suffix) {
  const address = URL.createObjectURL(content);
  const link = element("a", undefined, { href: address, download: `range_test.${suffix}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

async function start() {
  collect({ curves: await embedded("curves"), betas: await embedded("betas") });
  options(at("source"), series.map((each, number) => [number, each.name]), 0);
  options(at("rule"), Object.entries(data.rules).map(([name, each]) => [name, each.label]), state.rule);
  options(at("length"), [["", "not known yet"], ...data.lengths.map((each) => [each, each.toLocaleString("en-US")])], "");
  at("source").parentElement.hidden = series.length === 1;
  at("beta").max = data.betas.length - 1;
  first();
  listen();
  showFacts();
  paint();
  update({ sweep: true });
  showCurves();
  document.documentElement.dataset.ready = "true";
}

start();
