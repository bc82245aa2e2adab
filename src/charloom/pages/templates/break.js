// The section "Break one line". A choice is the value of an option, "stage.key", or "" for no fault.
const { fault } = byId("break-form").elements, { recipe, vocabulary } = data
const idOf = new Map(vocabulary.map((character, id) => [character, id]))
const idsOf = text => [...text].map(character => idOf.get(character)).filter(id => id !== undefined)

// Fill a list of bars: a name, a number and a share for each.
const bars = (list, rows) => [...list.children].forEach((row, n) => {
  const [name, number, share] = rows[n] ?? ["–", "", 0]
  row.children[0].textContent = name
  row.children[1].textContent = number
  row.style.setProperty("--size", `${100 * share}%`)
})

// The two checks.
for (const given of Object.values(data.checks).flat()) given.weights = matrices(numbersOf(given.weights), given.h.length)
const faultsOf = choice => choice ? Object.fromEntries([choice.split(".")]) : {}
const found = (check, choice) => data.checks[check].map(given => errors(given, faultsOf(choice)))
  .reduce((most, row) => row.map((error, n) => Math.max(error, most[n])))
const passes = all => Math.max(...all) <= data.limit
const missed = [...fault.options].filter(({ value }) => value && passes(found("assignment", value)))
for (const option of missed) option.text = `✓ ${option.text}`
const show = check => {
  const all = found(check, fault.value), list = byId(`${check}-bars`)
  const noticed = NAMES.filter((_, n) => all[n] > data.limit).map(name => `d${name}`).join(", ")
  byId(check).classList.toggle("passes", passes(all))
  byId(check).querySelector(".result").textContent = noticed ? `✗ fails: ${noticed}`
    : fault.value ? "✓ passes, although the gradient is wrong" : "✓ passes: it notices nothing"
  const share = error => Math.max(0, Math.min(1, (Math.log10(error) + 16) / 18))
  bars(list, all.map((error, n) => [`d${NAMES[n]}`, error ? error.toPrecision(1) : "0", share(error)]))
  all.forEach((error, n) => list.children[n].classList.toggle("noticed", error > data.limit))
}

// The two trainings: an update of each in turn, in slices of 30 ms. A finished training is kept.
const start = matrices(numbersOf(data.start), recipe.m), ids = idsOf(data.text), EVERY = 10, runs = {}
const run = choice => runs[choice] ??= { update: training(start, ids, recipe, faultsOf(choice)), smooth: [], n: 0 }
const advance = run => {
  const loss = run.update()
  run.last = run.n ? 0.99 * run.last + 0.01 * loss : loss
  if (run.n++ % EVERY === 0 && isFinite(run.last)) run.smooth.push(run.last)
  run.end = run.n > recipe.updates || !isFinite(loss)
}
let timer
const work = () => {
  const pair = [run(""), run(fault.value)], left = () => pair.filter(({ end }) => !end), begin = performance.now()
  while (performance.now() - begin < 30 && left().length) left().forEach(advance)
  draw("broken-published", EVERY, pair[0].smooth)
  draw("broken", EVERY, pair[1].smooth)
  if (left().length) timer = setTimeout(work)
}

fault.onchange = () => {
  clearTimeout(timer)
  const says = fault.selectedOptions[0].text.replace("✓ ", "")
  byId("sentence").textContent = fault.value && `${says[0].toUpperCase()}${says.slice(1)}.`
  for (const check in data.checks) show(check)
  work()
}
byId("break-form").onsubmit = event => {
  event.preventDefault()
  fault.value = (missed.find(({ index }) => index > fault.selectedIndex) ?? missed[0]).value
  fault.onchange()
}
fault.onchange()
