// What live.html and inside.html share: the page's data, new elements, and curves in charts.
"use strict"
const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent)
const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt())
const numbersOf = base64 => new Float64Array(bytesOf(base64).buffer)
const element = (tag, properties) => Object.assign(document.createElement(tag), properties)

// Draw a curve with a value every so many updates, and write its last value at the right. This label does not overlap
// that of the other curve: the upper one is above its value, the other one below.
const draw = (name, every, values) => {
  const line = byId(name), { y, height } = line.ownerSVGElement.viewBox.baseVal, last = values.at(-1)
  const label = byId(`${name}-end`), other = label.previousElementSibling ?? label.nextElementSibling
  line.setAttribute("points", values.map((value, n) => `${n * every},${-value}`).join(" "))
  label.textContent = last < 1000 ? last.toFixed(2) : last.toExponential(0)
  label.style.top = `clamp(0%, ${100 * (-last - y) / height}%, 100%)`
  label.classList.toggle("upper", label.offsetTop < other.offsetTop)
  other.classList.toggle("upper", label.offsetTop >= other.offsetTop)
}
