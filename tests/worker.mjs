// The page's Worker under Node: a JSON list of requests comes in, a line of JSON for each answer goes out.
// For tests: `train` does so many updates and answers with every number of the state; `finish` advances to the end of the
// training, and answers with the list of all answers.
import { readFileSync } from "node:fs"
const { worker, wasm, ziggurat, requests } = JSON.parse(readFileSync(0, "utf8"))
const program = { module: new WebAssembly.Module(readFileSync(wasm)), ziggurat }
const inner = "; return { answers, update, state: () => ({ ...network, ...run }) }"
const inside = new Function("onmessage", readFileSync(worker, "utf8") + inner)()
const numbers = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64")
const train = ({ updates }) => {
  const losses = [], smooth = []
  for (let n = 0; n < updates; n++) {
    if (inside.update() === "diverged") break
    const after = inside.state()
    losses.push(after.loss)
    smooth.push(after.smooth)
  }
  const { theta, first, best, best_h, h, m } = inside.state()
  const arrays = { theta, first, best, best_h, h: h.subarray(0, m) }
  const written = Object.entries(arrays).map(([name, array]) => [name, numbers(array)])
  return { losses, smooth, ...Object.fromEntries(written) }
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
