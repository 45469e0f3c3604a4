/// What the report page carries with it: its style, and the script that filters and sorts.
enum PageAssets {
  static let style = """
    :root { --ink: #1b1f24; --paper: #ffffff; --soft: #f4f5f7; --line: #d8dce1; --muted: #5b6470; --link: #0b57a4;
      --holds: #1a7f37; --fails: #b42318; --undecided: #8a5a00; --far: #5b6470; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e6e8eb; --paper: #14171a; --soft: #1d2125; --line: #343a40; --muted: #a0a8b1; --link: #7ab7f5;
        --holds: #5fc77a; --fails: #ff8a80; --undecided: #e5b454; --far: #a0a8b1; }
    }
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--paper); color: var(--ink);
      font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
    h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
    h3 { font-size: 1rem; margin: 0; display: inline; }
    a { color: var(--link); } code { background: var(--soft); padding: 0 .25em; border-radius: 3px; overflow-wrap: anywhere; }
    .muted { color: var(--muted); font-size: .9rem; }
    .skip { position: absolute; left: -100rem; } .skip:focus { position: static; }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: .5rem 0; margin: 0; }
    nav { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--line); z-index: 1; }
    section, .claim, .item { scroll-margin-top: 3.5rem; }
    .filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: 1rem 0; }
    .filters select, .filters input, button { font: inherit; color: inherit; background: var(--soft);
      border: 1px solid var(--line); border-radius: 4px; padding: .2rem .4rem; max-width: 100%; }
    .claim, .item { border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .6rem 0; }
    .claim p, .claim ul { margin: .3rem 0; }
    .item > summary { cursor: pointer; }
    .chip { border: 1px solid currentColor; border-radius: 999px; padding: 0 .5em; font-size: .8rem; font-weight: 600;
      white-space: nowrap; color: var(--far); }
    .chip.holds { color: var(--holds); } .chip.fails { color: var(--fails); } .chip.undecided { color: var(--undecided); }
    .scroll { overflow-x: auto; margin: .6rem 0; }
    table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
    thead th { background: var(--soft); white-space: nowrap; } tbody th { font-weight: 500; }
    th button { background: none; border: 0; padding: 0; font-weight: 600; cursor: pointer; }
    th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
    .number { text-align: right; white-space: nowrap; } .ours { font-weight: 600; display: block; }
    .paper { color: var(--muted); display: block; } td:not(.number) .paper, th .paper { display: inline; }
    .picture { margin: .6rem 0; background: #ffffff; border-radius: 4px; overflow-x: auto; }
    .picture svg { max-width: 100%; height: auto; display: block; margin: 0 auto; }
    :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
    @media print { nav, .filters, .skip { display: none; } body { max-width: none; } .claim, .item { break-inside: avoid; } }

    """

  static let script = """
    "use strict";
    // Claims: by paper, answer and words.
    const form = document.querySelector(".filters");
    const claims = [...document.querySelectorAll(".claim")];
    function filter() {
      const paper = form.elements.paper.value, answer = form.elements.answer.value;
      const words = form.elements.words.value.toLowerCase().split(/\\s+/).filter(Boolean);
      let shown = 0;
      for (const claim of claims) {
        const text = claim.textContent.toLowerCase();
        claim.hidden = (paper && claim.dataset.paper !== paper) || (answer && claim.dataset.answer !== answer)
          || words.some(word => !text.includes(word));
        if (!claim.hidden) shown += 1;
      }
      form.querySelector("output").textContent = shown + " of " + claims.length + " claims";
    }
    form.addEventListener("input", filter);
    form.addEventListener("submit", event => event.preventDefault());
    filter();

    // Tables: by a column, and back to the paper's order with the third press.
    for (const table of document.querySelectorAll("table")) {
      const body = table.tBodies[0], original = [...body.rows];
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const next = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          const rows = [...original];
          if (next) {
            head.setAttribute("aria-sort", next);
            const sign = next === "ascending" ? 1 : -1;
            const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
            rows.sort((a, b) => {
              const [x, y] = [key(a), key(b)];
              if (x === "" || y === "") return (x === "") - (y === "");
              return sign * (isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y);
            });
          }
          body.append(...rows);
        });
      });
    }

    // A link to a folded table or figure opens it.
    function open() {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
    }
    addEventListener("hashchange", open);
    addEventListener("beforeprint", () => document.querySelectorAll("details.item").forEach(item => item.open = true));
    open();

    """
}
