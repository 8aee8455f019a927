// One entry out of many, found by typing: a combobox with a grouped list, after the ARIA pattern of that name.
import { t } from "/static/i18n.js";
import { element } from "/static/markup.js";

const plain = (text) => text.toLocaleLowerCase().replaceAll("ß", "ss").normalize("NFD").replace(/\p{Diacritic}/gu, "");

// `entries` are {value, label, group}; `choose` is called with the value.
export function chooser(id, entries, chosen, choose) {
  const input = element("input", { type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list" });
  const list = element("div", { id: `${id}-list`, role: "listbox", class: "choices", "aria-label": t("measure"), hidden: true });
  const name = () => entries.find((e) => e.value === chosen)?.label ?? chosen;
  let active = -1, shown = [];
  input.value = name();

  function open(query = "") {
    const words = plain(query).split(/\s+/).filter(Boolean);
    const text = (e) => ` ${plain(`${e.label} ${e.group} ${e.other ?? ""}`)}`;
    shown = entries.filter((e) => words.every((w) => text(e).includes(w)));
    // "tree" is in "street": a word that begins so goes before one that holds it
    const begins = shown.findIndex((e) => words.every((w) => text(e).includes(` ${w}`)));
    active = query ? Math.max(begins, 0) : shown.findIndex((e) => e.value === chosen);
    const groups = Map.groupBy ? Map.groupBy(shown, (e) => e.group) : grouped(shown);
    list.replaceChildren(...[...groups].map(([group, members], g) => element("div", { role: "group", "aria-labelledby": `${id}-group-${g}` },
      element("div", { id: `${id}-group-${g}`, class: "group" }, group), ...members.map(option))));
    if (!shown.length) list.append(element("div", { class: "group", role: "status" }, t("nothing_found")));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  }

  function option(one) {
    const i = shown.indexOf(one);
    const node = element("div", { id: `${id}-option-${i}`, role: "option", class: "option", "aria-selected": String(one.value === chosen) }, one.label);
    // before the input loses the focus, which closes the list
    node.addEventListener("mousedown", (event) => { event.preventDefault(); take(i); });
    return node;
  }

  function mark() {
    for (const node of list.querySelectorAll("[role=option]")) node.classList.toggle("active", node.id === `${id}-option-${active}`);
    if (shown[active]) {
      input.setAttribute("aria-activedescendant", `${id}-option-${active}`);
      list.querySelector(`#${id}-option-${active}`).scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    input.value = name();
  }

  function take(i) {
    const before = chosen;
    chosen = shown[i].value;
    close();
    if (chosen !== before) choose(chosen);
  }

  // what is typed next replaces the name, also where the input had the focus already
  input.addEventListener("mousedown", (event) => {
    if (!list.hidden) return;
    event.preventDefault();
    input.focus();
    open();
    input.select();
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) { open(); return; }
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % Math.max(shown.length, 1);
      mark();
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      if (shown[active]) take(active);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  return { input, list };
}

function grouped(entries) {
  const found = new globalThis.Map();
  for (const e of entries) found.set(e.group, [...(found.get(e.group) ?? []), e]);
  return found;
}
