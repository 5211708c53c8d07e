// Everything here is a convenience: the page says the same without it.
(function () {
  "use strict";
  const table = document.getElementById("scorecard-table");
  const controls = document.getElementById("controls");
  const group = document.getElementById("group");

  function filter() {
    const shown = new Set([...controls.querySelectorAll("input:checked")].map((box) => box.value));
    for (const body of table.tBodies) {
      const wanted = group.value === "" || group.value === body.dataset.group;
      let any = false;
      for (const row of body.querySelectorAll(".rule")) {
        row.hidden = !(wanted && shown.has(row.dataset.verdict));
        any = any || !row.hidden;
      }
      body.querySelector(".group").hidden = !any;
    }
  }

  // Rows keep their group: the axis of the pictures is one of the group.
  function sort(head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = head.dataset.key;
    for (const body of table.tBodies) {
      const rows = [...body.querySelectorAll(".rule")];
      rows.sort((a, b) => a.dataset[key].localeCompare(b.dataset[key], "en", { numeric: true }) * (down ? -1 : 1));
      body.append(...rows);
    }
  }

  controls.hidden = false;
  controls.addEventListener("change", filter);
  filter();
  table.classList.add("sortable");
  for (const head of table.tHead.querySelectorAll("[data-key]")) {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head));
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(head); });
  }

  // Values under the pointer at once, instead of after the browser's delay.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const hit of document.querySelectorAll(".hit")) {
    const title = hit.querySelector("title");
    const text = title.textContent;
    title.remove();
    hit.addEventListener("pointerenter", () => {
      const box = hit.getBoundingClientRect();
      tip.textContent = text;
      tip.hidden = false;
      const left = box.left + box.width / 2 - tip.offsetWidth / 2;
      tip.style.left = Math.max(4, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 4)) + scrollX + "px";
      tip.style.top = box.top + scrollY - tip.offsetHeight - 4 + "px";
    });
    hit.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  // A link to a node opens it; print shows everything.
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  }
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
})();
