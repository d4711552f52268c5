// Everything here adds to a page that is complete without it: controls stay hidden until this has run.
(function () {
  "use strict";
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));
  const say = (words) => { find("said").textContent = words; };
  root.classList.add("js");
  all(".js-only").forEach((element) => { element.hidden = false; });

  // Light or dark: the system's choice until the button is pressed; kept for as long as the page is open.
  const scheme = find("scheme");
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : systemDark.matches);
  const showScheme = () => scheme.setAttribute("aria-pressed", String(isDark()));
  scheme.addEventListener("click", () => { root.dataset.scheme = isDark() ? "light" : "dark"; showScheme(); });
  systemDark.addEventListener("change", showScheme);
  showScheme();

  // The slider: a range for keys and screen readers, a handle on the picture for pointers.
  const cut = find("cut"), picture = find("picture"), grip = find("grip"), opening = find("cut-rect");
  const width = picture.querySelector("svg").viewBox.baseVal.width;
  function setCut(percent) {
    const at = Math.min(100, Math.max(0, percent));
    cut.value = at;
    cut.setAttribute("aria-valuetext", Math.round(at) + " % preview, " + Math.round(100 - at) + " % heat map");
    opening.setAttribute("x", (width * at) / 100);
    opening.setAttribute("width", (width * (100 - at)) / 100);
    grip.style.left = at + "%";
    find("side-preview").style.opacity = at > 1 ? 1 : 0.3;
    find("side-heat").style.opacity = at < 99 ? 1 : 0.3;
  }
  cut.addEventListener("input", () => setCut(Number(cut.value)));
  all("[data-cut]").forEach((button) => button.addEventListener("click", () => setCut(Number(button.dataset.cut))));
  grip.addEventListener("pointerdown", (event) => { grip.setPointerCapture(event.pointerId); event.preventDefault(); });
  grip.addEventListener("pointermove", (event) => {
    if (!grip.hasPointerCapture(event.pointerId)) return;
    const box = picture.getBoundingClientRect();
    setCut((100 * (event.clientX - box.left)) / box.width);
  });
  setCut(50);
  [["with-numbers", "no-boxes"], ["with-route", "no-route"]].forEach(([id, name]) => {
    const box = find(id);
    if (box) box.addEventListener("change", () => picture.classList.toggle(name, !box.checked));
  });

  // Pointing at a region lights up its box, its card and its rows; following its number moves the focus along.
  function light(event, on) {
    const from = event.target.closest && event.target.closest("[data-step]");
    if (!from) return;
    all('[data-step="' + from.getAttribute("data-step") + '"]').forEach((element) => element.classList.toggle("lit", on));
  }
  [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]].forEach(([name, on]) => {
    document.addEventListener(name, (event) => light(event, on));
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#region-"], a[href^="#map-"]');
    const target = link && find(link.getAttribute("href").slice(1));
    if (!target) return;
    requestAnimationFrame(() => {
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    });
  });

  // Tables: a press on a heading sorts, the button copies what is shown, in its order, with plain numbers.
  const value = (cell) => (cell.hasAttribute("data-v") ? cell.dataset.v : cell.textContent.trim());
  function compare(a, b) {
    if (a === "" || b === "") return 0;
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  }
  function sortBy(table, column) {
    const heads = all("thead th", table), body = table.tBodies[0];
    const sign = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const keyed = all("tr", body).map((row) => [value(row.cells[column]), row]);
    const known = keyed.filter(([key]) => key !== ""), unknown = keyed.filter(([key]) => key === "");
    known.sort((one, other) => sign * compare(one[0], other[0]));
    known.concat(unknown).forEach(([, row]) => body.appendChild(row));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    say("Sorted by " + heads[column].dataset.name + (sign === 1 ? ", ascending" : ", descending"));
  }
  all("table").forEach((table) => all("thead th", table).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(table, column));
  }));

  // A text that a spreadsheet would take for a formula gets an apostrophe; tabs and line ends would break the grid.
  function plain(text) {
    const flat = text.replace(/\s+/g, " ");
    return /^[=+@-]/.test(flat) && Number.isNaN(Number(flat)) ? "'" + flat : flat;
  }
  function asTsv(table) {
    const heads = all("thead th", table).map((head) => plain(head.dataset.name));
    const rows = all("tbody tr", table).map((row) => Array.from(row.cells, (cell) => plain(value(cell))));
    return [heads].concat(rows).map((cells) => cells.join("\t")).join("\n") + "\n";
  }
  function copyTheOldWay(text) {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch (error) { done = false; }
    area.remove();
    return done;
  }
  function offer(button, text) {
    let area = button.parentNode.querySelector("textarea");
    if (!area) {
      area = document.createElement("textarea");
      area.readOnly = true;
      area.rows = 6;
      area.setAttribute("aria-label", "The table as text, to be copied by hand");
      button.parentNode.append(area);
    }
    area.value = text;
    area.focus();
    area.select();
  }
  function answer(button, words) {
    say(words);
    button.textContent = words;
    setTimeout(() => { button.textContent = "Copy table"; }, 2500);
  }
  async function copy(button) {
    const text = asTsv(find(button.dataset.table));
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch (error) { done = copyTheOldWay(text); }
    if (done) { button.focus(); answer(button, "Copied"); return; }
    offer(button, text);
    say("The browser refused to copy. The text is selected: press Ctrl+C.");
  }
  all("button.copy").forEach((button) => button.addEventListener("click", () => copy(button)));
})();
