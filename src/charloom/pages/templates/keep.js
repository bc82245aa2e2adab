// Earlier trainings stay in the charts, as grey curves with a letter, and in a list that says what was changed and has a
// button that removes each. The letters are at different places of their curves.
let present, count = 0 // what was changed in the present training, and how it ended; the number of kept ones
// Keep the present training; the next one has this change. Return it, for its end.
const keep = next => {
  const kept = byId("kept"), { change, end } = present ?? {}
  present = { change: next, end: "" }
  if (!change || !byId("loss").points.length) return present
  const letter = String.fromCharCode(65 + count % 26), turn = count++ % 4 / 4
  const parts = ["loss", "saturated"].flatMap(name => {
    const line = byId(name), curve = line.cloneNode(), { y: top, width, height } = line.ownerSVGElement.viewBox.baseVal
    const { x, y } = line.points[Math.trunc((line.points.length - 1) * (1 - turn))]
    const about = element("li", { className: "kept", textContent: letter })
    curve.removeAttribute("id")
    curve.classList.add("kept")
    line.before(curve)
    about.style.cssText = `left: ${100 * x / width}%; top: clamp(12%, ${100 * (y - top) / height}%, 100%)`
    line.closest(".chart").querySelector("ol.levels").append(about)
    return [curve, about]
  })
  const remove = element("button", { type: "button", textContent: "Remove", ariaLabel: `Remove ${letter}: ${change}` })
  const row = element("li", { textContent: `${letter}: ${change}: ends at ${byId("loss-end").textContent}${end} ` })
  row.append(remove)
  kept.append(row)
  remove.onclick = () => {
    for (const part of [...parts, row]) part.remove()
    document.querySelector(kept.childElementCount ? "#kept button" : "[name=start]").focus()
  }
  return present
}
