// Earlier trainings stay in the charts, as grey curves with a label, and in a list with a button that removes each. The
// labels of four trainings in turn are at different places.
"use strict"
let present, count = 0 // the label of the present training, and the number of kept ones
const keep = next => {
  const kept = document.getElementById("kept"), row = document.createElement("li"), label = present
  present = next
  if (!label || !document.getElementById("loss").points.length) return
  const parts = ["loss", "saturated"].flatMap(name => {
    const line = document.getElementById(name), curve = line.cloneNode(), about = document.createElement("li")
    const { y: top, width, height } = line.ownerSVGElement.viewBox.baseVal
    const turn = count % 4 / 4, { x, y } = line.points[Math.trunc((line.points.length - 1) * (1 - turn))]
    curve.removeAttribute("id")
    curve.classList.add("kept")
    line.before(curve)
    about.className = "kept"
    about.textContent = label
    about.style.cssText = `left: min(${100 * x / width}%, ${72 - 96 * turn}%); top: clamp(12%, ${100 * (y - top) / height}%, 100%)`
    line.closest(".chart").querySelector("ol.levels").append(about)
    return [curve, about]
  })
  const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" })
  remove.setAttribute("aria-label", `Remove ${label}`)
  remove.onclick = () => {
    for (const part of [...parts, row]) part.remove()
    document.querySelector(kept.childElementCount ? "#kept button" : "[name=start]").focus()
  }
  row.append(`${label}: ends at ${document.getElementById("loss-end").textContent} `, remove)
  kept.append(row)
  count++
}
