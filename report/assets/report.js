"use strict";
// What a page can do beyond being read: tables sort, search and unfold, and marks of charts say what they are.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent === "–" ? null : cell.textContent;
  };
  // Numbers before words; what is not known last, whichever way.
  const compare = (a, b, up) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return up ? order : -order;
  };

  for (const box of document.querySelectorAll(".table")) {
    const table = box.querySelector("table"), body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    let brief = Number(box.dataset.brief) || 0, query = "";
    const all = document.createElement("button"), search = document.createElement("input");
    const draw = () => {
      let shown = 0, hidden = 0;
      for (const row of body.rows) {
        const match = !query || row.textContent.toLowerCase().includes(query);
        const cut = !match || (brief > 0 && !query && shown >= brief);
        row.classList.toggle("cut", cut);
        if (!cut) shown++; else if (match) hidden++;
      }
      all.textContent = hidden ? `Show all ${shown + hidden} rows` : "Show fewer rows";
      all.hidden = !box.dataset.brief || Boolean(query);
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort"), number = head.classList.contains("n");
        const up = was ? was !== "ascending" : !number; // numbers: the largest first
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort((a, b) => compare(a[0], b[0], up));
        body.append(...rows.map((r) => r[1]));
        draw();
      });
    });
    if (box.dataset.brief) {
      const tools = document.createElement("div"), most = brief;
      tools.className = "tools";
      search.type = "search";
      search.placeholder = "Filter rows";
      search.setAttribute("aria-label", "Filter rows");
      search.addEventListener("input", () => { query = search.value.trim().toLowerCase(); draw(); });
      tools.append(search);
      box.before(tools);
      all.type = "button";
      all.className = "all";
      all.addEventListener("click", () => { brief = brief ? 0 : most; draw(); });
      box.after(all);
    }
    draw();
  }

  const tip = document.getElementById("tip");
  document.addEventListener("pointermove", (e) => {
    const mark = e.target.closest ? e.target.closest("[data-tip]") : null;
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(e.clientX + 14, innerWidth - width - 8)) + "px";
    tip.style.top = (e.clientY + height + 24 > innerHeight ? e.clientY - height - 12 : e.clientY + 16) + "px";
  });
  document.addEventListener("pointerleave", () => { tip.hidden = true; });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((d) => { d.open = false; }));
})();
