"use strict";
// Says what lies below the pointer. All of it stands in the page's tables, too.
const pointers = JSON.parse(document.getElementById("pointers").textContent);
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);

function say(lines, x, y) {
  tip.textContent = lines.join("\n");
  tip.hidden = false;
  const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(x + 12, most)) + scrollX}px`;
  tip.style.top = `${y + scrollY + 16}px`;
}

for (const [name, { xs, top, bottom, rows }] of Object.entries(pointers)) {
  const svg = document.getElementById(name);
  const line = document.createElementNS(svg.namespaceURI, "line");
  line.setAttribute("stroke", "var(--grey)");
  line.setAttribute("stroke-width", "0.6");
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    let nearest = 0;
    xs.forEach((x, i) => { if (Math.abs(x - at) < Math.abs(xs[nearest] - at)) nearest = i; });
    for (const [key, value] of [["x1", xs[nearest]], ["x2", xs[nearest]], ["y1", top], ["y2", bottom]])
      line.setAttribute(key, value);
    svg.append(line);
    say(Object.entries(rows).map(([row, values]) => `${row} ${values[nearest]}`), event.clientX, event.clientY);
  });
  svg.addEventListener("pointerleave", () => { line.remove(); tip.hidden = true; });
}
