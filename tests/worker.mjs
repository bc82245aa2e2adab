// The page's Worker under Node: a JSON list of requests comes in, a line of JSON for each answer goes out.
// For tests: `train` does so many updates and answers with every number of the state; `finish` advances to the end of the
// training, and answers with the list of all answers.
import { readFileSync } from "node:fs"
const { worker, wasm, ziggurat, requests } = JSON.parse(readFileSync(0, "utf8"))
const program = { module: new WebAssembly.Module(readFileSync(wasm)), ziggurat }
const inner = "; return { answers, update, position, state: () => ({ ...network, ...run }) }"
const inside = new Function("onmessage", readFileSync(worker, "utf8") + inner)()
const numbers = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64")
let best_h // the state before the update with the lowest smooth loss
const train = ({ updates }) => {
  const losses = [], smooth = []
  for (let n = 0; n < updates; n++) {
    const { h, m, lowest } = inside.state(), before = inside.position() ? h.slice(0, m) : new Float64Array(m)
    if (inside.update() === "diverged") break
    const after = inside.state()
    if (after.lowest !== lowest) best_h = numbers(before)
    losses.push(after.loss)
    smooth.push(after.smooth)
  }
  const { theta, first, best, h, m } = inside.state()
  const [weights, sums, lowest, carried] = [theta, first, best, h.subarray(0, m)].map(numbers)
  return { losses, smooth, theta: weights, first: sums, best: lowest, h: carried, best_h }
}
const finish = async () => {
  const all = []
  do all.push({ ...await inside.answers.advance() })
  while (!all.at(-1).end)
  return all
}
for (const { kind, ...request } of requests) {
  const given = { program, ...request }
  if (given.model?.base64) given.model.theta = new Float64Array(new Uint8Array(Buffer.from(given.model.base64, "base64")).buffer)
  console.log(JSON.stringify(await ({ train, finish }[kind] ?? inside.answers[kind])(given)))
}
