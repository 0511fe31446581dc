"use strict";
// All that needs a script: sorting and filtering tags, choosing a table, one player at a time, everything open in print.
document.documentElement.classList.add("scripted");

function valueOf(row, head) {
  const text = row.cells[head.cellIndex].dataset.value;
  return text === undefined ? null : isNumeric(head) ? Number(text) : text;
}

function isNumeric(head) {
  return head.classList.contains("number");
}

function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, "en");
}

// Rows without a value stand last, whichever way the others are sorted.
function sort(head, order) {
  const body = head.closest("table").tBodies[0];
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((row) => [valueOf(row, head), row]);
  rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
  body.append(...rows.map(([, row]) => row));
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
}

for (const head of document.querySelectorAll(".sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  const first = isNumeric(head) ? "descending" : "ascending";
  const second = first === "ascending" ? "descending" : "ascending";
  button.addEventListener("click", () => sort(head, head.getAttribute("aria-sort") === first ? second : first));
}

const controls = document.querySelector(".controls");
if (controls) {
  const { filter, measure, size } = controls.elements;
  const tables = [...document.querySelectorAll(".choice")];
  const choose = () => {
    const wanted = filter.value.trim().toLocaleLowerCase("en");
    for (const one of tables) {
      one.open = true;
      one.hidden = one.dataset.measure !== measure.value || one.dataset.size !== size.value;
      if (one.hidden) continue;
      const rows = [...one.querySelectorAll("tbody tr")];
      for (const row of rows) {
        row.hidden = ![0, 1].some((column) => row.cells[column].textContent.toLocaleLowerCase("en").includes(wanted));
      }
      const shown = rows.filter((row) => !row.hidden).length;
      controls.querySelector("output").value = `${shown} of ${rows.length} tags`;
    }
  };
  controls.hidden = false;
  for (const event of ["input", "change"]) controls.addEventListener(event, choose);
  controls.addEventListener("submit", (event) => event.preventDefault());
  choose();
}

document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) if (player !== event.target) player.pause();
}, true);

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
