"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const AVERAGES = ["ema", "debiased"];
  const COLORS = { raw: "#9a9a9a", ema: "#56b4e9", debiased: "#d55e00", centred: null };
  const OVERLAY = ["#0072b2", "#cc79a7", "#e69f00", "#009e73", "#56b4e9", "#9a9a9a"];
  const NAMES = {
    raw: "raw losses", ema: "EMA", debiased: "debiased EMA", centred: "centred curve",
    probe: "probe batch", band: "best rate, 90 % interval", others: "other sweeps",
  };
  const FACTOR_STEPS = 50; // per decade
  const MOST_POINTS = 2000; // drawn of each curve; a screen shows no more

  // Every sweep with every source of its losses.
  const series = [];
  data.results.forEach((result, number) => {
    for (const source of result.sources) series.push(made(result, number, source));
  });

  function made(result, number, source) {
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

  // What is chosen.
  const state = {
    series: series[0], beta: data.betas.indexOf(data.beta), factor: null,
    rule: "expected", curve: "debiased", schedule: "", length: "", step: 0, log: false,
  };
  const beta = () => data.betas[state.beta];
  const readsCurve = () => data.rules[state.rule].reads_curve;

  function row(each, curve) {
    const found = each.rows[curve];
    return Array.isArray(found) ? found[state.beta] : found;
  }

  // The answer, with the factor of the slider.

  function key(each) {
    const beta_ = readsCurve() && AVERAGES.includes(state.curve) ? beta() : "";
    const parts = readsCurve() ? [state.rule, "", "", state.curve] : [state.rule, state.schedule, state.length, ""];
    return [...parts, beta_ || ""].join("|");
  }

  function answer(each) {
    const found = each.answers[key(each)];
    const told = { ...found, ...each.said[found.said] };
    if (told.refused || state.factor === null || !data.rules[state.rule].uses_factor) return told;
    return refactored(each, told, state.factor);
  }

  /** The answer with another factor, by the rules of `lrfind.suggest`. */
  function refactored(each, told, factor) {
    const lr = told.minimum / factor;
    const last = each.lr[each.lr.length - 1];
    if (lr < each.lr[0] || lr > last) {
      const flag = lr < each.lr[0] ? "below_start" : "above_end";
      const [mantissa, exponent] = rounded(lr, 2);
      return { refused: `at ${scientific(mantissa, exponent)} ${data.flags[flag]}`, verdict: flag.replace("below", "at").replace("above", "at").replace("_", " ") };
    }
    const { started, highest } = each.started || {};
    if (each.started && !readsCurve() && started !== null && lr > started && started !== highest) {
      return { ...told, lr: started, factor: told.minimum / started };
    }
    return { ...told, lr, factor };
  }

  // Showing it.

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
    if (data.rules[state.rule].uses_factor) {
      const name = readsCurve() ? curveName(state.curve) : "expected";
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
    const curves = each.refused ? [] : ["raw", "centred", "expected", ...AVERAGES];
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
      [curve === "raw" || !AVERAGES.includes(curve) ? found.label : `${NAMES[curve]} ${beta()}`],
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

  function showResults() {
    if (!at("results")) return;
    fill(at("results").tBodies[0], ...series.map((each) => {
      const told = each.refused ? each : answer(each);
      const minima = each.refused ? ["", "", ""] : [row(each, "raw").lr, row(each, "debiased").lr, row(each, "debiased").below];
      const cells = [
        each.name, told.refused ? "no rate" : rate(told.lr),
        told.interval ? `${rate(told.interval[0])} to ${rate(told.interval[1])}` : "",
        told.verdict || "", ...minima.map((value) => (value === "" ? "" : precise(value))),
      ];
      const made = element("tr");
      cells.forEach((text) => made.append(element("td", text)));
      if (!told.refused) made.cells[1].dataset.value = told.lr;
      return made;
    }));
  }

  function showFacts() {
    const names = new Map();
    for (const result of data.results) for (const name of Object.keys(result.facts)) names.set(name, true);
    const head = element("tr");
    if (data.results.length > 1) head.append(element("th"), ...data.results.map((each) => element("th", each.name, { scope: "col" })));
    fill(at("facts").tHead, head);
    fill(at("facts").tBodies[0], ...Array.from(names.keys(), (name) => {
      const made = element("tr");
      made.append(element("td", name), ...data.results.map((each) => element("td", each.facts[name] ?? "")));
      return made;
    }));
  }

  function showStep() {
    const each = state.series;
    if (each.refused) return;
    const step = state.step;
    at("step-shown").textContent = step;
    const values = NAMES_OF_READOUT.map(([name, column]) => `${name} ${figureNumber(current[column][step])}`);
    at("readout").textContent = `rate ${precise(each.lr[step])}: ${values.join(", ")}`;
  }
  const NAMES_OF_READOUT = [["raw", "raw"], ["EMA", "ema"], ["debiased EMA", "debiased"], ["centred", "centred"]];
  const figureNumber = (value) => Number.isFinite(value) ? value.toPrecision(4) : "none";

  // The figures.

  const views = {};
  const models = {};
  let current = {};

  function model(name) {
    return models[name];
  }

  function columnsOf(each) {
    const average = ema(each.loss, beta());
    const climbed = each.climbed[state.beta];
    return {
      raw: each.loss, ema: average, debiased: debiased(average, beta()), centred: each.centred,
      ema_shown: average.map((value, step) => (step < climbed ? NaN : value)),
      lr: each.lr, step: Float64Array.from(each.lr.keys()),
    };
  }

  function picked(columns, steps) {
    return Object.fromEntries(Object.entries(columns).map(
      ([name, values]) => [name, Float64Array.from(steps, (step) => values[step])]));
  }

  function drawCurves() {
    const each = state.series;
    if (each.refused) return;
    current = columnsOf(each);
    model("steps").data = each.drawn.length === each.lr.length ? current : picked(current, each.drawn);
    model("probe").data = each.probe || { lr: [], loss: [] };
    drawMinima(each);
    drawOthers(each);
  }

  function drawMinima(each) {
    const shown = ["ema", "centred", "debiased", "raw"].filter((curve) => shownCurves[curve] && row(each, curve).usable);
    const minima = shown.map((curve) => row(each, curve));
    const color = shown.map((curve) => COLORS[curve] || ink());
    // Of minima at one place the last is named.
    const said = (value) => minima.map((it, place) =>
      minima.slice(place + 1).some((other) => other.step === it.step) ? "" : rate(value(it)));
    const lr = minima.map((it) => it.lr), below = minima.map((it) => it.below);
    model("minima").data = { lr, loss: minima.map((it) => it.loss), color, said: said((it) => it.lr) };
    model("below").data = { lr: below, loss: below.map(() => floorOf(each)), color, said: said((it) => it.below) };
    drawShift(row(each, "raw"), row(each, "debiased"));
  }

  function drawShift(raw, smoothed) {
    const arrow = raw.usable && smoothed.usable && raw.step !== smoothed.step;
    for (const scale of ["linear", "log"]) {
      const drawn = models[scale].shift;
      drawn.visible = arrow;
      if (arrow) drawn.setv({ x_start: raw.lr, y_start: raw.loss, x_end: smoothed.lr, y_end: smoothed.loss });
    }
  }

  /** The foot of the figure, where the rates one decade below are marked. */
  function floorOf(each) {
    const { start, end } = models[state.log ? "log" : "linear"].figure.y_range;
    return state.log ? start * (end / start) ** 0.025 : start + 0.025 * (end - start);
  }

  function drawOthers(each) {
    const others = series.filter((other) => other !== each && !other.refused && other.source === each.source);
    const lines = { lr: [], loss: [], color: [] };
    others.forEach((other) => {
      const average = debiased(ema(other.loss, beta()), beta());
      lines.lr.push(Float64Array.from(other.drawn, (step) => other.lr[step]));
      lines.loss.push(Float64Array.from(other.drawn, (step) => average[step]));
      lines.color.push(OVERLAY[other.number % OVERLAY.length]);
    });
    model("others").data = lines;
  }

  function drawRate() {
    const each = state.series;
    if (each.refused) return;
    const told = answer(each);
    for (const scale of ["linear", "log"]) {
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
    if (each.refused) return;
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
    if (each.refused) return;
    const window_ = 1 / (1 - beta());
    models["beta now"].location = window_;
    const usable = AVERAGES.filter((curve) => row(each, curve).usable);
    const rates = usable.map((curve) => row(each, curve).lr);
    const colors = usable.map((curve) => COLORS[curve]);
    if (usable.includes("debiased")) {
      rates.push(row(each, "debiased").below);
      colors.push(COLORS.debiased);
    }
    models["now"].data = { window: rates.map(() => window_), lr: rates, color: colors };
  }

  function frame() {
    const each = state.series;
    if (each.refused) return;
    const lr = each.lr;
    const pad = (lr[lr.length - 1] / lr[0]) ** 0.02;
    const [low, high] = each.view;
    const positive = Array.from(each.loss).filter((value) => value > 0);
    for (const scale of ["linear", "log"]) {
      const { figure } = models[scale];
      figure.x_range.setv({ start: lr[0] / pad, end: lr[lr.length - 1] * pad });
      const least = Math.min(...(positive.length ? positive : [1]));
      const start = scale === "log" ? least / 1.5 : low;
      figure.y_range.setv({ start, end: scale === "log" ? Math.max(high, 2 * start) : high });
    }
    at("log-loss").disabled = positive.length === 0;
  }

  // Light and dark.

  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const line = style.getPropertyValue("--line").trim();
    for (const figure of [models.linear.figure, models.log.figure, models.betas]) {
      for (const axis of [...figure.below, ...figure.left].filter((each) => each.axis_label_text_color !== undefined)) {
        axis.setv({
          axis_label_text_color: ink(), major_label_text_color: ink(), axis_line_color: line,
          major_tick_line_color: line, minor_tick_line_color: line,
        });
      }
      for (const grid of figure.center.filter((each) => each.grid_line_color !== undefined)) grid.grid_line_color = line;
    }
    for (const scale of ["linear", "log"]) models[scale].glyphs.centred.glyph.line_color = ink();
    models["beta now"].line_color = ink();
    if (current.lr) drawMinima(state.series);
  }

  // What is chosen on the page.

  const shownCurves = { raw: true, ema: true, debiased: true, centred: false, probe: true, band: true, others: true };

  function legend() {
    const several = series.filter((each) => each.source === state.series.source).length > 1;
    const names = Object.keys(NAMES).filter((name) =>
      (name !== "probe" || state.series.probe) && (name !== "others" || several));
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
    fill(at("legend"), ...items);
    if (several) at("legend").append(...otherNames());
  }

  /** The names of the other sweeps in the colours of their lines. */
  function otherNames() {
    const others = series.filter((each) => each !== state.series && !each.refused && each.source === state.series.source);
    return others.map((each) => {
      const made = element("span", undefined, { class: "other" });
      const mark = element("span", undefined, { class: "mark" });
      mark.style.setProperty("--mark", OVERLAY[each.number % OVERLAY.length]);
      made.append(mark, element("span", each.name));
      return made;
    });
  }

  function showCurves() {
    for (const scale of ["linear", "log"]) {
      for (const [name, glyph] of Object.entries(models[scale].glyphs)) {
        if (name in shownCurves) glyph.visible = shownCurves[name];
      }
    }
    if (!state.series.refused) drawMinima(state.series);
    drawRate();
  }

  function options(select, pairs, chosen) {
    fill(select, ...pairs.map(([value, text]) => {
      const made = element("option", text, { value });
      made.selected = String(value) === String(chosen);
      return made;
    }));
  }

  function curveChoices() {
    const kind = data.rules[state.rule];
    if (!kind.reads_curve) return [["", "none: the whole sweep"]];
    const curves = [...(kind.reads_raw ? ["raw"] : []), "centred", ...AVERAGES];
    return curves.map((curve) => [curve, { raw: "raw losses", centred: "centred curve" }[curve] || NAMES[curve]]);
  }

  function showChoices() {
    const kind = data.rules[state.rule];
    at("schedule").disabled = at("length").disabled = kind.reads_curve;
    at("curve").disabled = !kind.reads_curve;
    const curves = curveChoices();
    if (kind.reads_curve && !curves.some(([curve]) => curve === state.curve)) state.curve = "debiased";
    options(at("curve"), curves, state.curve);
    at("rule").value = state.rule;
    at("schedule").value = state.schedule;
    at("length").value = state.length;
    at("beta").value = state.beta;
    at("log-loss").checked = state.log;
  }

  function showFactor() {
    const each = state.series;
    const usable = !each.refused && data.rules[state.rule].uses_factor;
    at("factor").disabled = !usable;
    if (!usable) {
      at("factor-shown").textContent = "";
      return;
    }
    const told = each.answers[key(each)];
    const factor = state.factor ?? told.factor;
    if (factor === undefined) {
      at("factor").disabled = true;
      at("factor-shown").textContent = "";
      return;
    }
    at("factor").value = Math.round(Math.log10(factor) * FACTOR_STEPS);
    at("factor-shown").textContent = `${rate(factor)}${state.factor === null ? ", the rule's own" : ""}`;
  }

  /** Shows everything that depends on what has changed. */
  function update(what) {
    const each = state.series;
    at("beta-shown").textContent = beta();
    at("beta").setAttribute("aria-valuetext", `beta ${beta()}`);
    if (what.sweep) {
      at("opening").textContent = [each.result.origin, each.result.opening].filter(Boolean).join(" ");
      at("step").max = each.refused ? 0 : each.lr.length - 1;
      state.step = Math.min(state.step, Number(at("step").max));
      at("step").value = state.step;
      frame();
      legend();
      drawBetas();
    }
    if (what.sweep || what.beta) {
      drawCurves();
      drawBetaNow();
      showMinima();
    }
    if (what.sweep || what.beta || what.step) showStep();
    showChoices();
    showAnswer();
    showFactor();
    if (!what.step) showResults();
    drawRate();
  }

  function listen() {
    const changes = {
      source: (value) => { state.series = series[value]; first(); return { sweep: true }; },
      schedule: (value) => { state.schedule = value; state.factor = null; return {}; },
      length: (value) => { state.length = value; state.factor = null; return {}; },
      rule: (value) => { state.rule = value; state.factor = null; return {}; },
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
      models.linear.figure.visible = !state.log;
      models.log.figure.visible = state.log;
      update({ sweep: true });
    });
    at("csv").addEventListener("click", () => save(new Blob([csv()], { type: "text/csv" }), "csv"));
    for (const kind of ["svg", "png"]) {
      at(kind).addEventListener("click", async () => save(await shownView().export(kind).to_blob(), kind));
    }
    darkness.addEventListener("change", paint);
  }

  /** The question that the page starts with. */
  function first() {
    const [rule, schedule, length, curve, asked] = (state.series.first || "expected||||").split("|");
    Object.assign(state, { rule, schedule, length, factor: null });
    if (curve) state.curve = curve;
    state.beta = data.betas.indexOf(asked ? Number(asked) : data.beta);
  }

  // Downloads.

  /** The columns that `RangeTestResult.to_csv` writes, with the averages at the slider's beta. */
  function csv() {
    const own = Object.entries(state.series.result.columns).map(([name, text]) => [name, unpacked(text)]);
    const loss = new Map(own).get("loss");
    const average = ema(loss, beta());
    const averages = [["ema", average], ["debiased", debiased(average, beta())]];
    const columns = [...own.slice(0, 2), ...averages, ...own.slice(2)];
    const lines = [csvLine(["step", ...columns.map(([name]) => name)])];
    loss.forEach((_, step) => lines.push(csvLine([step, ...columns.map(([, values]) => values[step])])));
    return lines.join("");
  }

  function shownView() {
    return views[state.log ? "log" : "linear"];
  }

  function save(content, suffix) {
    const address = URL.createObjectURL(content);
    const link = element("a", undefined, { href: address, download: `range_test.${suffix}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // The start.

  function collect(manager) {
    const { ids } = data.figures;
    for (const scale of ["linear", "log"]) {
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

  async function start() {
    collect({ curves: await embedded("curves"), betas: await embedded("betas") });
    options(at("source"), series.map((each, number) => [number, each.name]), 0);
    options(at("rule"), Object.entries(data.rules).map(([name, rule]) => [name, rule.label]), state.rule);
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
})();
