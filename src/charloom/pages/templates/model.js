// The sections that need the model of the project's run, which reads from its own state.
const { h: own } = data, m = own.length, K = vocabulary.length, model = matrices(numbersOf(data.model), m)
const number = value => value?.toFixed(4).replace("-", "−") ?? "–"
const shown = character => ({ " ": "␣", "\n": "↵", "\t": "⇥" })[character] ?? character
const paint = (where, characters, color, title) => where.replaceChildren(...characters.map((textContent, n) => {
  const span = element("span", { textContent, title: title(n) })
  span.style.background = color(n)
  return span
}))
const mixed = (color, share) => `color-mix(in srgb, var(--${color}) ${Math.round(100 * share)}%, transparent)`
const likeliest = (p, id) => bars(byId(id), [...p.keys()].sort((i, j) => p[j] - p[i]).slice(0, 5)
  .map(id => [shown(vocabulary[id]), `${(100 * p[id]).toFixed(1)} %`, p[id]]))

// Type here: the numbers are those of `charloom score`.
const { text } = byId("type-form").elements, unit = byId("unit")
let reading // of the text: its known characters, and the pass over them
const read = () => {
  const characters = [...text.value].filter(character => idOf.has(character)), ids = idsOf(characters.join(""))
  const pass = forward(model, own, ids, ids.slice(1)), bits = pass.losses.map(nats => nats / Math.LN2)
  reading = { characters, pass, bits: bits.reduce((sum, bits) => sum + bits, 0) / bits.length }
  const skipped = [...new Set(text.value)].filter(character => !idOf.has(character)).join(" ")
  const uniform = Math.log2(K), among = `as if it chose among ${(2 ** reading.bits).toFixed(1)} equally likely ones; `
  const cost = `${reading.bits.toFixed(3)} bits per character, ${reading.bits < uniform ? among : "worse than "}`
    + `a uniform guess: ${uniform.toFixed(3)}, among ${K}.`
  const none = "Type two or more characters of the training text: the first has no cost."
  byId("cost").textContent = (bits.length ? cost : none) + (skipped && ` Skipped, not in the training text: ${skipped}`)
  const about = n => n ? `${bits[n - 1].toFixed(2)} bits` : "no cost: the first character"
  paint(byId("read"), characters, n => n ? mixed("vermilion", Math.min(bits[n - 1] / 20, 0.4)) : "", about)
  byId("score-command").closest("p").hidden = !bits.length
  byId("score-command").textContent = `printf %s '${text.value.replaceAll("'", "'\\''")}' | charloom score`
  look()
}
const look = () => {
  const { pass: { p, h }, characters } = reading, states = h.slice(1).map(state => state[unit.value - 1])
  const at = idsOf(text.value.slice(0, text.selectionStart)).length
  byId("guess-title").textContent = `The five likeliest characters ${at ? "at the cursor" : "after the first one"}`
  likeliest(p[Math.max(at - 1, 0)] ?? [], "guesses")
  const color = state => mixed(state < 0 ? "vermilion" : "blue", 0.4 * Math.abs(state))
  byId("unit-number").textContent = `Unit ${unit.value}: ${number(states[Math.max(at - 1, 0)])} at the cursor.`
  paint(byId("activity"), characters, n => color(states[n]), n => number(states[n]))
}
// The unit that is shown first changes most within the text.
const changes = (i, { h } = reading.pass) =>
  h.slice(2).reduce((sum, state, n) => sum + Math.abs(state[i] - h[n + 1][i]), 0)
text.oninput = read
unit.oninput = look
document.addEventListener("selectionchange", () => document.activeElement === text && look())
text.setSelectionRange(text.value.length, text.value.length)
read()
unit.value = 1 + own.reduce((most, _, i) => changes(i) > changes(most) ? i : most, 0)
look()

// One update, step by step: step t < T is forward at t, later steps go backward from T − 1 to 0.
const walk = forward(model, own, data.passage.slice(0, -1), data.passage.slice(1)), T = walk.losses.length
const sent = g => chain(walk, g, STAGES.slope[""], STAGES.carry[""])
const norms = rows => rows.map(row => Math.hypot(...row))
const sentBack = right(walk), d = sent(sentBack), arriving = norms(d), alone = norms(sent(STAGES.g.last_step(walk)))
const { step } = byId("step-form").elements, of = byId("of"), passage = data.passage.map(id => vocabulary[id])
of.value = unit.value
byId("highest").textContent = `The highest: ${Math.max(...walk.losses).toFixed(2)} nats.`
const columns = (id, values, most, marked, reached = () => true) => {
  const kind = n => !reached(n) ? 0 : n !== marked ? 1 : 2, paths = ["", "", ""]
  values.forEach((value, n) => { paths[kind(n)] += `M${n} 0h.8v${-value}h-.8z` })
  if (most) byId(id).setAttribute("viewBox", `0 ${-most} ${T} ${most}`)
  paths.forEach((path, n) => byId(id).children[n].setAttribute("d", path))
}
const tell = () => {
  const n = Number(step.value), t = Math.min(n, 2 * T - 1 - n), i = of.value - 1, back = n >= T, state = walk.h[t + 1]
  const later = d[t + 1] ?? own.map(() => 0)
  const inputs = [dot(model.W[i], walk.h[t]), model.U[i][data.passage[t]], model.b[i][0]]
  const backs = [turned(sentBack[t], model.V)[i], turned(later, model.W)[i]]
  const sum = all => all.map(number).join(" + ").replaceAll("+ −", "− ")
  const read = `the network has read “${shown(passage[t])}”, and “${shown(passage[t + 1])}” follows`
  const from = t < T - 1 ? `the gradient from t = ${t + 1}, and that` : "the gradient"
  byId("where").textContent = (back ? `Backward, t = ${t}: ${from} of the loss of “${shown(passage[t + 1])}”`
    : `Forward, t = ${t}: ${read}`) + `: ${walk.losses[t].toFixed(2)} nats.`
  byId("equation").textContent = `Unit ${of.value}: ` + (back
    ? `d_t = (Vᵀ g_t + Wᵀ d_{t+1}) ⊙ (1 − h_t²) = (${sum(backs)}) · ${number(1 - state[i] ** 2)} = ${number(d[t][i])}`
    : `h_t = tanh(W h_{t−1} + U x_t + b) = tanh(${sum(inputs)}) = ${number(state[i])}`)
  const share = `${alone[T - 1].toPrecision(2)} arrives at its own step, and ${alone[t].toPrecision(2)} here`
  byId("fades").textContent = back ? `|d_t| = ${arriving[t].toFixed(3)}. Of the loss of the last character alone, ${share}.`
    : "The gradient goes back after the last character."
  paint(byId("passage"), passage.slice(0, -1), at => at === t ? mixed("blue", 0.4) : "", at => `t = ${at}`)
  columns("states", [...state], 0, i)
  columns("losses", walk.losses, Math.max(...walk.losses), t, at => back || at <= t)
  columns("arrives", arriving, Math.max(...arriving), t, at => back && at >= t)
  columns("alone", alone.map(norm => Math.max(0, 1 + Math.log10(norm) / 8)), 1, t, at => back && at >= t)
  likeliest(walk.p[t], "next")
}
byId("states").onpointermove = byId("states").onpointerdown = ({ offsetX, currentTarget }) => {
  of.value = 1 + Math.trunc(m * offsetX / currentTarget.clientWidth)
  tell()
}
step.oninput = of.oninput = tell
tell()
