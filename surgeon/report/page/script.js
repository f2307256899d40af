"use strict";
// Everything works without this file but the theme choice, sorting, tooltips, arrow keys and copying.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const tip = document.getElementById("tip");

// Theme: kept for the next page where the browser lets a file remember anything.
const theme = document.getElementById("theme");
const paint = (name) => {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
};
theme.parentElement.hidden = false;
try {
  const kept = localStorage.getItem("surgeon-theme");
  if (kept === "light" || kept === "dark") { theme.value = kept; paint(kept); }
} catch { /* no storage: nothing is remembered */ }
theme.addEventListener("change", () => {
  paint(theme.value);
  try { localStorage.setItem("surgeon-theme", theme.value); } catch { /* as above */ }
});

// Sorting: numbers by size (1.64 M, <0.01, 4,672), words by name; what belongs to no row stays at the end.
const sizes = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const figure = (text) => {
  const found = /^[<>~+ ]*(-?[\d,]*\.?\d+(?:e[-+]?\d+)?)\s*([kMGT](?![a-zA-Z]))?/.exec(text.trim());
  if (!found) return null;
  const value = parseFloat(found[1].replaceAll(",", "")) * (sizes[found[2]] || 1);
  return text.trim().startsWith("<") ? value / 2 : value;
};
const sort = (table, head, column) => {
  const down = head.getAttribute("aria-sort") === "ascending";
  all("th[aria-sort]", table).forEach((one) => one.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("last"));
  const texts = new Map(rows.map((row) => [row, row.cells[column].textContent]));
  const numbers = head.classList.contains("number");
  const order = (a, b) => {
    if (!numbers) return texts.get(a).localeCompare(texts.get(b), "en", { numeric: true });
    const [x, y] = [figure(texts.get(a)), figure(texts.get(b))];
    if (x === null || y === null) return (x === null) - (y === null) ? ((x === null) - (y === null)) * (down ? -1 : 1) : 0;
    return x - y;
  };
  rows.sort((a, b) => (down ? -order(a, b) : order(a, b)));
  body.prepend(...rows);
};
all("table.sortable").forEach((table) => {
  all("thead th", table).forEach((head, column) => {
    if (head.classList.contains("bar") || !head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, head, column));
    head.replaceChildren(button);
  });
});

// Tooltips: the full row of the table, for boxes, bars and dots.
const hide = () => { tip.hidden = true; all("[aria-describedby=tip]").forEach((one) => one.removeAttribute("aria-describedby")); };
const show = (mark) => {
  const row = document.getElementById(mark.dataset.row);
  if (!row) return;
  const heads = all("thead th", row.closest("table"));
  const list = document.createElement("dl");
  [...row.cells].forEach((cell, number) => {
    if (cell.classList.contains("bar") || !cell.textContent) return;
    const [name, value] = [document.createElement("dt"), document.createElement("dd")];
    name.textContent = heads[number].textContent;
    value.textContent = cell.textContent;
    list.append(name, value);
  });
  tip.replaceChildren(list);
  tip.hidden = false;
  mark.setAttribute("aria-describedby", "tip");
  const at = mark.getBoundingClientRect();
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const page = document.documentElement.clientWidth;
  const left = Math.max(8, Math.min(at.left, page - width - 8));
  const below = at.bottom + 8 + height < window.innerHeight || at.top < height + 8;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${(below ? at.bottom + 8 : at.top - height - 8) + window.scrollY}px`;
};
const pick = (box, on) => {
  const links = box.closest("svg.net")?.querySelector(".links");
  if (!links) return;
  links.classList.toggle("picked", on);
  all(".hot", links).forEach((link) => link.classList.remove("hot"));
  if (on) all(`[data-from="${box.dataset.box}"],[data-to="${box.dataset.box}"]`, links).forEach((link) => link.classList.add("hot"));
};
all("[data-row]").forEach((mark) => {
  const [begin, end] = [() => { show(mark); pick(mark, true); }, () => { hide(); pick(mark, false); }];
  mark.addEventListener("mouseenter", begin);
  mark.addEventListener("mouseleave", end);
  mark.addEventListener("focus", begin);
  mark.addEventListener("blur", end);
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

// A picture is one stop of the tab key; arrows, Home and End walk along its boxes in execution order.
all("svg.net").forEach((svg) => {
  const boxes = all("a.box", svg);
  const enter = (to) => { boxes.forEach((box) => box.setAttribute("tabindex", box === to ? "0" : "-1")); };
  if (boxes.length) enter(boxes[0]);
  svg.addEventListener("keydown", (event) => {
    const now = boxes.indexOf(document.activeElement);
    const steps = { ArrowDown: now + 1, ArrowRight: now + 1, ArrowUp: now - 1, ArrowLeft: now - 1, Home: 0, End: boxes.length - 1 };
    if (now < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = boxes[Math.max(0, Math.min(boxes.length - 1, steps[event.key]))];
    enter(next);
    next.focus();
  });
});

// A link to a row that a filter hides shows it.
const reveal = () => {
  const row = /^#r[\w-]+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
  if (!row) return;
  const only = row.closest(".filtered")?.querySelector(".only");
  if (only && row.classList.contains("normal")) only.checked = false;
};
window.addEventListener("hashchange", reveal);
reveal();

all(".copy").forEach((block) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", () => {
    const text = block.querySelector("code");
    getSelection().selectAllChildren(text);
    const told = () => { button.textContent = "copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(told, () => document.execCommand("copy") && told());
    else if (document.execCommand("copy")) told();
  });
  block.append(button);
});
window.addEventListener("beforeprint", () => all("details.network").forEach((one) => { one.open = true; }));
