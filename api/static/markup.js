// Elements, SVG and tables: everything that reaches the page is text, never markup from outside.
import { t } from "/static/i18n.js";

const NS = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

export function svg(name, attributes, ...children) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function table(caption, head, rows) {
  const header = element("tr", {}, ...head.map((h, i) => element("th", { scope: "col", class: i ? "number" : "" }, h)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, i) =>
    i ? element("td", { class: "number" }, cell) : element("th", { scope: "row" }, cell))));
  return element("table", {}, element("caption", { class: "visually-hidden" }, caption),
    element("thead", {}, header), element("tbody", {}, ...body));
}

export function scrolled(caption, head, rows) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${caption}: ${t("table")}` }, table(caption, head, rows));
}

export function folded(caption, head, rows) {
  return element("details", {}, element("summary", {}, t("table")), scrolled(caption, head, rows));
}

export function button(words, act, attributes = {}) {
  return element("button", { type: "button", onclick: act, ...attributes }, words);
}

// A named input with a place for what the server says about it; the id ties them together for screen readers.
export function field(id, words, input, hint) {
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-problem`);
  return element("div", { class: "field" }, element("label", { for: id }, words), input,
    hint && element("p", { class: "hint" }, hint), element("div", { id: `${id}-problem`, class: "problem", role: "alert" }));
}

export function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, words]) => element("option", { value, selected: value === chosen }, words)));
  return select;
}

// problems as the API tells them; they are English, whatever the page speaks
export function problemList(problems) {
  return problems.map(({ where, what, remedy, own }) =>
    element("p", { class: own ? "problem-text todo" : "problem-text" }, element("strong", {}, where), " ", element("span", { lang: own ? null : "en" }, `${what}. ${remedy ?? ""}`)));
}
