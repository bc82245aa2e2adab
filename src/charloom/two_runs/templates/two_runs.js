// The shaded texts: a tap, or the arrow keys, show the costs of a character.
const unpacked = base64 => new Uint16Array(bytesOf(base64).buffer)
const visibleOf = character => ({ " ": "␣", "\n": "↵", "\t": "⇥" })[character] ?? character
const bitsOf = value => `${value === 65535 ? "over " : ""}${(value / data.steps).toFixed(2)} bits`
// Shade the characters in `pre`. costs: of A and B, undefined for a character without a cost; guesses: of A and B.
const paint = (pre, characters, costs, guesses) => {
  const tell = pre.nextElementSibling, change = n => costs[1][n] - costs[0][n]
  pre.replaceChildren(...characters.map((textContent, n) => {
    const span = element("span", { textContent }), difference = (costs[1][n] - costs[0][n]) / data.steps || 0
    const share = Math.round(Math.min(Math.abs(difference) / 4, 1) * 60)
    if (share) span.style.background = `color-mix(in srgb, var(--${difference < 0 ? "blue" : "vermilion"}) ${share}%, transparent)`
    return span
  }))
  const show = n => {
    pre.querySelector(".at")?.classList.remove("at")
    const span = pre.children[n]
    if (!span) return
    span.classList.add("at")
    const line = k => (costs[k][n] === undefined ? "no cost" : bitsOf(costs[k][n])) + ` in ${"AB"[k]}`
      + (guesses ? `, which expects ${guesses[k][n]}` : "")
    tell.textContent = `“${visibleOf(characters[n])}” costs ${line(0)}${guesses ? "\n" : " "}and ${line(1)}`
  }
  tell.textContent = ""
  if (guesses) { // first the character that changes most, in the passage's own direction
    const sum = characters.reduce((sum, _, n) => sum + change(n), 0)
    show(characters.reduce((most, _, n) => change(n) / sum > change(most) / sum ? n : most, 0))
  }
  pre.onclick = ({ target }) => show([...pre.children].indexOf(target))
  pre.onkeydown = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const at = [...pre.children].indexOf(pre.querySelector(".at"))
    show(Math.max(0, Math.min(characters.length - 1, at + step)))
  }
}
data.passages.forEach(([text, a, b, guesses], n) => {
  paint(byId(`passage-${n}`), [...text], [unpacked(a), unpacked(b)], guesses)
})
const whole = [...data.whole[0]], wholeCosts = data.whole.slice(1).map(unpacked), block = byId("block")
const showBlock = () => {
  const from = (block.value - 1) * data.block, to = Math.min(from + data.block, whole.length)
  byId("where").textContent = `Characters ${(from + 1).toLocaleString("en")} to ${to.toLocaleString("en")}`
  // The first character of the text has no cost, so the costs are one place behind.
  const costs = wholeCosts.map(own => from ? [...own.subarray(from - 1, to - 1)] : [undefined, ...own.subarray(0, to - 1)])
  paint(byId("whole"), whole.slice(from, to), costs)
}
block.oninput = showBlock
showBlock()
