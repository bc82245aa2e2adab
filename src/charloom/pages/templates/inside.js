// The user interface of the page that looks inside; passes.js computes.
const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent), { recipe } = data
const idOf = new Map(data.vocabulary.map((character, id) => [character, id]))
const idsOf = text => [...text].map(character => idOf.get(character)).filter(id => id !== undefined)

// Break one line. A choice is the value of an option, "stage.key", or "".
const { fault, next } = byId("break-form").elements
const faultsOf = choice => choice ? Object.fromEntries([choice.split(".")]) : {}
const found = (check, choice) => data.checks[check].map(given => errors(given, faultsOf(choice)))
  .reduce((most, row) => row.map((error, n) => Math.max(error, most[n])))
const passes = all => Math.max(...all) <= data.limit
const missed = [...fault.options].filter(({ value }) => value && passes(found("assignment", value)))
for (const option of missed) option.text = `✓ ${option.text}`
const show = check => {
  const all = found(check, fault.value), rows = byId(check).querySelectorAll("li")
  byId(check).classList.toggle("passes", passes(all))
  byId(check).querySelector(".result").textContent =
    passes(all) ? "✓ passes: it notices nothing" : `✗ fails: ${NAMES.filter((_, n) => all[n] > data.limit).map(name => `d${name}`).join(", ")}`
  all.forEach((error, n) => {
    rows[n].children[1].textContent = error ? error.toPrecision(1) : "0"
    rows[n].classList.toggle("noticed", error > data.limit)
    rows[n].style.setProperty("--size", `${Math.max(0, Math.min(100, (Math.log10(error) + 16) / 0.18))}%`)
  })
}

// The two trainings: an update of each in turn, in slices of 30 ms. A finished training is kept.
const ids = idsOf(data.text), EVERY = 10, runs = {}
const run = choice => runs[choice] ??= { update: training(data.start, ids, recipe, faultsOf(choice)), smooth: [], n: 0 }
const advance = run => {
  const loss = run.update()
  run.last = run.n ? 0.99 * run.last + 0.01 * loss : loss
  if (run.n++ % EVERY === 0 && isFinite(run.last)) run.smooth.push(run.last)
  run.end = run.n > recipe.updates || !isFinite(loss)
}
const draw = (line, label, { smooth, end }) => {
  const { y, height } = line.ownerSVGElement.viewBox.baseVal, last = smooth.at(-1)
  line.setAttribute("points", smooth.map((loss, n) => `${n * EVERY},${-loss}`).join(" "))
  label.textContent = last.toFixed(1)
  label.style.top = `clamp(0%, ${100 * (-last - y) / height}%, 100%)`
}
let timer
const work = () => {
  const pair = [run(""), run(fault.value)], begin = performance.now()
  while (performance.now() - begin < 30 && pair.some(({ end }) => !end)) pair.filter(({ end }) => !end).forEach(advance)
  const end = byId("broken-end"), other = end.previousElementSibling
  draw(byId("broken-published"), other, pair[0])
  draw(byId("broken"), end, pair[1])
  const upper = pair[1].smooth.at(-1) > pair[0].smooth.at(-1)
  end.classList.toggle("upper", upper)
  other.classList.toggle("upper", !upper)
  if (pair.some(({ end }) => !end)) timer = setTimeout(work)
}
fault.onchange = () => {
  clearTimeout(timer)
  byId("sentence").textContent = fault.value && `${fault.selectedOptions[0].text.replace("✓ ", "")}.`
  for (const check in data.checks) show(check)
  work()
}
byId("break-form").onsubmit = event => {
  event.preventDefault()
  fault.value = (missed.find(({ index }) => index > fault.selectedIndex) ?? missed[0]).value
  fault.onchange()
}
fault.onchange()
