// Small charts as SVG; the page has the same figures as a table beside each.
import { number, percent, t } from "/static/i18n.js";
import { element, svg } from "/static/markup.js";

export function quintileChart(quintiles) {
  const width = 380, height = 190, left = 42, bottom = 150, top = 16, step = (width - left) / 5;
  const highest = Math.max(0.3, ...quintiles.map((q) => q.bill_saving_share));
  const y = (share) => bottom - (bottom - top) * share / highest;
  const label = `${t("share_axis")}. ` + quintiles.map((q) => `${t("quintile")} ${q.quintile}: ${percent(q.bill_saving_share, 1)}`).join(", ");
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (let share = 0; share <= highest + 1e-9; share += 0.1) {
    chart.append(svg("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  }
  const x = (i) => left + i * step + step * 0.17;
  quintiles.forEach((q, i) => chart.append(svg("rect", { x: x(i), y: y(q.bill_saving_share), width: step * 0.66, height: bottom - y(q.bill_saving_share), class: i === 0 ? "bar-first" : "bar-gain" })));
  chart.append(svg("line", { x1: left, x2: width, y1: y(0.2), y2: y(0.2), class: "even" }));
  quintiles.forEach((q, i) => {
    chart.append(
      svg("text", { x: x(i) + step * 0.33, class: "haloed", y: y(q.bill_saving_share) - 5, "text-anchor": "middle" }, percent(q.bill_saving_share, 1)),
      svg("text", { x: x(i) + step * 0.33, y: bottom + 17, "text-anchor": "middle" }, String(q.quintile)));
  });
  chart.append(
    svg("line", { x1: left, x2: width, y1: bottom, y2: bottom, class: "axis" }),
    svg("text", { x: left, y: bottom + 34 }, t("burden_high")),
    svg("text", { x: width, y: bottom + 34, "text-anchor": "end" }, t("burden_low")));
  return element("figure", {}, chart, element("figcaption", { class: "keys" }, key("even", t("even"))));
}

function key(line, words) {
  return element("span", { class: "key" }, svg("svg", { width: 26, height: 10, "aria-hidden": "true", class: "chart-key" },
    svg("line", { x1: 0, x2: 26, y1: 5, y2: 5, class: line })), words);
}

// Lines along the years, from zero: `lines` with a class, a label and values; `marks` are years to point at.
export function lineChart(years, lines, { marks = [], gap = null, height = 180 } = {}) {
  const width = 380, left = 40, right = 8, bottom = height - 26, top = 22;
  const highest = Math.max(...lines.flatMap((l) => l.values.filter((v) => v !== null)), 1e-9);
  const lowest = Math.min(0, ...lines.flatMap((l) => l.values.filter((v) => v !== null)));
  const x = (year) => left + (width - left - right) * (year - years[0]) / (years.at(-1) - years[0]);
  const y = (value) => bottom - (bottom - top) * (value - lowest) / (highest - lowest);
  const points = (values) => values.map((v, i) => `${i ? "L" : "M"}${x(years[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const label = lines.map((l) => `${l.label}: ${years[0]} ${number(l.values[0])} t, ${years.at(-1)} ${number(l.values.at(-1))} t`).join(". ");
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  const [unit, sign] = highest >= 2e6 ? [1e6, "Mt"] : highest >= 2e3 ? [1e3, "kt"] : [1, "t"];
  for (const value of ticks(lowest, highest)) {
    chart.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: value ? "grid" : "axis" }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value / unit, Number.isInteger(value / unit) ? 0 : 1)));
  }
  chart.append(svg("text", { x: 0, y: 12 }, `${sign} CO2e/a`));
  if (gap) {
    const [upper, lower] = gap.map((i) => lines[i].values);
    chart.append(svg("path", { d: points(upper) + [...years.keys()].reverse().map((i) => `L${x(years[i])} ${y(lower[i])}`).join("") + "Z", class: "gap" }));
  }
  for (const l of lines) chart.append(svg("path", { d: points(l.values), class: l.line }));
  for (const { year, words } of marks.filter((m) => m.year >= years[0] && m.year <= years.at(-1))) {
    const before = x(year) > width / 2;
    chart.append(svg("line", { x1: x(year), x2: x(year), y1: top, y2: bottom, class: "mark" }),
      svg("text", { class: "haloed", x: x(year) + (before ? -4 : 4), y: top + 2, "text-anchor": before ? "end" : "start" }, words));
  }
  for (const year of years) {
    if (year % 5 === 0) chart.append(svg("text", { x: x(year), y: height - 8, "text-anchor": year === years.at(-1) ? "end" : "middle" }, String(year)));
  }
  return element("figure", {}, chart, element("figcaption", { class: "keys" }, ...lines.map((l) => key(l.line, l.label))));
}

function ticks(lowest, highest) {
  const raw = (highest - lowest) / 4, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw);
  const found = [];
  for (let value = Math.ceil(lowest / step) * step; value <= highest; value += step) found.push(value);
  return found;
}

// One bar for each amount, to both sides of zero; what lies above it costs, money or tonnes.
export function balanceBars(rows, unit) {
  const widest = Math.max(...rows.map((r) => Math.abs(r.value)), 1e-9);
  const low = Math.min(0, ...rows.map((r) => r.value)) < 0, high = Math.max(0, ...rows.map((r) => r.value)) > 0;
  const half = low && high ? 50 : 100, zero = low ? half : 0;
  return element("dl", { class: "bars" }, ...rows.flatMap(({ label, value, text }) => {
    const size = half * Math.abs(value) / widest;
    const bar = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "amount", "aria-hidden": "true" },
      svg("rect", { x: value < 0 ? zero - size : zero, y: 1, width: size, height: 8, class: value < 0 ? "amount-down" : "amount-up" }),
      svg("line", { x1: zero, x2: zero, y1: 0, y2: 10, class: "axis" }));
    return [element("dt", {}, label), element("dd", {}, bar, element("span", { class: "number" }, text, " ", element("small", {}, unit)))];
  }));
}

export function swatches(classes) {
  return element("ul", {}, ...classes.map(([colour, label]) =>
    element("li", {}, svg("svg", { width: 18, height: 14, "aria-hidden": "true" }, svg("rect", { width: 18, height: 14, fill: colour, stroke: "#74828d", "stroke-width": 0.5 })), label)));
}

export function bivariate(colours) {
  const size = 30, chart = svg("svg", { viewBox: "0 0 190 116", width: 190, height: 116, role: "img", "aria-label": `${t("need_y")} ${t("need_x")}` });
  colours.forEach((row, y) => row.forEach((fill, x) =>
    chart.append(svg("rect", { x: 22 + x * size, y: (2 - y) * size, width: size, height: size, fill, stroke: "#fff" }))));
  chart.append(svg("text", { x: 22, y: 107, "font-size": 11 }, t("need_x")));
  chart.append(svg("text", { x: -97, y: 14, "font-size": 11, transform: "rotate(-90)" }, t("need_y")));
  return chart;
}
