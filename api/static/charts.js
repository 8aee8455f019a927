// Two small charts as SVG, each with the same figures as a table beside it.
import { number, percent, t } from "/static/i18n.js";

const NS = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  for (const child of children) node.append(child);
  return node;
}

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value; else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export function table(caption, head, rows) {
  const header = element("tr", {}, ...head.map((h, i) => element("th", { scope: "col", class: i ? "number" : "" }, h)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, i) =>
    i ? element("td", { class: "number" }, cell) : element("th", { scope: "row" }, cell))));
  return element("table", {}, element("caption", { class: "visually-hidden" }, caption),
    element("thead", {}, header), element("tbody", {}, ...body));
}

export function folded(caption, head, rows) {
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table(caption, head, rows));
  return element("details", {}, element("summary", {}, t("table")), scroll);
}

export function quintileChart(quintiles) {
  const width = 380, height = 190, left = 34, bottom = 150, top = 16, step = (width - left) / 5;
  const highest = Math.max(0.3, ...quintiles.map((q) => q.bill_saving_share));
  const y = (share) => bottom - (bottom - top) * share / highest;
  const label = `${t("share_axis")}. ` + quintiles.map((q) => `${t("quintile")} ${q.quintile}: ${percent(q.bill_saving_share, 1)}`).join(", ");
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (let share = 0; share <= highest + 1e-9; share += 0.1) {
    chart.append(svg("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  }
  quintiles.forEach((q, i) => {
    const x = left + i * step + step * 0.17;
    chart.append(svg("rect", { x, y: y(q.bill_saving_share), width: step * 0.66, height: bottom - y(q.bill_saving_share), class: i ? "bar-gain" : "bar-first" }));
    chart.append(svg("text", { x: x + step * 0.33, y: y(q.bill_saving_share) - 4, "text-anchor": "middle" }, percent(q.bill_saving_share)));
    chart.append(svg("text", { x: x + step * 0.33, y: bottom + 16, "text-anchor": "middle" }, String(q.quintile)));
  });
  chart.append(svg("line", { x1: left, x2: width, y1: bottom, y2: bottom, class: "axis" }));
  chart.append(svg("line", { x1: left, x2: width, y1: y(0.2), y2: y(0.2), class: "even" }));
  chart.append(svg("text", { x: left, y: bottom + 33, "text-anchor": "start" }, `1 = ${t("need_y").replace(" →", "")}: ${t("high")}`));
  chart.append(svg("text", { x: width, y: bottom + 33, "text-anchor": "end" }, `┅ ${t("even")}`));
  return chart;
}

export function yearChart(years) {
  const width = 380, height = 196, left = 44, bottom = 166, top = 26;
  const highest = Math.max(...years.map((r) => r.t_co2e_without));
  const x = (i) => left + (width - left - 8) * i / (years.length - 1);
  const y = (value) => bottom - (bottom - top) * value / (highest || 1);
  const path = (key) => years.map((r, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(r[key]).toFixed(1)}`).join("");
  const back = [...years].reverse().map((r, i) => `L${x(years.length - 1 - i).toFixed(1)} ${y(r.t_co2e_with).toFixed(1)}`).join("");
  const last = years[years.length - 1];
  const label = `${years[0].year}: ${number(years[0].t_co2e_without)} t. ${last.year}: ${t("without")} ${number(last.t_co2e_without)} t, ${t("with")} ${number(last.t_co2e_with)} t.`;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  const unit = highest >= 2e6 ? [1e6, "Mt"] : [1e3, "kt"];
  for (const part of [0, 0.5, 1]) {
    chart.append(svg("text", { x: left - 6, y: y(highest * part) + 4, "text-anchor": "end" }, part ? `${number(highest * part / unit[0], unit[0] === 1e6 ? 1 : 0)}` : "0"));
  }
  chart.append(svg("text", { x: left - 6, y: 10, "text-anchor": "end" }, unit[1]));
  chart.append(svg("path", { d: path("t_co2e_without") + back + "Z", class: "gap" }));
  chart.append(svg("path", { d: path("t_co2e_without"), class: "line-without" }), svg("path", { d: path("t_co2e_with"), class: "line-with" }));
  chart.append(svg("line", { x1: left, x2: width - 8, y1: bottom, y2: bottom, class: "axis" }));
  years.forEach((r, i) => {
    if (r.year % 5 === 0) chart.append(svg("text", { x: x(i), y: bottom + 17, "text-anchor": i === years.length - 1 ? "end" : "middle" }, String(r.year)));
  });
  chart.append(svg("text", { x: width - 8, y: 10, "text-anchor": "end" }, `┅ ${t("without")}   ━ ${t("with")}`));
  return chart;
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
