"use strict";
// Numbers as lrfind computes and writes them.

/** Float64Array of base64 text, the lowest byte first. */
function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

/** EMA that starts from zero, in the same order of operations as `lrfind.ema`, so bit for bit. */
function ema(loss, beta) {
  const average = Float64Array.from(loss, (each) => (1 - beta) * each);
  for (let old = beta, lag = 1; lag < average.length && old > 0; old *= old, lag *= 2) {
    for (let step = average.length - 1; step >= lag; step--) average[step] += old * average[step - lag];
  }
  return average;
}

/** The same, corrected for its start from zero. */
function debiased(average, beta) {
  if (beta === 0) return average.slice();
  const log = Math.log(beta);
  return average.map((each, step) => each / -Math.expm1((step + 1) * log));
}

/** Mantissa of so many digits and exponent of a number above 0, rounded half to even as Python does. */
function rounded(value, digits) {
  let [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const exact = value.toExponential(40).split("e");
  const tie = exact[1] === exponent && /^50*$/.test(exact[0].replace(".", "").slice(digits));
  if (tie) {
    const kept = exact[0].replace(".", "").slice(0, digits);
    if (Number(kept) % 2 === 0) mantissa = digits > 1 ? `${kept[0]}.${kept.slice(1)}` : kept;
  }
  return [mantissa, Number(exponent)];
}

function scientific(mantissa, exponent) {
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${size}`;
}

/** A learning rate with three digits, as the library's tables have it: "1.81e-02". */
function precise(value) {
  return scientific(...rounded(value, 3));
}

/** A learning rate with two digits, as the library's texts have it: "0.018", "1.0e-06". */
function rate(value) {
  const [mantissa, exponent] = rounded(value, 2);
  if (exponent < -4 || exponent >= 2) return scientific(mantissa, exponent);
  const digits = mantissa.replace(".", "");
  if (exponent === 1) return digits;
  if (exponent === 0) return mantissa;
  return `0.${"0".repeat(-exponent - 1)}${digits}`;
}

/** A signed distance in decades: "+0.68". */
function decades(value) {
  if (value === null || value === undefined) return "";
  const text = Math.abs(value).toFixed(2);
  return (value < 0 && Number(text) > 0 ? "-" : "+") + text;
}

/** A distance in decades as a factor: "4.8x up". */
function times(value) {
  const factor = 10 ** Math.abs(value);
  const shown = factor >= 99.5 ? `${Math.round(factor).toLocaleString("en-US")}x` : `${rate(factor)}x`;
  return shown === "1.0x" ? shown : `${shown} ${value > 0 ? "up" : "down"}`;
}

/** One line of CSV, quoted as `csv.writer` does. */
function csvLine(cells) {
  const quoted = cells.map((each) => {
    const number = Number.isNaN(each) ? "nan" : String(each).replace("Infinity", "inf");
    const text = typeof each === "number" ? number : each;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return quoted.join(",") + "\r\n";
}
